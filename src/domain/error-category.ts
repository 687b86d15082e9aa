import { REFUSAL_CODES } from '../contracts/refusal.ts';
import type { RefusalCode } from '../contracts/refusal.ts';
import { DEFERRAL_CODES, EXTERNAL_CODES, REJECTION_CODES } from './codes.ts';
import type { DeferralCode, ExternalCode, FailureCode, RejectionCode } from './codes.ts';

/** Whose move it is when something does not go through. The order is that of who is nearest to the fault. */
export const ERROR_CATEGORIES = ['validation', 'business', 'temporary', 'system', 'external'] as const;

/**
 * - `validation`: the message is at fault; sent again as it is, it fails again.
 * - `business`: nothing is at fault; the payment is refused, for good.
 * - `temporary`: it may go through a little later, without anybody doing anything.
 * - `system`: something of ours, or of our surroundings, is broken until a person repairs it.
 * - `external`: somebody we call (a webhook) did not do his part.
 */
export type ErrorCategory = (typeof ERROR_CATEGORIES)[number];

/** What becomes of a command that meets an error of a category. */
export interface ErrorRoad {
  readonly retried: 'never' | 'until its tries are spent';
  readonly ends: 'dead letter' | 'decision' | 'endpoint disabled';
  /** Where its dead letter goes; `of its kind`: transactions or balance requests. */
  readonly deadLetterQueue: 'of its kind' | 'system_dlq' | null;
}

export const ROAD_OF_CATEGORY: Readonly<Record<ErrorCategory, ErrorRoad>> = {
  validation: { retried: 'never', ends: 'dead letter', deadLetterQueue: 'of its kind' },
  business: { retried: 'never', ends: 'decision', deadLetterQueue: null },
  temporary: { retried: 'until its tries are spent', ends: 'dead letter', deadLetterQueue: 'of its kind' },
  system: { retried: 'never', ends: 'dead letter', deadLetterQueue: 'system_dlq' },
  external: { retried: 'until its tries are spent', ends: 'endpoint disabled', deadLetterQueue: null },
};

export type ErrorCode = RefusalCode | RejectionCode | DeferralCode | FailureCode | ExternalCode;
/** Codes that a dead letter can have. */
export type LetterCode = Exclude<ErrorCode, RejectionCode | ExternalCode>;

interface Failure {
  readonly category: Extract<ErrorCategory, 'validation' | 'system'>;
  /** What becomes of the transaction's row, if it is `PENDING`: `error` after its true message, which has come to its end. */
  readonly row: 'kept' | 'error';
}

const FAILURES: Readonly<Record<FailureCode, Failure>> = {
  ACCOUNT_UNKNOWN: { category: 'validation', row: 'kept' },
  PAYLOAD_MISMATCH: { category: 'validation', row: 'kept' },
  COMMIT_REFUSED: { category: 'validation', row: 'error' },
  ACTOR_CRASHED: { category: 'system', row: 'error' },
  INVARIANT_BROKEN: { category: 'system', row: 'kept' },
  REFUND_TARGET_UNKNOWN: { category: 'validation', row: 'kept' },
  ROW_INVALID: { category: 'validation', row: 'error' },
};

/** The one table from a code to its category; every code of every list is in it. */
export const CATEGORY_OF_CODE: Readonly<Record<ErrorCode, ErrorCategory>> = {
  ...all(REFUSAL_CODES, 'validation'),
  ...all(REJECTION_CODES, 'business'),
  ...all(DEFERRAL_CODES, 'temporary'),
  ...all(EXTERNAL_CODES, 'external'),
  ...categoriesOf(FAILURES),
};

/** A failure that leaves `ERROR` in the transaction's row; so does a deferral that was tried too often. */
export function marksError(code: FailureCode | DeferralCode): boolean {
  return isFailure(code) ? FAILURES[code].row === 'error' : true;
}

function isFailure(code: FailureCode | DeferralCode): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}

function all<Code extends string>(
  codes: readonly Code[],
  category: ErrorCategory,
): Record<Code, ErrorCategory> {
  return Object.fromEntries(codes.map((code) => [code, category])) as Record<Code, ErrorCategory>;
}

function categoriesOf(failures: Readonly<Record<FailureCode, Failure>>): Record<FailureCode, ErrorCategory> {
  return Object.fromEntries(
    Object.entries(failures).map(([code, { category }]) => [code, category]),
  ) as Record<FailureCode, ErrorCategory>;
}
