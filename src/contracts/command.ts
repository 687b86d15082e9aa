/**
 * What crosses the wire after decoding: both message shapes of the contract become one `Command`.
 *
 * Ids are lower-case UUID text, money is integer cents as `bigint`, times are RFC 3339 text exactly as
 * received (a JavaScript `Date` would cut them to milliseconds).
 */

export const TRANSACTION_TYPES = ['DEPOSIT', 'PURCHASE', 'CHARGE', 'REFUND'] as const;
export type TransactionType = (typeof TRANSACTION_TYPES)[number];

/** `live` is what the Go API really sends, `documented` what its documentation promises to other producers. */
export type Shape = 'live' | 'documented';

/** How a command reached us; kept in the journal. */
export const ROADS = ['delivery', 'retry', 'sweep', 'replay', 'operator'] as const;
export type Road = (typeof ROADS)[number];

export interface TransactionCommand {
  readonly kind: 'transaction';
  readonly shape: Shape;
  readonly transactionId: string;
  readonly accountId: string;
  readonly type: TransactionType;
  /** 1 … 2^53 − 1. */
  readonly amountCents: bigint;
  readonly cardId: string | null;
  /** The refunded transaction; null for every other type, and for a refund that does not say. */
  readonly originalId: string | null;
  /** 1 to 255 characters. */
  readonly idempotencyKey: string;
  /** RFC 3339, 0 to 9 fractional digits: `created_at` (live) or `timestamp` (documented). */
  readonly occurredAt: string;
}

export interface BalanceCommand {
  readonly kind: 'balance';
  readonly shape: Shape;
  readonly accountId: string;
  readonly cardId: string | null;
  readonly forceRecalculation: boolean;
}

/**
 * What an operator may do to an account. `adjust`: signed cents, not 0. `release`: ends a quarantine.
 */
export type OperatorAction =
  | { readonly kind: 'freeze' }
  | { readonly kind: 'unfreeze' }
  | { readonly kind: 'close' }
  | { readonly kind: 'overdraft'; readonly overdraftCents: bigint }
  | { readonly kind: 'adjust'; readonly amountCents: bigint }
  | { readonly kind: 'release' };

/** An operator's order for one account, decided by its owner like everything else. */
export interface OperatorCommand {
  readonly kind: 'operator';
  /** UUID: the same order sent again is answered with its first outcome. */
  readonly orderId: string;
  readonly accountId: string;
  readonly action: OperatorAction;
  /** Who, 1 to 100 characters. */
  readonly operator: string;
  /** 1 to 500 characters. */
  readonly why: string;
}

export type Command = TransactionCommand | BalanceCommand | OperatorCommand;
