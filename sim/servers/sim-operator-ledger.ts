import type { AccountState } from '../../src/domain/account.ts';
import type { OperatorResult } from '../../src/domain/settlement.ts';
import { CommitFailure } from '../../src/ports/ledger.ts';
import type { AccountOrder, OperatorLedger, OrderVerdict } from '../../src/ports/operator-ledger.ts';
import type { SimLink } from './sim-link.ts';
import { timeText } from './sim-tables.ts';
import type { OrderRow, SimTables } from './sim-tables.ts';

export interface SimOperatorLedgerOptions {
  readonly tables: SimTables;
  readonly link: SimLink;
  readonly incarnation: string;
  /** In the moment in which it was written. */
  readonly onOrder: (row: OrderRow, shard: number) => void;
}

/** `processor.apply_order`: fence, the same order before, the account as it was judged; only then the judgement counts. */
export class SimOperatorLedger implements OperatorLedger {
  readonly #options: SimOperatorLedgerOptions;

  constructor(options: SimOperatorLedgerOptions) {
    this.#options = options;
  }

  async apply(order: AccountOrder): Promise<OrderVerdict> {
    try {
      return await this.#options.link.ask(() => this.#apply(order));
    } catch (error) {
      throw new CommitFailure('unknown', null, 'the connection broke', { cause: error });
    }
  }

  #apply(order: AccountOrder): OrderVerdict {
    const { tables } = this.#options;
    const { shard, epoch, state, command, judgement } = order;
    if (tables.shards.rows[shard]?.epoch !== epoch) return { kind: 'fenced' };
    const present = tables.stateOf(command.accountId);
    if (present === null) return { kind: 'stale' };
    const before = tables.orders.get(command.orderId);
    if (before !== undefined) return ended(doneOf(before), present, null);
    const isSame =
      present.seq === state.seq &&
      present.status === state.status &&
      present.balanceCents === state.balanceCents;
    if (!isSame) return { kind: 'stale' };
    if (judgement.kind === 'refused')
      return ended({ kind: 'refused', detail: judgement.detail }, present, null);
    const { amountCents, balanceCents, overdraftCents } = judgement;
    const status =
      judgement.status === 'as-before'
        ? (tables.setAside.get(command.accountId)?.status ?? 'active')
        : judgement.status;
    const after = { ...present, seq: present.seq + 1n, balanceCents, overdraftCents, status };
    return this.#write(order, after, amountCents);
  }

  #write({ command, shard }: AccountOrder, state: AccountState, amountCents: bigint): OrderVerdict {
    const { tables, incarnation: writer, onOrder } = this.#options;
    const { accountId, orderId, action } = command;
    const row = { accountId, orderId, action, seq: state.seq, amountCents, state, writer };
    tables.orders.set(orderId, row);
    tables.states.set(accountId, state);
    if (action.kind === 'adjust') this.#addRow(row);
    const nowMs = tables.time.nowMs;
    const id = tables.next('outbox');
    const what = { accountIds: [accountId], cardIds: [], createdAtMs: nowMs, due: 'all' } as const;
    tables.outbox.set(id, { id, incarnation: writer, lockedBy: null, ...what });
    onOrder(row, shard);
    return ended(doneOf(row), state, id);
  }

  /** So that the sum over approved rows stays the balance. */
  #addRow({ orderId, accountId, amountCents }: OrderRow): void {
    const { tables } = this.#options;
    const createdAtMs = tables.time.nowMs;
    tables.addRow({
      transactionId: orderId,
      accountId,
      type: amountCents > 0n ? 'DEPOSIT' : 'CHARGE',
      amountCents: amountCents > 0n ? amountCents : -amountCents,
      cardId: null,
      idempotencyKey: `order-${orderId}`,
      originalId: null,
      status: 'APPROVED',
      createdAtMs,
      createdAt: timeText(createdAtMs),
    });
  }
}

function doneOf({ state: { seq, balanceCents, overdraftCents, status } }: OrderRow): OperatorResult {
  return { kind: 'done', seq, balanceCents, overdraftCents, status };
}

function ended(result: OperatorResult, state: AccountState, outboxId: bigint | null): OrderVerdict {
  return { kind: 'ended', result, state, outboxId };
}
