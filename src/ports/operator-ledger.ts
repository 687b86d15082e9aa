import type { OperatorCommand } from '../contracts/command.ts';
import type { AccountState } from '../domain/account.ts';
import type { OrderJudgement } from '../domain/judge-order.ts';
import type { OperatorResult } from '../domain/settlement.ts';

/** An operator's order as the owner of the account has judged it. */
export interface AccountOrder {
  readonly shard: number;
  /** Epoch under which this node owns the shard. */
  readonly epoch: bigint;
  /** The account that it was judged against: it must still be so. */
  readonly state: AccountState;
  readonly command: OperatorCommand;
  readonly judgement: OrderJudgement;
}

export type OrderVerdict =
  /** The shard's epoch is no longer ours. */
  | { readonly kind: 'fenced' }
  /** The account is not as it was when it was judged: hydrate again. */
  | { readonly kind: 'stale' }
  | {
      readonly kind: 'ended';
      readonly result: OperatorResult;
      /** The account as it is now. */
      readonly state: AccountState;
      /** The outbox row of this commit, null where nothing was written (a repeat, a refusal). */
      readonly outboxId: bigint | null;
    };

/**
 * Writes operators' orders. One call is one PostgreSQL commit.
 *
 * An order that was carried out before is answered with its first outcome, whatever the judgement says now. A `release`
 * is refused while the account's balance and its journal do not agree.
 * Throws `CommitFailure`: nothing was written (`refused`, `busy`), or it is not known whether it was (`unknown`).
 */
export interface OperatorLedger {
  apply(order: AccountOrder): Promise<OrderVerdict>;
}
