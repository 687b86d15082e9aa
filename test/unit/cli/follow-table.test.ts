/**
 * Without this: rows are lost to `paygate shadow` when PostgreSQL goes away in the middle of a look, or what happened an hour ago excuses
 * a wrong decision of now.
 */
import { expect, it } from 'vitest';
import { followTable } from '../../../src/cli/shadow/follow-table.ts';
import { Followed } from '../../../src/domain/shadow/followed.ts';
import type { Comparison } from '../../../src/domain/shadow/names.ts';
import type { Standing, TableRow } from '../../../src/domain/shadow/table-row.ts';
import type { ShadowPage } from '../../../src/infra/postgres/shadow-reader.ts';
import { tableRow } from '../../support/table-row.ts';

const ACCOUNT = '00000000-0000-4000-8000-00000000000a';

const row = (number: number, fields: Partial<TableRow> = {}): TableRow =>
  tableRow(number, { accountId: ACCOUNT, ...fields });

const standingOf = (balanceCents: bigint): Standing => ({
  accounts: new Map([[ACCOUNT, { balanceCents, chargesCents: 0n, hasRefunds: false }]]),
  cards: new Map(),
  originals: new Map(),
});

/** What each look finds: a page, nothing, or a failure of the server. */
type Look = Omit<ShadowPage, 'standing'> & { readonly standing: Standing | Error };

/** What it tells of the looks; ends with the last of them. */
async function told(looks: readonly (Look | null)[]): Promise<readonly string[]> {
  const end = new AbortController();
  const lines: string[] = [];
  let n = 0;
  await followTable({
    reader: {
      look: async (onPage) => {
        const look = looks[n] ?? null;
        n += 1;
        if (n >= looks.length) end.abort();
        if (look === null) return;
        const { rows, standing } = look;
        const read = (): Promise<Standing> =>
          standing instanceof Error ? Promise.reject(standing) : Promise.resolve(standing);
        await onPage({ rows, standing: read });
      },
    },
    followed: new Followed({
      startedAtMs: Date.parse('2026-11-22T12:00:00Z'),
      pending: [],
      isComplete: true,
    }),
    decide: { refundAmount: 'message' },
    intervalMs: 0,
    // The last look is only there to end it.
    signal: end.signal,
    onComparison: (one, comparison) => lines.push(`${one.type} ${wordOf(comparison)}`),
    onLook: () => undefined,
    onTrouble: ({ message }) => lines.push(message),
  });
  return lines;
}

const wordOf = (comparison: Comparison): string =>
  comparison.kind === 'not-compared' ? comparison.why : comparison.kind;

const LOST = Object.assign(new Error('connection lost'), { code: '57P01' });

it('a look that fails is made again, and nothing of it is lost or told twice', async () => {
  const rows = [row(1), row(2)];
  const failing = { rows, standing: LOST };
  const good = { rows, standing: standingOf(0n) };
  expect(await told([failing, good, good, null])).toEqual([
    'connection lost',
    'DEPOSIT agrees',
    'DEPOSIT agrees',
  ]);
});

it('an error that does not pass ends it', async () => {
  await expect(told([{ rows: [row(1)], standing: new Error('a bug') }, null])).rejects.toThrow('a bug');
});

it('what moved in the look before may explain a decision, what moved earlier may not', async () => {
  const deposit = { rows: [row(1)], standing: standingOf(0n) };
  const refused = {
    rows: [row(2, { type: 'PURCHASE', status: 'REJECTED' })],
    standing: standingOf(100n),
  };
  expect(await told([deposit, refused, null])).toEqual(['DEPOSIT agrees', 'PURCHASE order']);
  expect(await told([deposit, null, refused, null])).toEqual(['DEPOSIT agrees', 'PURCHASE unknown']);
});
