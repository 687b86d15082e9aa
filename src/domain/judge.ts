import type { TransactionCommand } from '../contracts/command.ts';
import type { AccountState, OriginalFact } from './account.ts';
import type { RejectionCode } from './codes.ts';
import { BALANCE_LIMIT_CENTS } from './money.ts';
import { directionOf, refundObstacle, refundWorth } from './refund.ts';
import type { Direction } from './refund.ts';

/** One command against one account. `requestedCents` is what was asked for, positive; `amountCents` the signed effect. */
export type Judgement =
  | { readonly kind: 'approved'; readonly requestedCents: bigint; readonly amountCents: bigint }
  | { readonly kind: 'rejected'; readonly requestedCents: bigint; readonly reason: RejectionCode }
  | { readonly kind: 'deferred' };

export interface Circumstances {
  /** Owner of the command's card; null where there is no such card, undefined where the command has none. */
  readonly cardOwner: string | null | undefined;
  /** null where the command names no original. */
  readonly original: OriginalFact | null;
  /** An original that nobody has seen by now is taken as not existing. */
  readonly originalWaitOver: boolean;
  readonly refundAmount: 'message' | 'original';
}

/** The tests of contract section 5, in its order: the first that fails is the reason. */
export function judge(
  account: AccountState,
  command: TransactionCommand,
  circumstances: Circumstances,
): Judgement {
  const { cardOwner, original, originalWaitOver, refundAmount } = circumstances;
  const isRefund = command.type === 'REFUND';
  const direction = directionOf(command, original);
  const requestedCents = isRefund ? refundWorth(command, original, refundAmount) : command.amountCents;

  const early = statusRefusal(account, isRefund, direction) ?? cardRefusal(account, command, cardOwner);
  if (early !== null) return { kind: 'rejected', requestedCents, reason: early };
  if (isRefund) {
    const obstacle = refundObstacle(account.accountId, original, requestedCents, originalWaitOver);
    if (obstacle?.kind === 'deferred') return obstacle;
    if (obstacle !== null) return { kind: 'rejected', requestedCents, reason: obstacle.reason };
  }
  const amountCents = direction === 'credit' ? requestedCents : -requestedCents;
  const late = balanceRefusal(account, amountCents);
  if (late !== null) return { kind: 'rejected', requestedCents, reason: late };
  return { kind: 'approved', requestedCents, amountCents };
}

/** Closed: nothing but refunds that give money back, or may do so. Frozen: nothing that takes money. */
function statusRefusal(
  account: AccountState,
  isRefund: boolean,
  direction: Direction,
): 'ACCOUNT_CLOSED' | 'ACCOUNT_FROZEN' | null {
  switch (account.status) {
    case 'active':
      return null;
    case 'closed':
      return isRefund && (direction === 'credit' || direction === 'open') ? null : 'ACCOUNT_CLOSED';
    case 'frozen':
      return direction === 'debit' ? 'ACCOUNT_FROZEN' : null;
    case 'quarantined':
      throw new Error(`account ${account.accountId} is quarantined: nothing of it may be decided`);
  }
}

/** A card says who pays: it is looked at where it pays (purchases and charges), never where money comes in. */
function cardRefusal(
  account: AccountState,
  command: TransactionCommand,
  cardOwner: string | null | undefined,
): 'CARD_UNKNOWN' | 'CARD_NOT_OWNED' | null {
  const pays = command.type === 'PURCHASE' || command.type === 'CHARGE';
  if (!pays || cardOwner === undefined) return null;
  if (cardOwner === null) return 'CARD_UNKNOWN';
  return cardOwner === account.accountId ? null : 'CARD_NOT_OWNED';
}

/** Looks only at the side the entry moves to: a balance inherited beyond a bound may always come back towards it. */
function balanceRefusal(
  account: AccountState,
  amountCents: bigint,
): 'INSUFFICIENT_FUNDS' | 'BALANCE_LIMIT' | null {
  const afterCents = account.balanceCents + amountCents;
  if (amountCents > 0n) return afterCents >= BALANCE_LIMIT_CENTS ? 'BALANCE_LIMIT' : null;
  if (afterCents < -account.overdraftCents) return 'INSUFFICIENT_FUNDS';
  return afterCents <= -BALANCE_LIMIT_CENTS ? 'BALANCE_LIMIT' : null;
}
