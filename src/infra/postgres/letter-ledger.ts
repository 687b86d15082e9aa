import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { TransactionType } from '../../contracts/command.ts';
import type { InboundQueue } from '../../contracts/queues.ts';
import { ensureError } from '../../domain/errors.ts';
import { replayOf } from '../../domain/replay.ts';
import type { RefundTarget, ReplayableLetter } from '../../domain/replay.ts';
import { isoTime } from './journal-entry.ts';
import { takeInHands } from './letter-lock.ts';
import { letterSubject } from './letter-view.ts';
import { poolTransaction } from './pool-transaction.ts';

/**
 * What operators do to dead letters, each with its line in the operator log.
 *
 * W1. Whoever works on a letter holds its lock (`letter-lock.ts`) to the end: two replays of one letter publish it once.
 * W2. A letter counts as replayed only after the broker has confirmed the message, and is marked then at once, in a commit of its
 *     own: it holds no other row, so it and a commit that closes many letters cannot wait for each other. A crash in between leaves it open, and
 *     another replay is harmless: a transaction is its id.
 * W3. Rows are read in the order of their ids and never waited for: a letter that somebody else works on is refused.
 */

export interface OperatorNote {
  readonly operator: string;
  readonly why: string | null;
}

export interface ReplayRequest extends OperatorNote {
  /** Also letters that were replayed or discarded before. */
  readonly again: boolean;
  /** Transaction that a refund without target refunds; null: nothing was said. */
  readonly refundOf: string | null;
  /** Resolves when the broker has confirmed the message; rejects where it is not known to have it. */
  readonly send: (message: ReplayMessage) => Promise<void>;
}

export interface ReplayMessage {
  readonly letterId: bigint;
  readonly queue: InboundQueue;
  readonly body: Buffer;
}

/** A message that was sent, as far as its outcome can be told by it. */
export interface SentLetter {
  readonly letterId: bigint;
  readonly transactionId: string | null;
  readonly accountId: string | null;
  readonly queue: InboundQueue;
  readonly bodySha256: Buffer;
  /** By the clock of PostgreSQL, to the microsecond. */
  readonly sentAt: string;
}

export type LetterResult =
  | { readonly kind: 'sent'; readonly letterId: bigint; readonly sent: SentLetter }
  | { readonly kind: 'discarded'; readonly letterId: bigint }
  /** Nothing was done; `why` says what to do. */
  | { readonly kind: 'refused'; readonly letterId: bigint; readonly why: string }
  /** The broker is not known to have it, or it could not be marked: it is still open, and sending it again is harmless. */
  | { readonly kind: 'not-sent'; readonly letterId: bigint; readonly why: string };

interface KeptLetter extends ReplayableLetter {
  readonly id: string;
  readonly state: 'open' | 'replayed' | 'discarded';
  readonly transactionId: string | null;
  readonly closedAt: string | null;
  readonly closedBy: string | null;
}

/** Sends these letters again. One result per id, in the order given. Needs two connections of the pool. */
export function replayLetters(
  pool: pg.Pool,
  ids: readonly bigint[],
  request: ReplayRequest,
): Promise<readonly LetterResult[]> {
  return poolTransaction(pool, async (client) => {
    // It stays open while the broker confirms.
    await client.query(`set local idle_in_transaction_session_timeout = '60s'`);
    const letters = await lockLetters(client, ids);
    const target = request.refundOf === null ? null : await readTarget(client, request.refundOf);
    const sentAt = await clockOf(client);
    const { again, refundOf } = request;
    const mark = (letterId: bigint): Promise<void> =>
      note(pool, [letterId], 'replayed', request, { again, refundOf });
    return Promise.all(ids.map((id) => replayOne(id, letters.get(id), target, { ...request, sentAt, mark })));
  });
}

/** Closes these letters without sending them. One result per id, in the order given. */
export function discardLetters(
  pool: pg.Pool,
  ids: readonly bigint[],
  operatorNote: OperatorNote,
): Promise<readonly LetterResult[]> {
  return poolTransaction(pool, async (client) => {
    const letters = await lockLetters(client, ids);
    const results = ids.map((letterId): LetterResult => {
      const letter = letters.get(letterId);
      const why = closedBefore(letter, '');
      return why === null ? { kind: 'discarded', letterId } : { kind: 'refused', letterId, why };
    });
    const discarded = results.filter(({ kind }) => kind === 'discarded').map(({ letterId }) => letterId);
    await note(client, discarded, 'discarded', operatorNote, {});
    return results;
  });
}

interface Sending extends ReplayRequest {
  readonly sentAt: string;
  readonly mark: (letterId: bigint) => Promise<void>;
}

async function replayOne(
  letterId: bigint,
  letter: KeptLetter | null | undefined,
  target: RefundTarget | null,
  { again, send, sentAt, mark }: Sending,
): Promise<LetterResult> {
  const why = again && letter != null ? null : closedBefore(letter, '; --again sends it all the same');
  if (why !== null || letter == null) return { kind: 'refused', letterId, why: why ?? '' };
  const replay = replayOf(letter, target);
  if (replay.kind === 'refused') return { kind: 'refused', letterId, why: replay.why };
  const { queue, body } = replay;
  try {
    await send({ letterId, queue, body });
    await mark(letterId);
  } catch (error) {
    return { kind: 'not-sent', letterId, why: ensureError(error).message };
  }
  const { transactionId, accountId } = letter;
  const bodySha256 = createHash('sha256').update(body).digest();
  return {
    kind: 'sent',
    letterId,
    sent: { letterId, transactionId, accountId, queue, bodySha256, sentAt },
  };
}

/** null: it is open. */
function closedBefore(letter: KeptLetter | null | undefined, remedy: string): string | null {
  if (letter === undefined) return 'there is no such dead letter';
  if (letter === null) return 'somebody else works on it at this moment: look again';
  if (letter.state === 'open') return null;
  return `it was ${letter.state} by ${letter.closedBy ?? 'nobody known'} at ${letter.closedAt ?? 'an unknown time'}${remedy}`;
}

/** Locks are tried for every id before any row is read: what is read then cannot change under us, but by a commit that decides it. */
const LOCK = `
select g.id::text from unnest($1::bigint[]) as g (id)
 where ${takeInHands('g.id')}`;

const LETTERS = `
select l.id::text, l.state, l.code, l.queue, l.dead_letter_queue as "deadLetterQueue",
       l.transaction_id as "transactionId", l.account_id as "accountId", l.body, l.body_bytes::float8 as "bodyBytes",
       ${isoTime('l.closed_at')} as "closedAt", l.closed_by as "closedBy"
  from processor.dead_letters l where l.id = any ($1::bigint[])`;

/** By id; null: somebody else has it. */
async function lockLetters(
  client: pg.PoolClient,
  ids: readonly bigint[],
): Promise<ReadonlyMap<bigint, KeptLetter | null>> {
  const sorted = [...ids].sort((a, b) => (a < b ? -1 : 1)).map(String);
  const { rows: locked } = await client.query<{ id: string }>(LOCK, [sorted]);
  const ours = new Set(locked.map(({ id }) => id));
  const { rows } = await client.query<KeptLetter>(LETTERS, [sorted]);
  return new Map(rows.map((row) => [BigInt(row.id), ours.has(row.id) ? row : null]));
}

async function clockOf(client: pg.PoolClient): Promise<string> {
  const { rows } = await client.query<{ now: string }>(`select clock_timestamp()::text as now`);
  return rows[0]?.now ?? '';
}

const TARGET = `
select coalesce(j.account_id, t.account_id) as "accountId", coalesce(j.type, t.type) as type
  from (select $1::uuid as id) w
  left join processor.journal j on j.transaction_id = w.id and j.operator is null
  left join public.transactions t on t.id = w.id
 where j.transaction_id is not null or t.id is not null`;

async function readTarget(client: pg.PoolClient, transactionId: string): Promise<RefundTarget> {
  const { rows } = await client.query<{
    readonly accountId: string | null;
    readonly type: TransactionType;
  }>(TARGET, [transactionId]);
  const [row] = rows;
  return row === undefined ? { transactionId, found: false } : { transactionId, found: true, ...row };
}

const CLOSE = `
with closed as (
  update processor.dead_letters l
     set state = $2, closed_at = clock_timestamp(), closed_by = $3
   where l.id = any ($1::bigint[])
  returning l.id, l.code, l.transaction_id, l.account_id
)
insert into processor.operator_log (operator, action, subject, why, detail)
select $3, $4, $5 || c.id, $6, $7::jsonb || jsonb_build_object(
         'code', c.code, 'transactionId', c.transaction_id, 'accountId', c.account_id)
  from closed c order by c.id`;

async function note(
  client: Pick<pg.Pool, 'query'> | pg.PoolClient,
  ids: readonly bigint[],
  state: 'replayed' | 'discarded',
  { operator, why }: OperatorNote,
  detail: object,
): Promise<void> {
  if (ids.length === 0) return;
  const action = state === 'replayed' ? 'replay' : 'discard';
  const values = [ids.map(String), state, operator, action, letterSubject(''), why, JSON.stringify(detail)];
  await client.query(CLOSE, values);
}
