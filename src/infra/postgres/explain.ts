import type pg from 'pg';
import { decodeMessage } from '../../contracts/decode.ts';
import type { InboundQueue } from '../../contracts/queues.ts';
import { sentenceOf } from './explain-sentence.ts';
import { isoTime, JOURNAL_ENTRY, journalEntryOf } from './journal-entry.ts';
import type { JournalEntry, JournalEntryRow } from './journal-entry.ts';
import { poolTransaction } from './pool-transaction.ts';

/** Everything the ledger knows of one transaction. Money in cents, times RFC 3339 in UTC. */
export interface TransactionRecords {
  readonly transactionId: string;
  /** Its row in `transactions`. */
  readonly row: {
    readonly accountId: string;
    readonly type: string;
    readonly amountCents: bigint;
    readonly status: string;
    readonly cardId: string | null;
    readonly originalId: string | null;
    readonly idempotencyKey: string | null;
    readonly createdAt: string;
    /** Made before this ledger took over from the old processor. */
    readonly beforeOpening: boolean;
  } | null;
  readonly decision: JournalEntry | null;
  /** The refunded transaction of a refund, where it exists. */
  readonly original: {
    readonly transactionId: string;
    readonly status: string;
    readonly amountCents: bigint;
    /** By refunds decided before this one. */
    readonly refundedBeforeCents: bigint;
  } | null;
  readonly retry: {
    readonly code: string;
    /** 1 = first retry. */
    readonly attempt: number;
    readonly dueAt: string;
    readonly firstSeenAt: string;
    readonly originalId: string | null;
  } | null;
  readonly parked: readonly { readonly reason: string; readonly since: string }[];
  /** By whom it was ended with `paygate pending discard`; null: it was not. */
  readonly discard: { readonly operator: string; readonly why: string; readonly at: string } | null;
  /** Oldest first. */
  readonly deadLetters: readonly {
    readonly id: bigint;
    readonly code: string;
    readonly detail: string;
    readonly attempts: number;
    readonly state: string;
    readonly queue: string;
    readonly createdAt: string;
  }[];
}

export interface TransactionExplanation extends TransactionRecords {
  /** Whether anything at all is known of it. */
  readonly known: boolean;
  /** Why it is what it is, in words. */
  readonly sentence: string;
}

/**
 * "Why was this rejected, why is it still pending?" All is read at one moment.
 *
 * @param transactionId UUID, in any letter case. Rejects with the driver's error.
 */
export async function explainTransaction(
  pool: pg.Pool,
  transactionId: string,
): Promise<TransactionExplanation> {
  const records = await poolTransaction(
    pool,
    (client) => readRecords(client, transactionId.toLowerCase()),
    'begin isolation level repeatable read',
  );
  const { row, decision, retry, parked, deadLetters } = records;
  const known = row !== null || decision !== null || retry !== null || parked.length + deadLetters.length > 0;
  return { ...records, known, sentence: sentenceOf(records) };
}

const ROW = `
select t.account_id as "accountId", t.type, t.amount_cents::text as "amountCents", t.status, t.card_id as "cardId",
       t.refund_transaction_id as "originalId", t.idempotency_key as "idempotencyKey",
       ${isoTime('t.created_at')} as "createdAt", coalesce(t.created_at < c.opened_at, true) as "beforeOpening"
  from public.transactions t cross join processor.cluster c where t.id = $1`;

const DECISION = `select ${JOURNAL_ENTRY} from processor.journal j where j.transaction_id = $1`;

/** Refunds before the one whose seq is $2; all of them where it is null. */
const ORIGINAL = `
select t.id as "transactionId", t.status, t.amount_cents::text as "amountCents",
       (coalesce((select sum(abs(r.amount_cents)) from processor.journal r
                   where r.original_id = t.id and r.outcome = 'APPROVED' and ($2::bigint is null or r.seq < $2)), 0)
        + coalesce((select o.refunded_cents from processor.opening_refunds o where o.original_id = t.id), 0)
       )::text as "refundedBeforeCents"
  from public.transactions t where t.id = $1`;

const RETRY = `
select r.code, r.attempt, r.queue, r.body, ${isoTime('r.due_at')} as "dueAt",
       ${isoTime('r.first_seen_at')} as "firstSeenAt"
  from processor.retries r where r.transaction_id = $1`;

/** Parked commands are found by their text: the table keeps no transaction id. */
const PARKED = `
select p.reason, ${isoTime('p.since')} as since
  from processor.parked p where position($1 in lower(encode(p.body, 'escape'))) > 0
   and ($2::uuid is null or p.account_id = $2) order by p.n`;

const DEAD_LETTERS = `
select d.id::text, d.code, d.detail, d.attempts, d.state, d.queue, ${isoTime('d.created_at')} as "createdAt"
  from processor.dead_letters d where d.transaction_id = $1 order by d.id`;

const DISCARD = `
select l.operator, l.why, ${isoTime('l.at')} as at from processor.operator_log l
 where l.subject = $1 and l.action = 'pending.discard' order by l.id desc limit 1`;

type Row = NonNullable<TransactionRecords['row']>;
type Original = NonNullable<TransactionRecords['original']>;
type Retry = NonNullable<TransactionRecords['retry']>;
type Letter = TransactionRecords['deadLetters'][number];
type RetryRow = Omit<Retry, 'originalId'> & { readonly queue: InboundQueue; readonly body: Buffer };

async function readRecords(client: pg.PoolClient, id: string): Promise<TransactionRecords> {
  const row = await first<Omit<Row, 'amountCents'> & { amountCents: string }>(client, ROW, [id]);
  const entry = await first<JournalEntryRow>(client, DECISION, [id]);
  const decision = entry === null ? null : journalEntryOf(entry);
  const waiting = await first<RetryRow>(client, RETRY, [id]);
  const retry = waiting === null ? null : retryOf(waiting);
  const letters = await client.query<Omit<Letter, 'id'> & { id: string }>(DEAD_LETTERS, [id]);
  const parked = await client.query<TransactionRecords['parked'][number]>(PARKED, [
    id,
    row?.accountId ?? null,
  ]);
  const originalId = decision?.originalId ?? row?.originalId ?? retry?.originalId ?? null;
  return {
    transactionId: id,
    row: row === null ? null : { ...row, amountCents: BigInt(row.amountCents) },
    decision,
    original: originalId === null ? null : await readOriginal(client, originalId, decision),
    retry,
    parked: parked.rows,
    discard: await first<NonNullable<TransactionRecords['discard']>>(client, DISCARD, [id]),
    deadLetters: letters.rows.map((letter) => ({ ...letter, id: BigInt(letter.id) })),
  };
}

async function readOriginal(
  client: pg.PoolClient,
  originalId: string,
  decision: JournalEntry | null,
): Promise<Original | null> {
  type OriginalRow = Pick<Original, 'transactionId' | 'status'> & {
    amountCents: string;
    refundedBeforeCents: string;
  };
  const original = await first<OriginalRow>(client, ORIGINAL, [originalId, decision?.seq.toString() ?? null]);
  if (original === null) return null;
  return {
    ...original,
    amountCents: BigInt(original.amountCents),
    refundedBeforeCents: BigInt(original.refundedBeforeCents),
  };
}

/** What a waiting refund refunds stands only in its message: its row has no target before it is decided. */
function retryOf({ queue, body, ...retry }: RetryRow): Retry {
  const decoded = decodeMessage(queue, body);
  const originalId = decoded.ok && decoded.command.kind === 'transaction' ? decoded.command.originalId : null;
  return { ...retry, originalId };
}

async function first<Found extends pg.QueryResultRow>(
  client: pg.PoolClient,
  sql: string,
  values: readonly unknown[],
): Promise<Found | null> {
  const { rows } = await client.query<Found>(sql, [...values]);
  return rows[0] ?? null;
}
