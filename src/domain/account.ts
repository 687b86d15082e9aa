import type { TransactionCommand, TransactionType } from '../contracts/command.ts';
import type { AccountStatus, Outcome, RejectionCode } from './codes.ts';
import type { EventTime } from './event-time.ts';

/** An account as the ledger holds it. Money in cents. */
export interface AccountState {
  readonly accountId: string;
  readonly balanceCents: bigint;
  /** Number of the last journal row; 0 = the account has none (and no row in `processor.accounts`). */
  readonly seq: bigint;
  readonly status: AccountStatus;
  /** How far below zero debits may go; 0 or more. */
  readonly overdraftCents: bigint;
}

/** What is known of a refund's original. `UNKNOWN`: neither a journal row nor a row in `transactions`. */
export interface OriginalFact {
  readonly transactionId: string;
  readonly status: 'PENDING' | 'APPROVED' | 'REJECTED' | 'ERROR' | 'UNKNOWN';
  /** The next four mean nothing while the status is `UNKNOWN`. */
  readonly accountId: string;
  readonly type: TransactionType;
  readonly amountCents: bigint;
  readonly cardId: string | null;
  /** Sum of the approved refunds of it so far, opening totals included. */
  readonly refundedCents: bigint;
  /** Whether `transactions` has its row: only then can a refund's row point to it. */
  readonly hasRow: boolean;
}

/** What deciding a run of commands needs beside the account itself. */
export interface Facts {
  /** Card id → id of the account that owns it, null where there is no such card. */
  readonly cards: ReadonlyMap<string, string | null>;
  /** Original's transaction id → what is known of it. */
  readonly originals: ReadonlyMap<string, OriginalFact>;
}

/** A decision: final, one journal row. */
export interface Decision {
  readonly command: TransactionCommand;
  readonly seq: bigint;
  readonly eventTime: EventTime;
  readonly outcome: Outcome;
  readonly reason: RejectionCode | null;
  /** What was asked for; for a whole refund (`REFUND_AMOUNT=original`) what was left of the original. Cents, positive. */
  readonly requestedCents: bigint;
  /** Signed effect on the balance, 0 if rejected. */
  readonly amountCents: bigint;
  readonly balanceAfterCents: bigint;
  /** Card to write into the `transactions` row; null where the card does not exist. */
  readonly rowCardId: string | null;
  /** Refund target to write into the `transactions` row; null where the original does not exist. */
  readonly rowOriginalId: string | null;
  /** The card whose total this changes (a refund counts for its original's card), and by how much (cents, signed). */
  readonly cardTotal: { readonly cardId: string; readonly deltaCents: bigint } | null;
  /** `<reject|flag|shadow>:<rule>` of each rule that matched; most have none. */
  readonly flags: readonly string[];
}
