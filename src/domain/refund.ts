import type { TransactionCommand, TransactionType } from '../contracts/command.ts';
import type { OriginalFact } from './account.ts';
import type { RejectionCode } from './codes.ts';

/**
 * What a command does to the balance, as far as it is known before its tests.
 *
 * `none`: it can do nothing, whatever else is true (a refund of nothing, or of a refund). `open`: a refund
 * whose original nobody has seen yet; it may turn out to be a credit.
 */
export type Direction = 'credit' | 'debit' | 'none' | 'open';

const DIRECTION_OF_ORIGINAL: Readonly<Record<TransactionType, Direction>> = {
  DEPOSIT: 'debit',
  PURCHASE: 'credit',
  CHARGE: 'credit',
  REFUND: 'none',
};

/** @param original what is known of the command's original; null where it names none. */
export function directionOf(command: TransactionCommand, original: OriginalFact | null): Direction {
  if (command.type !== 'REFUND') return command.type === 'DEPOSIT' ? 'credit' : 'debit';
  if (original === null) return 'none';
  return original.status === 'UNKNOWN' ? 'open' : DIRECTION_OF_ORIGINAL[original.type];
}

/** Cents of the original that no approved refund has taken; 0 where inherited refunds took more than it was. */
export function leftToRefund(original: OriginalFact): bigint {
  const leftCents = original.amountCents - original.refundedCents;
  return leftCents > 0n ? leftCents : 0n;
}

export type RefundObstacle =
  { readonly kind: 'rejected'; readonly reason: RejectionCode } | { readonly kind: 'deferred' };

/**
 * The tests of a refund that come before those of the balance, in the contract's order; null = nothing in its way.
 *
 * @param requestedCents what the refund is worth (see `refundWorth`).
 * @param waitOver an original that nobody has seen by now is taken as not existing.
 */
export function refundObstacle(
  accountId: string,
  original: OriginalFact | null,
  requestedCents: bigint,
  waitOver: boolean,
): RefundObstacle | null {
  if (original === null) return rejected('REFUND_TARGET_MISSING');
  if (original.status === 'UNKNOWN') return waitOver ? rejected('ORIGINAL_NOT_FOUND') : { kind: 'deferred' };
  if (original.accountId !== accountId) return rejected('ORIGINAL_OF_ANOTHER_ACCOUNT');
  if (original.type === 'REFUND') return rejected('ORIGINAL_IS_REFUND');
  if (original.status === 'PENDING') return { kind: 'deferred' };
  if (original.status !== 'APPROVED') return rejected('ORIGINAL_NOT_APPROVED');
  const leftCents = leftToRefund(original);
  if (leftCents === 0n) return rejected('NOTHING_LEFT_TO_REFUND');
  if (requestedCents > leftCents) return rejected('REFUND_EXCEEDS_ORIGINAL');
  return null;
}

/**
 * What a refund asks for, in cents: what the message says, or with `REFUND_AMOUNT=original` what is left of the original.
 * Only the live shape carries placeholders for amounts; and where nothing is left, or the original is another account's
 * (whose amounts are none of this one's business), the message's amount is kept for the record.
 */
export function refundWorth(
  command: TransactionCommand,
  original: OriginalFact | null,
  refundAmount: 'message' | 'original',
): bigint {
  const whole = refundAmount === 'original' && command.shape === 'live';
  if (!whole || original?.accountId !== command.accountId) return command.amountCents;
  if (original.status !== 'APPROVED' || original.type === 'REFUND') return command.amountCents;
  const leftCents = leftToRefund(original);
  return leftCents === 0n ? command.amountCents : leftCents;
}

function rejected(reason: RejectionCode): RefundObstacle {
  return { kind: 'rejected', reason };
}
