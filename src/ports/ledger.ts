import type { Road } from '../contracts/command.ts';
import type { AccountState, Decision, OriginalFact } from '../domain/account.ts';
import type { Finding } from '../domain/finding.ts';
import type { StoredTransaction } from '../domain/identity.ts';
import type { HistoryNeeds, PastDecisions } from '../domain/rules/history.ts';
import type { CommandTrace } from './tracing.ts';

/** One account's part of a commit: taken whole or left out whole. */
export interface AccountChange {
  readonly accountId: string;
  readonly shard: number;
  /** Epoch under which this node owns the shard. */
  readonly epoch: bigint;
  /** The account's seq before the first decision; 0 inserts the account. */
  readonly previousSeq: bigint;
  readonly balanceCents: bigint;
  /** 1 or more, seq counting up from `previousSeq + 1` without gaps. No transaction id and no idempotency key twice. */
  readonly decisions: readonly RoadDecision[];
}

export interface RoadDecision extends Decision {
  readonly road: Road;
  /** Version of the rule set that was in force, null without one. */
  readonly rulesVersion: number | null;
  /** True where a row in status `ERROR` may still be decided (operator's replay, `retry_queue`). */
  readonly mayDecideError: boolean;
  /** None: its command is not traced. */
  readonly trace?: CommandTrace | null;
}

export type AccountVerdict =
  | { readonly kind: 'committed' }
  /** The shard's epoch is no longer ours. */
  | { readonly kind: 'fenced' }
  /** `processor.accounts.seq` is not `previousSeq`: hydrate again. */
  | { readonly kind: 'stale' }
  /** Finding per index into `decisions`; at least one. The account's view is still right. */
  | { readonly kind: 'left-out'; readonly findings: ReadonlyMap<number, Finding> };

export interface CommitReceipt {
  /** One per change, in the order given. */
  readonly verdicts: readonly AccountVerdict[];
  /** The outbox row of this commit, null when nothing was committed. */
  readonly outboxId: bigint | null;
  /** Totals that this commit changed, as they are now. */
  readonly cardTotals: readonly CardTotal[];
  /** Of all its decisions, as events have it (RFC 3339, microseconds, UTC); null when nothing was committed. */
  readonly decidedAt: string | null;
}

export interface CardTotal {
  readonly cardId: string;
  readonly totalCents: bigint;
  /** The account's seq at which the total is right: the version of the cached value. */
  readonly seq: bigint;
}

/**
 * Writes decisions. One call is one PostgreSQL commit on one connection.
 *
 * Throws `CommitFailure`: nothing was written (`refused`, `busy`), or it is not known whether it was (`unknown`).
 */
export interface Ledger {
  commit(changes: readonly AccountChange[]): Promise<CommitReceipt>;
}

/**
 * `refused`: SQLSTATE class 22 or 23, the data itself is at fault. `busy`: 40P01, 40001, 55P03 and the like: try again.
 * `unknown`: the connection broke or timed out, the commit may have happened.
 */
export type CommitFailureKind = 'refused' | 'busy' | 'unknown';

export class CommitFailure extends Error {
  override readonly name = 'CommitFailure';
  readonly kind: CommitFailureKind;
  readonly sqlState: string | null;

  constructor(kind: CommitFailureKind, sqlState: string | null, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.sqlState = sqlState;
  }
}

/** For a forced recalculation: the two must agree, whatever is committed meanwhile. */
export interface JournalCheck {
  readonly state: AccountState;
  /** Sum of the journal's signed amounts. */
  readonly journalCents: bigint;
}

/** An account as an actor takes it up. */
export interface HydratedAccount extends AccountState {
  /** `processor.parked` has commands of it, to be decided before anything newer. */
  readonly hasParked: boolean;
  /** Event time of its last transaction, milliseconds since the epoch; -Infinity: it has none. */
  readonly lastEventMs: number;
}

export interface HistoryRequest {
  readonly accountId: string;
  /** Of the last journal row that counts. */
  readonly seq: bigint;
  readonly needs: HistoryNeeds;
}

/** Reads what an actor needs. Implementations batch calls of the same turn into one query. Reject with the driver's error. */
export interface AccountReader {
  /** null: the account is not in `accounts`. */
  account(accountId: string): Promise<HydratedAccount | null>;
  /** The account's recent decisions, as memory would have them (`RecentDecisions`). */
  history(request: HistoryRequest): Promise<PastDecisions>;
  /** Owner of the card, null where there is no such card. */
  cardOwner(cardId: string): Promise<string | null>;
  original(transactionId: string): Promise<OriginalFact>;
  /** What is on record of a transaction: its decision, else its row; null: neither. */
  stored(transactionId: string): Promise<StoredTransaction | null>;
  /** Total of the card as in `processor.card_totals`; total 0 at seq 0 where there is none. */
  cardTotal(cardId: string): Promise<CardTotal>;
  /** The account and the sum of its journal, both as of one moment; null: the account is not in `accounts`. */
  journalCheck(accountId: string): Promise<JournalCheck | null>;
}
