import type { OperatorAction } from '../contracts/command.ts';
import type { AccountState } from './account.ts';
import type { AccountStatus } from './codes.ts';
import { BALANCE_LIMIT_CENTS, formatCents } from './money.ts';

/** Types of the journal rows that say something about the account and move no money. */
export const ORDER_TYPES = ['FREEZE', 'UNFREEZE', 'CLOSE', 'OVERDRAFT', 'RELEASE'] as const;
export type OrderType = (typeof ORDER_TYPES)[number];

/** What an order does to the account, or why not. */
export type OrderJudgement =
  | {
      readonly kind: 'accepted';
      /** Signed cents; 0 for everything but an adjustment. */
      readonly amountCents: bigint;
      readonly balanceCents: bigint;
      readonly overdraftCents: bigint;
      /** `as-before`: what it was before the quarantine, which only the ledger knows. */
      readonly status: AccountStatus | 'as-before';
    }
  /** In words, for a person: why, and what to do. */
  | { readonly kind: 'refused'; readonly detail: string };

/** The journal's type of an order: an adjustment is a deposit or a charge, so that the contract's formula holds. */
export function orderTypeOf(action: OperatorAction): OrderType | 'DEPOSIT' | 'CHARGE' {
  switch (action.kind) {
    case 'freeze':
      return 'FREEZE';
    case 'unfreeze':
      return 'UNFREEZE';
    case 'close':
      return 'CLOSE';
    case 'overdraft':
      return 'OVERDRAFT';
    case 'release':
      return 'RELEASE';
    case 'adjust':
      return action.amountCents > 0n ? 'DEPOSIT' : 'CHARGE';
  }
}

/**
 * Judges an operator's order against the account as it is committed. Pure.
 *
 * - A quarantined account takes nothing but `release`, and `release` is for quarantined accounts only. Whether its journal
 *   and balance agree again is for the ledger to say.
 * - `freeze`: active accounts. `unfreeze`: frozen ones.
 * - `close`: active or frozen accounts with a balance of exactly 0, since nobody could take out what is left. It is final.
 * - `overdraft` (0 or more, below 2^53): not of a closed account, and never below what is in use.
 * - `adjust` (not 0): a correction, so also of frozen and closed accounts, within overdraft and balance limit.
 * - What would change nothing is refused, so that an operator sees that somebody else was there before.
 */
export function judgeOrder(account: AccountState, action: OperatorAction): OrderJudgement {
  if (account.status === 'quarantined' && action.kind !== 'release')
    return refused('the account is quarantined: find out what is wrong with it and release it first');
  switch (action.kind) {
    case 'freeze':
      return account.status === 'active'
        ? accepted(account, { status: 'frozen' })
        : refused(`only an active account can be frozen; this one is ${account.status}`);
    case 'unfreeze':
      return account.status === 'frozen'
        ? accepted(account, { status: 'active' })
        : refused(`the account is not frozen, it is ${account.status}`);
    case 'close':
      return judgeClose(account);
    case 'overdraft':
      return judgeOverdraft(account, action.overdraftCents);
    case 'adjust':
      return judgeAdjustment(account, action.amountCents);
    case 'release':
      return account.status === 'quarantined'
        ? accepted(account, { status: 'as-before' })
        : refused(`the account is not quarantined, it is ${account.status}`);
  }
}

function judgeClose(account: AccountState): OrderJudgement {
  if (account.status === 'closed') return refused('the account is closed already');
  if (account.balanceCents !== 0n)
    return refused(
      `its balance is ${formatCents(account.balanceCents)}: bring it to 0.00 first (a payment, or adjust)`,
    );
  return accepted(account, { status: 'closed' });
}

function judgeOverdraft(account: AccountState, overdraftCents: bigint): OrderJudgement {
  if (account.status === 'closed') return refused('the account is closed: it has no use for an overdraft');
  if (overdraftCents < 0n || overdraftCents >= BALANCE_LIMIT_CENTS)
    return refused(`an overdraft is 0 or more cents, and less than ${BALANCE_LIMIT_CENTS.toString()}`);
  if (overdraftCents === account.overdraftCents)
    return refused(`the overdraft is ${formatCents(overdraftCents)} already`);
  if (account.balanceCents < -overdraftCents)
    return refused(
      `${formatCents(-account.balanceCents)} of it are in use: it cannot be less before money has come in`,
    );
  return accepted(account, { overdraftCents });
}

/** Looks only at the side the entry moves to, as payments do. */
function judgeAdjustment(account: AccountState, amountCents: bigint): OrderJudgement {
  if (amountCents === 0n) return refused('an adjustment of nothing is none');
  const balanceCents = account.balanceCents + amountCents;
  if (amountCents < 0n && balanceCents < -account.overdraftCents)
    return refused(
      `the balance is ${formatCents(account.balanceCents)} with an overdraft of ` +
        `${formatCents(account.overdraftCents)}: at most that can be taken`,
    );
  const beyond =
    amountCents > 0n ? balanceCents >= BALANCE_LIMIT_CENTS : balanceCents <= -BALANCE_LIMIT_CENTS;
  if (beyond)
    return refused(`the balance would be ${formatCents(balanceCents)}, more than an account can hold`);
  return accepted(account, { amountCents, balanceCents });
}

type Accepted = Extract<OrderJudgement, { kind: 'accepted' }>;

function accepted(account: AccountState, changed: Partial<Accepted>): OrderJudgement {
  const { balanceCents, overdraftCents, status } = account;
  return { kind: 'accepted', amountCents: 0n, balanceCents, overdraftCents, status, ...changed };
}

function refused(detail: string): OrderJudgement {
  return { kind: 'refused', detail };
}
