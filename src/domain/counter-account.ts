import type { TransactionType } from '../contracts/command.ts';

/**
 * The other side of a journal entry: where the money came from or went to, outside the accounts we keep.
 *
 * It is a constant of the type, so that a row can be written without looking anything up. A refund moves money
 * back between the same two sides as its original did, and those differ (a merchant's for a purchase, ours for
 * a fee, the funding side for a deposit); its row says so and names the original in `original_id`, where a
 * two-sided report finds the side by one join.
 */
const COUNTER_ACCOUNTS = {
  DEPOSIT: 'external:funding',
  PURCHASE: 'external:merchant',
  CHARGE: 'external:fees',
  REFUND: 'external:as-original',
  OPENING: 'external:opening',
} as const satisfies Record<TransactionType | 'OPENING', string>;

export type CounterAccount = (typeof COUNTER_ACCOUNTS)[TransactionType | 'OPENING'];

export function counterAccountOf(type: TransactionType | 'OPENING'): CounterAccount {
  return COUNTER_ACCOUNTS[type];
}
