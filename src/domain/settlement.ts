import type { Decision } from './account.ts';
import type { DeferralCode, FailureCode } from './codes.ts';
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
  /** The account is quarantined: keep the command aside. */
  | { readonly kind: 'parked'; readonly reason: string };
