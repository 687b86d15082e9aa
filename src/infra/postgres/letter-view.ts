import type pg from 'pg';
import type { DeadLetterQueue, InboundQueue } from '../../contracts/queues.ts';
import { CATEGORY_OF_CODE } from '../../domain/error-category.ts';
import type { ErrorCategory, LetterCode } from '../../domain/error-category.ts';
import { isoTime } from './journal-entry.ts';
import { poolTransaction } from './pool-transaction.ts';

/** `decided`: open, but its transaction was decided since. */
export const LETTER_STANDINGS = ['open', 'decided', 'replayed', 'discarded'] as const;
export type LetterStanding = (typeof LETTER_STANDINGS)[number];

export interface LetterFilter {
  /** null: all of them. */
  readonly standing: LetterStanding | null;
  readonly reason: LetterCode | null;
  /** The queue it was read from, or the one it was published to. */
  readonly queue: InboundQueue | DeadLetterQueue | null;
  readonly accountId: string | null;
  readonly olderThanMs: number | null;
  readonly newerThanMs: number | null;
}

/** A dead letter without its body. Times RFC 3339 in UTC. */
export interface LetterView {
  readonly id: bigint;
  readonly standing: LetterStanding;
  readonly code: LetterCode;
  readonly category: ErrorCategory;
  readonly detail: string;
  readonly queue: InboundQueue;
  readonly deadLetterQueue: DeadLetterQueue;
  readonly transactionId: string | null;
  readonly accountId: string | null;
  readonly attempts: number;
  readonly firstSeenAt: string;
  readonly createdAt: string;
  /** Of the whole message, and how much of it is kept. */
  readonly bodyBytes: number;
  readonly keptBytes: number;
  readonly bodySha256: string;
  readonly closedAt: string | null;
  readonly closedBy: string | null;
}

export interface LetterPage {
  /** Newest first. */
  readonly letters: readonly LetterView[];
  /** How many the filter fits, shown or not. */
  readonly total: number;
  /** How many it would fit besides, if those decided since were asked for too; 0 where the filter is not on open ones. */
  readonly decidedSince: number;
}

export interface LetterDetails extends LetterView {
  /** As it was kept. */
  readonly body: Buffer;
  /** Of its transaction's row; null: it has none. */
  readonly transactionStatus: string | null;
  /** What operators did to it, oldest first. */
  readonly history: readonly LetterAction[];
}

export interface LetterAction {
  readonly at: string;
  readonly operator: string;
  readonly action: string;
  readonly why: string | null;
}

/** `subject` of a letter in `processor.operator_log`. */
export function letterSubject(id: bigint | string): string {
  return `dead-letter:${id}`;
}

const COLUMNS = `
l.id::text, l.standing, l.code, l.detail, l.queue, l.dead_letter_queue as "deadLetterQueue",
l.transaction_id as "transactionId", l.account_id as "accountId", l.attempts,
${isoTime('l.first_seen_at')} as "firstSeenAt", ${isoTime('l.created_at')} as "createdAt",
l.body_bytes::float8 as "bodyBytes", octet_length(l.body) as "keptBytes", encode(l.body_sha256, 'hex') as "bodySha256",
${isoTime('l.closed_at')} as "closedAt", l.closed_by as "closedBy"`;

type LetterRow = Omit<LetterView, 'id' | 'category'> & { readonly id: string };

/** All parts of a filter but the standing: its values are `$1` to `$5`. */
const FITS = `
($1::text is null or l.code = $1)
and ($2::text is null or $2 in (l.queue, l.dead_letter_queue))
and ($3::uuid is null or l.account_id = $3)
and ($4::float8 is null or l.created_at < now() - $4 * interval '1 millisecond')
and ($5::float8 is null or l.created_at > now() - $5 * interval '1 millisecond')`;

function valuesOf({ reason, queue, accountId, olderThanMs, newerThanMs }: LetterFilter): unknown[] {
  return [reason, queue, accountId, olderThanMs, newerThanMs];
}

/** The state stands there in plain words, so that the index on open letters is used. */
function stands(standing: LetterStanding | null): string {
  if (standing === null) return 'true';
  const isOpen = standing === 'open' || standing === 'decided';
  return isOpen ? `l.state = 'open' and l.standing = '${standing}'` : `l.state = '${standing}'`;
}

/** Letters that fit, newest first, at most `limit`. Rejects with the driver's error. */
export function listLetters(pool: pg.Pool, filter: LetterFilter, limit: number): Promise<LetterPage> {
  return poolTransaction(
    pool,
    async (client) => {
      const { rows } = await client.query<LetterRow>(
        `select ${COLUMNS} from processor.letters l where ${stands(filter.standing)} and ${FITS} order by l.id desc limit $6`,
        [...valuesOf(filter), limit],
      );
      const total = await countLetters(client, filter);
      const decidedSince =
        filter.standing === 'open' ? await countLetters(client, { ...filter, standing: 'decided' }) : 0;
      return { letters: rows.map(letterOf), total, decidedSince };
    },
    'begin isolation level repeatable read',
  );
}

async function countLetters(client: pg.ClientBase, filter: LetterFilter): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::int as n from processor.letters l where ${stands(filter.standing)} and ${FITS}`,
    valuesOf(filter),
  );
  return rows[0]?.n ?? 0;
}

/** Ids of the letters that fit, oldest first, at most `limit`. */
export async function letterIds(
  pool: pg.Pool,
  filter: LetterFilter,
  limit: number,
): Promise<readonly bigint[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select l.id::text from processor.letters l where ${stands(filter.standing)} and ${FITS} order by l.id limit $6`,
    [...valuesOf(filter), limit],
  );
  return rows.map(({ id }) => BigInt(id));
}

/** null: there is no letter of this id. */
export async function readLetter(pool: pg.Pool, id: bigint): Promise<LetterDetails | null> {
  const { rows } = await pool.query<LetterRow & Pick<LetterDetails, 'body' | 'transactionStatus'>>(
    `select ${COLUMNS}, l.body, t.status as "transactionStatus"
       from processor.letters l left join public.transactions t on t.id = l.transaction_id where l.id = $1`,
    [String(id)],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const history = await pool.query<LetterAction>(
    `select ${isoTime('o.at')} as at, o.operator, o.action, o.why from processor.operator_log o where o.subject = $1 order by o.id`,
    [letterSubject(id)],
  );
  return {
    ...letterOf(row),
    body: row.body,
    transactionStatus: row.transactionStatus,
    history: history.rows,
  };
}

function letterOf(row: LetterRow): LetterView {
  return {
    id: BigInt(row.id),
    standing: row.standing,
    code: row.code,
    category: CATEGORY_OF_CODE[row.code],
    detail: row.detail,
    queue: row.queue,
    deadLetterQueue: row.deadLetterQueue,
    transactionId: row.transactionId,
    accountId: row.accountId,
    attempts: row.attempts,
    firstSeenAt: row.firstSeenAt,
    createdAt: row.createdAt,
    bodyBytes: row.bodyBytes,
    keptBytes: row.keptBytes,
    bodySha256: row.bodySha256,
    closedAt: row.closedAt,
    closedBy: row.closedBy,
  };
}
