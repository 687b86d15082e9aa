/** Every code a command can end or wait with. The order inside a list is the order of precedence. */

/** Final business refusals: one journal row for ever. The first test that fails names the reason (contract section 5). */
export const REJECTION_CODES = [
  'ACCOUNT_CLOSED',
  'ACCOUNT_FROZEN',
  'CARD_UNKNOWN',
  'CARD_NOT_OWNED',
  'REFUND_TARGET_MISSING',
  'ORIGINAL_OF_ANOTHER_ACCOUNT',
  'ORIGINAL_IS_REFUND',
  'ORIGINAL_NOT_FOUND',
  'ORIGINAL_NOT_APPROVED',
  'NOTHING_LEFT_TO_REFUND',
  'REFUND_EXCEEDS_ORIGINAL',
  'INSUFFICIENT_FUNDS',
  'BALANCE_LIMIT',
  'RULE_REFUSED',
] as const;
export type RejectionCode = (typeof REJECTION_CODES)[number];

/** Try again later: a row in `processor.retries`, no journal row. */
export const DEFERRAL_CODES = ['ORIGINAL_UNDECIDED', 'ROW_MISSING', 'ROW_LOCKED'] as const;
export type DeferralCode = (typeof DEFERRAL_CODES)[number];

/** Given up: a dead letter, no journal row. A deferral that was tried too often becomes a dead letter under its own code. */
export const FAILURE_CODES = [
  'ACCOUNT_UNKNOWN',
  'PAYLOAD_MISMATCH',
  'COMMIT_REFUSED',
  'ACTOR_CRASHED',
  'INVARIANT_BROKEN',
  'REFUND_TARGET_UNKNOWN',
  'ROW_INVALID',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** A delivery to somebody's endpoint that did not go through; it is tried again. No command ever ends with one. */
export const EXTERNAL_CODES = [
  'ENDPOINT_GONE',
  'ENDPOINT_REDIRECTS',
  'ENDPOINT_REFUSED',
  'ENDPOINT_TIMEOUT',
  'ENDPOINT_UNREACHABLE',
  'ENDPOINT_UNTRUSTED',
  'ENDPOINT_FORBIDDEN',
] as const;
export type ExternalCode = (typeof EXTERNAL_CODES)[number];

export const ACCOUNT_STATUSES = ['active', 'frozen', 'closed', 'quarantined'] as const;
export type AccountStatus = (typeof ACCOUNT_STATUSES)[number];

export type Outcome = 'APPROVED' | 'REJECTED';
