import type pg from 'pg';
import type { Violation, ViolationKind, ViolationSample } from './audit-report.ts';
import { counted } from './audit-statements.ts';

/** Where a check looks: its `$1` and `$2`. */
export type Place = readonly [string | number | null, string | number | null];

/** Of each kind the exact number, and `sampleMax` violations at most. */
export async function findSome(
  client: pg.ClientBase,
  findings: string,
  place: Place | null,
  sampleMax: number,
): Promise<readonly Violation[]> {
  const sql = counted(findings, place === null ? '$1' : '$3');
  // The number comes with the first of them.
  const { rows } = await client.query<Violation>(sql, [...(place ?? []), Math.max(1, sampleMax)]);
  return rows.map((found) => ({ ...found, samples: found.samples.slice(0, sampleMax) }));
}

interface Finding {
  readonly kind: ViolationKind;
  readonly accountId: string | null;
  readonly transactionId: string | null;
  readonly detail: string;
}

const ROWS_PER_FETCH = 1_000;

/** All of them, a thousand at a time through a cursor: however many there are, few are in memory. */
export async function* findAll(
  client: pg.PoolClient,
  findings: string,
  place: Place | null,
): AsyncGenerator<{ readonly kind: ViolationKind; readonly sample: ViolationSample }> {
  // A cursor takes no parameters. These are ids, times and numbers that the database gave us.
  const placed = findings.replace(/\$([12])\b/g, (_, n) =>
    literal(client, place?.[n === '1' ? 0 : 1] ?? null),
  );
  await client.query(`
declare findings no scroll cursor for
select kind, account_id as "accountId", transaction_id as "transactionId", detail from (${placed}) f`);
  for (;;) {
    const { rows } = await client.query<Finding>(`fetch ${ROWS_PER_FETCH} from findings`);
    for (const { kind, ...sample } of rows) yield { kind, sample };
    if (rows.length < ROWS_PER_FETCH) break;
  }
  await client.query('close findings');
}

function literal(client: pg.PoolClient, value: string | number | null): string {
  return value === null ? 'null' : client.escapeLiteral(String(value));
}
