import type { PendingRow } from '../../src/contracts/live-body.ts';
import { LIMITS } from '../../src/limits.ts';
import type { SweepPage, SweepSlice, SweepStore, SweepTurn } from '../../src/ports/sweep.ts';
import type { SimLink } from './sim-link.ts';
import { pendingOf } from './sim-tables.ts';
import type { SimTables } from './sim-tables.ts';
import { TableStore } from './table-store.ts';

/** The turn to sweep and what it finds. The turn is lost with the process, and when nothing was asked for long. */
export class SimSweeps extends TableStore implements SweepStore {
  readonly #incarnation: string;

  constructor(tables: SimTables, link: SimLink, incarnation: string) {
    super(tables, link);
    this.#incarnation = incarnation;
  }

  begin(): Promise<SweepTurn | null> {
    return this.ask(() => {
      const tables = this.tables;
      const nowMs = tables.time.nowMs;
      const { sweeper } = tables;
      const isHeld = sweeper !== null && nowMs - sweeper.askedAtMs < LIMITS.sweepIdleTimeoutMs;
      if (isHeld && sweeper.incarnation !== this.#incarnation) return null;
      tables.sweeper = { incarnation: this.#incarnation, askedAtMs: nowMs };
      return { nowMs, markMs: tables.sweepMarkMs };
    });
  }

  async release(): Promise<void> {
    try {
      await this.#inTurn(() => {
        this.tables.sweeper = null;
      });
    } catch {
      // The connection is gone, and the turn with it.
    }
  }

  look({ fromMs, toMs, after }: SweepSlice, known: readonly string[], limit: number): Promise<SweepPage> {
    return this.#inTurn(() => {
      const rows = [...this.tables.rows.values()].filter(
        ({ createdAtMs }) => createdAtMs >= fromMs && createdAtMs < toMs,
      );
      const found = rows
        .filter((row) => row.status === 'PENDING' && !known.includes(row.transactionId))
        .filter((row) => !this.tables.isCaredFor(row))
        .map(pendingOf)
        .sort(byAge)
        .filter((row) => after === null || byAge(row, after) > 0);
      return { examined: rows.length, rows: found.slice(0, limit) };
    });
  }

  ordered(): Promise<SweepPage> {
    return this.#inTurn(() => ({ examined: 0, rows: [] }));
  }

  again(ids: readonly string[]): Promise<readonly PendingRow[]> {
    return this.#inTurn(() =>
      ids
        .flatMap((id) => this.tables.rows.get(id) ?? [])
        .filter((row) => row.status === 'PENDING' && !this.tables.isCaredFor(row))
        .map(pendingOf)
        .sort(byAge),
    );
  }

  finish(markMs: number): Promise<void> {
    return this.#inTurn(() => {
      const tables = this.tables;
      tables.sweepMarkMs = Math.max(markMs, tables.sweepMarkMs ?? 0);
      for (const letter of tables.letters) {
        const status = tables.rows.get(letter.transactionId ?? '')?.status;
        if (letter.code !== 'REFUND_TARGET_UNKNOWN') continue;
        if (status === 'APPROVED' || status === 'REJECTED') letter.state = 'replayed';
      }
    });
  }

  countOlder(): Promise<number> {
    return Promise.resolve(0);
  }

  #inTurn<T>(act: () => T): Promise<T> {
    return this.ask(() => {
      if (this.tables.sweeper?.incarnation !== this.#incarnation)
        throw new Error('the turn to sweep was lost');
      return act();
    });
  }
}

function byAge(a: Pick<PendingRow, 'createdAt' | 'id'>, b: Pick<PendingRow, 'createdAt' | 'id'>): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
