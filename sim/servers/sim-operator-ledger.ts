import { isDeepStrictEqual } from 'node:util';
import type { OperatorCommand } from '../../src/contracts/command.ts';
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
      if (error instanceof CommitFailure) throw error;
      throw new CommitFailure('unknown', null, 'the connection broke', { cause: error });
    }
  }

  #apply(order: AccountOrder): OrderVerdict {
    const { tables } = this.#options;
    const { shard, epoch, state, command, judgement } = order;
    if (tables.shards.rows[shard]?.epoch !== epoch) return { kind: 'fenced' };
    if (tables.locked.has(command.accountId))
      throw new CommitFailure('busy', '55P03', 'somebody holds the row of the account');
    const present = tables.stateOf(command.accountId);
    if (present === null) return { kind: 'stale' };
    const refused = (detail: string): OrderVerdict => ended({ kind: 'refused', detail }, present, null);
    const before = tables.orders.get(command.orderId);
    if (before !== undefined && isSameOrder(before, command)) return ended(doneOf(before), present, null);
    if (before !== undefined || tables.decided.has(command.orderId))
      return refused('the id of this order belongs to another order or transaction');
    const isSame =
      present.seq === state.seq &&
      present.status === state.status &&
      present.balanceCents === state.balanceCents &&
      present.overdraftCents === state.overdraftCents;
    if (!isSame) return { kind: 'stale' };
    if (judgement.kind === 'refused') return refused(judgement.detail);
    if (command.action.kind === 'release' && !tables.isExplained(present))
      return refused('it is still broken');
    if (command.action.kind === 'adjust' && tables.rows.has(command.orderId))
      return refused('the id of this order is that of a transaction');
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
      idempotencyKey: `operator:${orderId}`,
      originalId: null,
      status: 'APPROVED',
      createdAtMs,
      createdAt: timeText(createdAtMs),
    });
  }
}

function isSameOrder(
  { accountId, action }: OrderRow,
  command: Pick<OperatorCommand, 'accountId' | 'action'>,
): boolean {
  return accountId === command.accountId && isDeepStrictEqual(action, command.action);
}

function doneOf({ state: { seq, balanceCents, overdraftCents, status } }: OrderRow): OperatorResult {
  return { kind: 'done', seq, balanceCents, overdraftCents, status };
}

function ended(result: OperatorResult, state: AccountState, outboxId: bigint | null): OrderVerdict {
  return { kind: 'ended', result, state, outboxId };
}
