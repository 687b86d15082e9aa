import type { CommitFailure } from '../ports/ledger.ts';
import type { AccountOrder, OperatorLedger, OrderVerdict } from '../ports/operator-ledger.ts';
import type { Logger, Metrics } from '../ports/runtime.ts';
import { asFailure } from './commit-lane.ts';
import type { CommittedBatch } from './committed-batch.ts';

/** What became of an operator's order. */
export type OrderResult = OrderVerdict | { readonly kind: 'failed'; readonly failure: CommitFailure };

export interface OrderLaneOptions {
  readonly ledger: OperatorLedger;
  readonly metrics: Pick<Metrics, 'fenced' | 'commitFailed'>;
  readonly logger: Logger;
  /** Called after a commit and before its order is settled. */
  readonly onCommitted: (batch: CommittedBatch) => void;
}

/**
 * Has operators' orders written, each in a commit of its own: they are rare, and none waits for another account's.
 *
 * Owns an order from `submit` until `done`.
 * O1. Each order gets one `done`, after its commit, never inside `submit`.
 * O2. Nothing is tried again here: that is for the account, after it has read.
 */
export class OrderLane {
  readonly #options: OrderLaneOptions;

  constructor(options: OrderLaneOptions) {
    this.#options = options;
  }

  submit(order: AccountOrder, done: (result: OrderResult) => void): void {
    void this.#carryOut(order, done);
  }

  /** Never rejects. */
  async #carryOut(order: AccountOrder, done: (result: OrderResult) => void): Promise<void> {
    const { accountId, orderId } = order.command;
    const fields = { account_id: accountId, order_id: orderId };
    const result = await this.#apply(order);
    try {
      if (result.kind === 'ended') this.#announce(result);
    } catch (error) {
      // The outbox row still says what is to be done.
      this.#options.logger.error({ err: error, ...fields }, 'the commit of an order was not taken note of');
    }
    try {
      done(result);
    } catch (error) {
      this.#options.logger.error({ err: error, ...fields }, 'the answer to an order was not taken');
    }
  }

  async #apply(order: AccountOrder): Promise<OrderResult> {
    const { ledger, metrics, logger } = this.#options;
    try {
      const verdict = await ledger.apply(order);
      if (verdict.kind === 'fenced') metrics.fenced(1);
      return verdict;
    } catch (error) {
      const failure = asFailure(error);
      const { accountId, orderId, action } = order.command;
      metrics.commitFailed(failure.kind);
      logger.warn(
        { err: failure, sql_state: failure.sqlState, account_id: accountId, order_id: orderId },
        `the order to ${action.kind} an account: commit ${failure.kind}`,
      );
      return { kind: 'failed', failure };
    }
  }

  #announce({ outboxId, state }: Extract<OrderVerdict, { kind: 'ended' }>): void {
    if (outboxId === null) return;
    const { accountId, balanceCents, seq } = state;
    const balances = [{ kind: 'account', id: accountId, cents: balanceCents, version: seq }] as const;
    this.#options.onCommitted({ outboxId, balances, told: null });
  }
}
