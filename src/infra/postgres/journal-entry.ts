import type { Road, TransactionType } from '../../contracts/command.ts';
import type { AccountStatus, Outcome } from '../../domain/codes.ts';
import type { OrderType } from '../../domain/judge-order.ts';

/** A row of the journal as a person reads it. Money in cents. */
export interface JournalEntry {
  readonly seq: bigint;
  /** null for an opening; of an operator's order its id. */
  readonly transactionId: string | null;
  readonly accountId: string;
  readonly type: TransactionType | OrderType | 'OPENING';
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly requestedCents: bigint;
  /** Signed; 0 if rejected. */
  readonly amountCents: bigint;
  readonly balanceAfterCents: bigint;
  readonly counterAccount: string;
  readonly originalId: string | null;
  readonly cardId: string | null;
  readonly epoch: bigint;
  readonly road: Road;
  /** Of the rule set that was in force; null: there was none. */
  readonly rulesVersion: number | null;
  /** `<reject|flag|shadow>:<rule>` of each rule that matched. */
  readonly flags: readonly string[];
  /** RFC 3339, UTC. */
  readonly occurredAt: string;
  readonly decidedAt: string;
  /** Of what an operator ordered, null for everything else. */
  readonly order: {
    readonly operator: string;
    readonly why: string;
    /** These two: of the account after it. */
    readonly status: AccountStatus;
    readonly overdraftCents: bigint;
  } | null;
}

/** `as "name"` is left to the caller. RFC 3339 in UTC, milliseconds. */
export const isoTime = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Select list over `processor.journal j`; rows go through `journalEntryOf`. */
export const JOURNAL_ENTRY = `
  j.seq::text, j.transaction_id as "transactionId", j.account_id as "accountId", j.type, j.outcome, j.reason,
  j.requested_cents::text as "requestedCents", j.amount_cents::text as "amountCents",
  j.balance_after_cents::text as "balanceAfterCents", j.counter_account as "counterAccount",
  j.original_id as "originalId", j.card_id as "cardId", j.epoch::text, j.road,
  j.rules_version as "rulesVersion", coalesce(j.flags, '{}') as flags,
  ${isoTime('j.occurred_at')} as "occurredAt", ${isoTime('j.decided_at')} as "decidedAt",
  j.operator, j.why, j.status_after as "statusAfter", j.overdraft_after_cents::text as "overdraftAfterCents"`;

type BigintField = 'seq' | 'requestedCents' | 'amountCents' | 'balanceAfterCents' | 'epoch';
export type JournalEntryRow = Omit<JournalEntry, BigintField | 'order'> &
  Readonly<Record<BigintField, string>> & {
    readonly operator: string | null;
    readonly why: string | null;
    readonly statusAfter: AccountStatus | null;
    readonly overdraftAfterCents: string | null;
  };

export function journalEntryOf(row: JournalEntryRow): JournalEntry {
  const { operator, why, statusAfter, overdraftAfterCents, ...entry } = row;
  const ordered = operator !== null && why !== null && statusAfter !== null && overdraftAfterCents !== null;
  return {
    ...entry,
    seq: BigInt(row.seq),
    requestedCents: BigInt(row.requestedCents),
    amountCents: BigInt(row.amountCents),
    balanceAfterCents: BigInt(row.balanceAfterCents),
    epoch: BigInt(row.epoch),
    order: ordered
      ? { operator, why, status: statusAfter, overdraftCents: BigInt(overdraftAfterCents) }
      : null,
  };
}
