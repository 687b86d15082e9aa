import type { TransactionCommand, TransactionType } from '../contracts/command.ts';

/** What the database holds of a transaction, in its journal or its `transactions` row. */
export interface StoredTransaction {
  readonly transactionId: string;
  readonly accountId: string;
  readonly type: TransactionType;
  readonly amountCents: bigint;
  readonly cardId: string | null;
  /** `undefined`: not known here (a `transactions` row of a refund that is not decided yet has none). */
  readonly originalId: string | null | undefined;
  readonly idempotencyKey: string | null;
  readonly status: 'PENDING' | 'APPROVED' | 'REJECTED' | 'ERROR';
  /** Reason code of a rejection, where the journal has one. */
  readonly reason: string | null;
}

/** Placeholder signature; see the domain tests for the rules of contract section 2.4. */
export type DifferingField = 'account' | 'type' | 'amount' | 'card' | 'original' | 'key';

/** Fields in which a command differs from what is stored; empty = same payload. */
export type CompareIdentity = (
  command: TransactionCommand,
  stored: StoredTransaction,
  options: { readonly compareKey: boolean; readonly compareRefundAmount: boolean },
) => readonly DifferingField[];
