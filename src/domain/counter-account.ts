import type { TransactionType } from '../contracts/command.ts';
import type { OrderType } from './judge-order.ts';

/**
 * The other side of a journal entry: where the money came from or went to, outside the accounts we keep.
 *
 * It is a constant of the type, so that a row can be written without looking anything up. A refund moves money
 * back between the same two sides as its original did, and those differ (a merchant's for a purchase, ours for
 * a fee, the funding side for a deposit); its row says so and names the original in `original_id`, where a
 * two-sided report finds the side by one join. An operator's order that moves no money has no other side.
 */
const COUNTER_ACCOUNTS = {
  DEPOSIT: 'external:funding',
  PURCHASE: 'external:merchant',
  CHARGE: 'external:fees',
  REFUND: 'external:as-original',
  OPENING: 'external:opening',
  FREEZE: 'none',
  UNFREEZE: 'none',
  CLOSE: 'none',
  OVERDRAFT: 'none',
  RELEASE: 'none',
} as const satisfies Record<TransactionType | OrderType | 'OPENING', string>;

export type CounterAccount = (typeof COUNTER_ACCOUNTS)[keyof typeof COUNTER_ACCOUNTS];

export function counterAccountOf(type: TransactionType | OrderType | 'OPENING'): CounterAccount {
  return COUNTER_ACCOUNTS[type];
}
