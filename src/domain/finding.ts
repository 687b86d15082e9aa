import type { StoredTransaction } from './identity.ts';

/** Why one command kept its account out of the commit. Nothing of the account was written. */
export type Finding =
  /** A journal row or a final `transactions` row exists for this id. */
  | { readonly kind: 'decided'; readonly stored: StoredTransaction }
  /** The `transactions` row is in status `ERROR`. */
  | { readonly kind: 'row-error'; readonly stored: StoredTransaction }
  /** The `PENDING` row is not what the message says. */
  | { readonly kind: 'row-differs'; readonly stored: StoredTransaction }
  /** Live shape, and the row is not there (yet). */
  | { readonly kind: 'row-missing' }
  /** Somebody else holds a lock on the row. */
  | { readonly kind: 'row-locked' }
  /** The idempotency key belongs to another transaction. */
  | { readonly kind: 'key-taken'; readonly stored: StoredTransaction }
  /** The account is not in `accounts`. */
  | { readonly kind: 'no-account' }
  /** The card, or the refund's original, that the row should point to is gone. */
  | { readonly kind: 'reference-gone' };
