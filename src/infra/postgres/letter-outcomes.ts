import type pg from 'pg';
import { isoTime } from './journal-entry.ts';
import type { SentLetter } from './letter-ledger.ts';

/** What has become of a message that was sent again. Times RFC 3339 in UTC. */
export type LetterOutcome =
  | {
      readonly kind: 'decided';
      readonly status: 'APPROVED' | 'REJECTED';
      readonly reason: string | null;
      readonly at: string;
      /** True: by somebody else, before it was sent. */
      readonly before: boolean;
    }
  /** It was given up once more. */
  | {
      readonly kind: 'dead-letter';
      readonly letterId: bigint;
      readonly code: string;
      readonly detail: string;
    }
  | { readonly kind: 'retry'; readonly code: string; readonly dueAt: string }
  /** Its account is set aside, or has no owner. */
  | { readonly kind: 'parked'; readonly reason: string }
  /** Nothing is on record yet. A balance request that was answered leaves nothing. */
  | { readonly kind: 'pending' };

interface OutcomeRow {
  readonly status: 'APPROVED' | 'REJECTED' | null;
  readonly reason: string | null;
  readonly decidedAt: string | null;
  readonly before: boolean | null;
  readonly letterId: string | null;
  readonly letterCode: string | null;
  readonly letterDetail: string | null;
  readonly retryCode: string | null;
  readonly retryDueAt: string | null;
  readonly parkedReason: string | null;
}

const OUTCOMES = `
select j.outcome as status, j.reason, ${isoTime('j.decided_at')} as "decidedAt", j.decided_at < s.sent_at as before,
       d.id::text as "letterId", d.code as "letterCode", d.detail as "letterDetail",
       r.code as "retryCode", ${isoTime('r.due_at')} as "retryDueAt",
       p.reason as "parkedReason"
  from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::timestamptz[])
       with ordinality as s (letter_id, transaction_id, account_id, queue, sha256, sent_at, place)
  left join processor.journal j on j.transaction_id = s.transaction_id
  left join processor.retries r on r.transaction_id = s.transaction_id
  left join lateral (
    select l.id, l.code, l.detail from processor.dead_letters l
     where l.body_sha256 = s.sha256 and l.queue = s.queue and l.id > s.letter_id and l.created_at >= s.sent_at
     order by l.id limit 1) d on true
  left join lateral (
    select k.reason from processor.parked k
     where k.account_id = s.account_id and k.queue = s.queue and sha256(k.body) = s.sha256
     order by k.n limit 1) p on true
 order by s.place`;

/** One outcome per message, in the order given. */
export async function readOutcomes(
  pool: pg.Pool,
  sent: readonly SentLetter[],
): Promise<readonly LetterOutcome[]> {
  const { rows } = await pool.query<OutcomeRow>(OUTCOMES, [
    sent.map(({ letterId }) => String(letterId)),
    sent.map(({ transactionId }) => transactionId),
    sent.map(({ accountId }) => accountId),
    sent.map(({ queue }) => queue),
    sent.map(({ bodySha256 }) => bodySha256),
    sent.map(({ sentAt }) => sentAt),
  ]);
  return rows.map(outcomeOf);
}

/** A new dead letter comes first: the transaction may have been decided by another message. */
function outcomeOf(row: OutcomeRow): LetterOutcome {
  if (row.letterId !== null) {
    const { letterCode, letterDetail } = row;
    const letterId = BigInt(row.letterId);
    return { kind: 'dead-letter', letterId, code: letterCode ?? '', detail: letterDetail ?? '' };
  }
  if (row.status !== null) {
    const { status, reason, decidedAt, before } = row;
    return { kind: 'decided', status, reason, at: decidedAt ?? '', before: before === true };
  }
  if (row.parkedReason !== null) return { kind: 'parked', reason: row.parkedReason };
  if (row.retryCode !== null) return { kind: 'retry', code: row.retryCode, dueAt: row.retryDueAt ?? '' };
  return { kind: 'pending' };
}
