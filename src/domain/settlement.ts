import type { Decision } from './account.ts';
import type { AccountStatus, DeferralCode, FailureCode } from './codes.ts';
import type { StoredTransaction } from './identity.ts';

/** How a command ended, or why it did not end here. */
export type Settlement =
  /** Decided now, committed. */
  | { readonly kind: 'decided'; readonly decision: Decision }
  /** Decided before with the same payload (or in status ERROR): the first outcome stands. */
  | { readonly kind: 'repeat'; readonly stored: StoredTransaction }
  /** Another transaction has the same key and the same payload. */
  | { readonly kind: 'same-key'; readonly firstId: string }
  | { readonly kind: 'deferred'; readonly code: DeferralCode }
  | { readonly kind: 'failed'; readonly code: FailureCode; readonly detail: string }
  /** A balance request was answered: the balance is in the cache. */
  | { readonly kind: 'answered' }
  /** An operator's order has ended. */
  | { readonly kind: 'operated'; readonly result: OperatorResult }
  /** The account is quarantined: keep the command aside. */
  | { readonly kind: 'parked'; readonly reason: string };

/** What came of an operator's order. `refused`: nothing was written, `detail` says why and what to do. */
export type OperatorResult =
  | {
      readonly kind: 'done';
      readonly seq: bigint;
      readonly balanceCents: bigint;
      readonly overdraftCents: bigint;
      readonly status: AccountStatus;
    }
  | { readonly kind: 'refused'; readonly detail: string };
