import type { CachedBalance } from '../../src/ports/balance-cache.ts';
import type { OutboxEvents, OutboxStore, OutboxTaking, OutboxTask } from '../../src/ports/stores.ts';
import type { SimLink } from './sim-link.ts';
import type { OutboxRow, SimTables } from './sim-tables.ts';
import { TableStore } from './table-store.ts';

/** `processor.outbox`. */
export class SimOutbox extends TableStore implements OutboxStore {
  readonly #incarnation: string;
  #locks = 0;

  constructor(tables: SimTables, link: SimLink, incarnation: string) {
    super(tables, link);
    this.#incarnation = incarnation;
  }

  async takeOver(
    taking: OutboxTaking,
    work: (tasks: readonly OutboxTask[], behind: readonly CachedBalance[]) => Promise<void>,
  ): Promise<number> {
    // Of this transaction alone: whatever becomes of the connection, the server ends it.
    const lock = `${this.#incarnation} ${(this.#locks += 1)}`;
    let isOver = false;
    try {
      const rows = await this.ask(() => (isOver ? [] : this.#lock(taking, lock)));
      if (rows.length === 0) return 0;
      const [tasks, behind] = await this.ask(() => [
        rows.map((row) => this.#taskOf(row)),
        this.#behind(taking, rows),
      ]);
      await work(tasks, behind);
      await this.ask(() => {
        for (const row of rows) this.#settle(row, taking.able);
      });
      return rows.length;
    } finally {
      isOver = true;
      for (const row of this.tables.outbox.values()) if (row.lockedBy === lock) row.lockedBy = null;
    }
  }

  events(outboxIds: readonly bigint[]): Promise<readonly OutboxEvents[]> {
    return this.ask(() => outboxIds.map(() => ({ accounts: [], events: [] })));
  }

  remove(outboxIds: readonly bigint[]): Promise<void> {
    return this.ask(() => {
      for (const id of outboxIds)
        if (this.tables.outbox.get(id)?.lockedBy === null) this.tables.outbox.delete(id);
    });
  }

  #lock({ ageMs, limit, known, able }: OutboxTaking, lock: string): readonly OutboxRow[] {
    const { outbox, time } = this.tables;
    const rows = [...outbox.values()]
      .filter(({ id, incarnation }) => incarnation !== this.#incarnation || !known.includes(id))
      .filter(({ createdAtMs }) => createdAtMs <= time.nowMs - ageMs)
      .filter(({ due }) => able === 'all' || due === 'all' || due === able)
      .filter(({ lockedBy }) => lockedBy === null)
      .slice(0, limit);
    for (const row of rows) row.lockedBy = lock;
    return rows;
  }

  #behind({ ageMs, limit, able }: OutboxTaking, taken: readonly OutboxRow[]): readonly CachedBalance[] {
    const last = taken.at(-1);
    if (last === undefined || taken.length < limit || able === 'events') return [];
    const { outbox, time } = this.tables;
    return [...outbox.values()]
      .filter(({ id, incarnation }) => id > last.id && incarnation !== this.#incarnation)
      .filter(({ createdAtMs }) => createdAtMs <= time.nowMs - ageMs)
      .flatMap((row) => this.#taskOf(row).balances);
  }

  #taskOf({ id, due, accountIds, cardIds }: OutboxRow): OutboxTask {
    const { states, cardTotals } = this.tables;
    const accounts = accountIds.flatMap((accountId): CachedBalance[] => {
      const state = states.get(accountId);
      if (state === undefined) return [];
      return [{ kind: 'account', id: accountId, cents: state.balanceCents, version: state.seq }];
    });
    const cards = cardIds.flatMap((cardId): CachedBalance[] => {
      const total = cardTotals.get(cardId);
      return total === undefined
        ? []
        : [{ kind: 'card', id: cardId, cents: total.totalCents, version: total.seq }];
    });
    return { outboxId: id, due, balances: due === 'events' ? [] : [...accounts, ...cards] };
  }

  #settle(row: OutboxRow, able: OutboxTaking['able']): void {
    if (able === 'all' || row.due === able) this.tables.outbox.delete(row.id);
    else row.due = able === 'balances' ? 'events' : 'balances';
  }
}
