import type { OriginalFact } from '../account.ts';
import type { TransactionType } from '../../contracts/command.ts';
import type { KnownDifference, Told } from './names.ts';

/** A transaction that the two decide otherwise, with all that tells why. */
export interface Disagreement {
  readonly type: TransactionType;
  readonly theirs: Told;
  readonly ours: Told;
  /** Of a refund: what it refunds. */
  readonly original: OriginalFact | null;
  /** What was asked for; null: not known. */
  readonly askedCents: bigint | null;
  /** The balance it was decided from, and the share of charges in it. */
  readonly balanceCents: bigint;
  readonly chargesCents: bigint;
}

/** The name of what is known of the old processor and explains the difference; null: nothing does. */
export function knownDifference(found: Disagreement): KnownDifference | null {
  const { theirs, ours, type } = found;
  if (theirs.status === 'REJECTED') {
    if (type === 'CHARGE') return 'charge';
    return type === 'REFUND' ? ofRejectedRefund(found) : null;
  }
  if (ours.status === 'APPROVED') return type === 'REFUND' ? ofRefundedAmount(found) : null;
  return ofApproval(found);
}

function ofRejectedRefund({ original, theirs }: Disagreement): KnownDifference | null {
  if (original === null) return null;
  if (original.refundedCents > 0n) return 'second-refund';
  // Only an approval writes what is refunded, and the original's amount, into the row; then its message came again.
  return theirs.cents === original.amountCents ? 'redelivered-refund' : null;
}

function ofRefundedAmount({ original, theirs }: Disagreement): KnownDifference | null {
  if (original === null || theirs.cents !== original.amountCents) return null;
  // It refunds once: one that was approved all the same is paid twice.
  return original.refundedCents > 0n ? null : 'whole-refund';
}

/** They approved what we refuse. */
function ofApproval(found: Disagreement): KnownDifference | null {
  const { ours, theirs, original, type } = found;
  switch (ours.reason) {
    case 'CARD_NOT_OWNED':
      return 'foreign-card';
    case 'REFUND_EXCEEDS_ORIGINAL':
      return ofRefundedAmount(found);
    case 'INSUFFICIENT_FUNDS':
      if (type === 'REFUND' && original?.type === 'DEPOSIT') return 'spent-deposit';
      return found.balanceCents - found.chargesCents >= theirs.cents ? 'charge' : null;
    case null:
    default:
      return null;
  }
}
