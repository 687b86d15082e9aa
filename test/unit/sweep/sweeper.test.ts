/**
 * What the sweeper does with what it finds, on a store and an intake made by hand. Without these: a row is driven twice at a
 * time, past an older one, or by a node that does not read the queue; or one odd row is driven for ever.
 */
import { describe, expect, it } from 'vitest';
import type { PendingRow } from '../../../src/contracts/live-body.ts';
import type { InboundQueue } from '../../../src/contracts/queues.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { SweepPage, SweepSlice, SweepStore, SweepTurn } from '../../../src/ports/sweep.ts';
import type { Origin } from '../../../src/supervisor/command-envelope.ts';
import { Sweeper } from '../../../src/supervisor/sweep/sweeper.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';

const POLL_MS = 5_000;
const AGE_MIN_MS = 30_000;
const ACCOUNT = '22222222-2222-4222-8222-222222222222';

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** PENDING rows by their times, as the real store finds them. */
class FakeSweepStore implements SweepStore {
  readonly #clock: FakeClock;
  rows: PendingRow[] = [];
  orders: string[] = [];
  turn: 'ours' | 'theirs' = 'ours';
  broken = false;
  markMs: number | null = 0;
  older = 0;
  releases = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  begin(): Promise<SweepTurn | null> {
    if (this.broken) return Promise.reject(new Error('the ledger is away'));
    return Promise.resolve(this.turn === 'ours' ? { nowMs: this.#clock.now(), markMs: this.markMs } : null);
  }

  release(): Promise<void> {
    this.releases += 1;
    return Promise.resolve();
  }

  look({ fromMs, toMs, after }: SweepSlice, known: readonly string[], limit: number): Promise<SweepPage> {
    const ofThatTime = this.#sorted().filter(({ createdAt }) => {
      const atMs = Date.parse(createdAt);
      return atMs >= fromMs && atMs < toMs;
    });
    const rows = ofThatTime.filter(
      ({ id, createdAt }) =>
        !known.includes(id) && (after === null || `${createdAt} ${id}` > `${after.createdAt} ${after.id}`),
    );
    return Promise.resolve({ examined: ofThatTime.length, rows: rows.slice(0, limit) });
  }

  ordered(toMs: number, known: readonly string[], limit: number): Promise<SweepPage> {
    const rows = this.#sorted().filter(
      ({ id, createdAt }) => this.orders.includes(id) && !known.includes(id) && Date.parse(createdAt) < toMs,
    );
    return Promise.resolve({ examined: Math.min(rows.length, limit), rows: rows.slice(0, limit) });
  }

  again(ids: readonly string[]): Promise<readonly PendingRow[]> {
    return Promise.resolve(this.#sorted().filter(({ id }) => ids.includes(id)));
  }

  finish(markMs: number): Promise<void> {
    this.markMs = markMs;
    return Promise.resolve();
  }

  countOlder(): Promise<number> {
    return Promise.resolve(this.older);
  }

  decide(id: string): void {
    this.rows = this.rows.filter((row) => row.id !== id);
  }

  #sorted(): readonly PendingRow[] {
    return [...this.rows].sort((a, b) => (`${a.createdAt}${a.id}` < `${b.createdAt}${b.id}` ? -1 : 1));
  }
}

class Scene {
  readonly clock = new FakeClock();
  readonly store = new FakeSweepStore(this.clock);
  readonly metrics = new CountingMetrics();
  readonly logger = new QuietLogger();
  readonly road: { readonly id: string; readonly origin: Origin }[] = [];
  readonly letters: { readonly id: string | null; readonly code: string; readonly origin: Origin }[] = [];
  readonly atWork = new Set<string>();
  readonly depths = new Map<InboundQueue, number>();
  reading = true;
  newestDeliveredAt: string | null = null;
  partitioned = false;
  readonly sweeper: Sweeper;

  constructor() {
    const { store, clock, logger, metrics, road, letters, atWork, depths } = this;
    const newest = (): string | null => this.newestDeliveredAt;
    const isPartitioned = (): boolean => this.partitioned;
    this.sweeper = new Sweeper({
      store,
      intake: {
        isReading: () => this.reading,
        depths: () => Promise.resolve(depths),
        get partitioned() {
          return isPartitioned();
        },
      },
      ingest: {
        sweep: (command, origin) => void road.push({ id: command.transactionId, origin }),
        giveUpRow: ({ letter }, origin) =>
          void letters.push({ id: letter.transactionId, code: letter.code, origin }),
        isAtWork: (id) => atWork.has(id),
        get newestDeliveredAt() {
          return newest();
        },
      },
      clock,
      logger,
      metrics,
      ageMinMs: AGE_MIN_MS,
      ageMaxMs: 86_400_000,
      pollMs: POLL_MS,
    });
    this.sweeper.start();
  }

  row(n: number, ageMs: number, fields: Partial<PendingRow> = {}): PendingRow {
    const row: PendingRow = {
      id: idOf(n),
      accountId: ACCOUNT,
      cardId: null,
      amountCents: 100n,
      type: 'DEPOSIT',
      idempotencyKey: `key-${String(n)}`,
      originalId: null,
      createdAt: new Date(this.clock.now() - ageMs).toISOString(),
      ...fields,
    };
    this.store.rows.push(row);
    return row;
  }

  /** Lets a round happen, with all that follows from it. */
  async round(afterMs = POLL_MS): Promise<void> {
    this.clock.advance(afterMs);
    for (let turn = 0; turn < 300; turn += 1) await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }

  get driven(): readonly string[] {
    return this.road.map(({ id }) => id);
  }

  /** The outcome of what is on the road is durable. */
  answer(outcome: 'decided' | 'still-pending' = 'decided'): void {
    for (const { id, origin } of this.road.splice(0)) {
      if (outcome === 'decided') this.store.decide(id);
      origin.ack();
    }
  }
}

describe('the sweeper', () => {
  it('drives the oldest first, and each once while it is on the road', async () => {
    const scene = new Scene();
    scene.row(1, 60_000);
    scene.row(2, 3_600_000);
    scene.row(3, 90_000);
    scene.row(4, 10_000);
    await scene.round(0);
    expect(scene.driven).toEqual([idOf(2), idOf(3), idOf(1)]);
    await scene.round();
    await scene.round();
    expect(scene.driven).toHaveLength(3);
    scene.answer();
    for (let rounds = 0; rounds < 4; rounds += 1) await scene.round();
    expect(scene.driven).toEqual([idOf(4)]);
    expect(scene.metrics.count('swept driven')).toBe(4);
  });

  it('leaves a row alone whose delivery is at work here', async () => {
    const scene = new Scene();
    scene.row(1, 60_000);
    scene.atWork.add(idOf(1));
    await scene.round(0);
    expect(scene.driven).toEqual([]);
    scene.atWork.clear();
    await scene.round();
    expect(scene.driven).toEqual([idOf(1)]);
  });

  it('does nothing while it does not read the queue, or another node has the turn', async () => {
    const scene = new Scene();
    scene.row(1, 60_000);
    scene.reading = false;
    await scene.round(0);
    expect(scene.store.releases).toBe(1);
    scene.reading = true;
    scene.store.turn = 'theirs';
    await scene.round();
    expect(scene.driven).toEqual([]);
    scene.store.turn = 'ours';
    await scene.round();
    expect(scene.driven).toEqual([idOf(1)]);
  });

  it('drives nothing that may wait in the queue', async () => {
    const scene = new Scene();
    scene.row(1, 3_600_000);
    scene.row(2, 60_000);
    scene.depths.set('transactions_queue', 7);
    await scene.round(0);
    expect(scene.driven).toEqual([]);
    scene.newestDeliveredAt = new Date(scene.clock.now() - 600_000).toISOString();
    await scene.round();
    expect(scene.driven).toEqual([idOf(1)]);
    scene.depths.set('transactions_queue', 0);
    await scene.round();
    expect(scene.driven).toEqual([idOf(1), idOf(2)]);
  });

  it('with partitions, whose last messages others know, drives nothing until all of them are empty', async () => {
    const scene = new Scene();
    scene.partitioned = true;
    scene.row(1, 3_600_000);
    scene.depths.set('transactions_queue', 7);
    scene.newestDeliveredAt = new Date(scene.clock.now() - 600_000).toISOString();
    await scene.round(0);
    expect(scene.driven).toEqual([]);
    scene.depths.set('transactions_queue', 0);
    await scene.round();
    expect(scene.driven).toEqual([idOf(1)]);
  });

  it('a row that stays PENDING is driven again, later each time', async () => {
    const scene = new Scene();
    scene.row(1, 60_000);
    await scene.round(0);
    for (const restMs of [AGE_MIN_MS, 2 * AGE_MIN_MS, 4 * AGE_MIN_MS]) {
      expect(scene.driven).toEqual([idOf(1)]);
      scene.answer('still-pending');
      for (let waitedMs = POLL_MS; waitedMs < restMs; waitedMs += POLL_MS) await scene.round();
      expect(scene.driven).toEqual([]);
      await scene.round();
    }
    expect(scene.driven).toEqual([idOf(1)]);
  });

  it('fills the road and goes on when half of it is free', async () => {
    const scene = new Scene();
    const count = LIMITS.sweepOnRoadMax + 10;
    for (let n = 0; n < count; n += 1) scene.row(n, 60_000);
    await scene.round(0);
    expect(scene.driven).toHaveLength(LIMITS.sweepOnRoadMax);
    expect(new Set(scene.driven).size).toBe(LIMITS.sweepOnRoadMax);
    scene.answer();
    await scene.round(0);
    expect(scene.driven).toHaveLength(10);
  });

  it('a refund without a target gets one letter, after it was seen for a while', async () => {
    const scene = new Scene();
    scene.row(1, 60_000, { type: 'REFUND' });
    await scene.round(0);
    await scene.round();
    expect(scene.letters).toEqual([]);
    scene.depths.set('refund_queue', 1);
    await scene.round(AGE_MIN_MS);
    expect(scene.letters).toEqual([]);
    scene.depths.set('refund_queue', 0);
    await scene.round();
    await scene.round();
    expect(scene.letters).toMatchObject([{ id: idOf(1), code: 'REFUND_TARGET_UNKNOWN' }]);
    expect(scene.driven).toEqual([]);
  });

  it('a refund whose message came meanwhile gets none', async () => {
    const scene = new Scene();
    scene.row(1, 60_000, { type: 'REFUND' });
    await scene.round(0);
    scene.store.decide(idOf(1));
    await scene.round(AGE_MIN_MS);
    await scene.round();
    expect(scene.letters).toEqual([]);
  });

  it('a row that is no transaction gets a letter, and stops nothing', async () => {
    const scene = new Scene();
    scene.row(1, 90_000, { accountId: null });
    scene.row(2, 60_000);
    await scene.round(0);
    expect(scene.letters).toMatchObject([{ id: idOf(1), code: 'ROW_INVALID' }]);
    expect(scene.driven).toEqual([idOf(2)]);
  });

  it('drives what an operator has ordered, however old, but not past the queue', async () => {
    const scene = new Scene();
    const old = scene.row(1, 40 * 86_400_000);
    scene.row(2, 30 * 86_400_000);
    scene.store.orders = [old.id];
    await scene.round(0);
    expect(scene.driven).toEqual([old.id]);
  });

  it('says on the first start how many are too old', async () => {
    const scene = new Scene();
    scene.store.markMs = null;
    scene.store.older = 12;
    await scene.round(0);
    const entry = scene.logger.entries.find(({ message }) => message.includes('`paygate pending list`'));
    expect(entry?.fields).toMatchObject({ pending: 12 });
  });

  it('goes on after the ledger was away, and remembers no further than what is on the road', async () => {
    const scene = new Scene();
    scene.store.broken = true;
    await scene.round(0);
    expect(scene.logger.messages('warn')).toHaveLength(1);
    scene.store.broken = false;
    const row = scene.row(1, 3_600_000);
    await scene.round(2 * POLL_MS);
    expect(scene.driven).toEqual([row.id]);
    expect(scene.store.markMs).toBeLessThanOrEqual(Date.parse(row.createdAt));
  });

  it('puts nothing on the road once it is to stop, and gives the turn back', async () => {
    const scene = new Scene();
    scene.row(1, 60_000);
    await scene.sweeper.stop();
    await scene.round();
    expect(scene.driven).toEqual([]);
    expect(scene.store.releases).toBe(1);
  });
});
