import type { CommittedBatch } from '../actors/commit-lane.ts';
import { LIMITS } from '../limits.ts';
import type { BalanceCache, CachedBalance } from '../ports/balance-cache.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { OutboxStore, OutboxTask } from '../ports/stores.ts';
import type { CacheWriter } from './cache-writer.ts';
import { TurnBatch } from './turn-batch.ts';

export interface OutboxOptions {
  readonly store: OutboxStore;
  readonly writer: CacheWriter;
  readonly cache: Pick<BalanceCache, 'generation'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Balances of a commit that are in the cache, but could still be lost by it. */
interface Confirmed {
  readonly batch: CommittedBatch;
  readonly generation: string;
  readonly durableAtMs: number;
}

/** Rows are removed together, at most this often. */
const REMOVAL_MS_MIN = 250;
/** The store holds a lock while rows of others are worked on: shorter than it allows. */
const TAKEOVER_WORK_MS_MAX = 20_000;

/**
 * Does what a commit leaves to do: brings the cached balances up to date, then deletes the commit's outbox row.
 *
 * Owns the outbox rows of this incarnation from their commit until they are deleted.
 * O1. Nothing here is awaited before an acknowledgement.
 * O2. A row is deleted only when its balances are confirmed, `cacheDurableMs` have passed, and the cache is still the
 *     one that confirmed them; else they are written again.
 * O3. Rows of incarnations that are gone are taken over, so that a crash after a commit leaves no old balance standing;
 *     and so are those of our own commits whose answer was lost, which nobody ever told us of.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #removing: TurnBatch<bigint>;
  readonly #whenEmpty: (() => void)[] = [];
  #confirmed: Confirmed[] = [];
  /** Rows of commits that are not done yet. */
  readonly #open = new Set<bigint>();
  #removal: 'none' | 'scheduled' = 'none';
  #phase: 'running' | 'stopped' = 'stopped';
  #cancelTakeover: () => void = () => undefined;
  #takingOver: Promise<void> = Promise.resolve();

  constructor(options: OutboxOptions) {
    const { clock, logger, store } = options;
    this.#options = options;
    this.#removing = new TurnBatch({
      name: 'removing outbox rows',
      clock,
      logger,
      batchMax: LIMITS.outboxTakeoverRowsMax,
      work: async (ids) => {
        await store.remove(ids);
        this.#close(ids);
      },
    });
  }

  /** Called after each commit, before its commands are settled. Returns at once. */
  committed(batch: CommittedBatch): void {
    const { writer, logger } = this.#options;
    if (writer.pendingCount >= LIMITS.cachePendingMax) {
      logger.error(
        { outbox_id: batch.outboxId.toString() },
        'too much waits for the cache: left to the next start',
      );
      return;
    }
    this.#open.add(batch.outboxId);
    this.#write(batch);
  }

  /** Takes over what dead incarnations have left, now and from time to time. */
  start(): void {
    this.#phase = 'running';
    this.#takingOver = this.#takeOver();
  }

  /** Stops taking over; resolves when all that this incarnation has committed is done, however long that takes. */
  async drain(): Promise<void> {
    this.#phase = 'stopped';
    this.#cancelTakeover();
    await this.#takingOver;
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  #write(batch: CommittedBatch, generation?: null): void {
    const { writer, clock } = this.#options;
    for (const balance of batch.balances) writer.put(balance, generation);
    writer.whenWritten((writtenUnder) => {
      const durableAtMs = clock.now() + LIMITS.cacheDurableMs;
      this.#confirmed.push({ batch, generation: writtenUnder, durableAtMs });
      this.#scheduleRemoval(LIMITS.cacheDurableMs);
    });
  }

  #scheduleRemoval(delayMs: number): void {
    if (this.#removal === 'scheduled') return;
    this.#removal = 'scheduled';
    this.#options.clock.after(delayMs, () => this.#removeDurable());
  }

  #removeDurable(): void {
    const { cache, clock } = this.#options;
    this.#removal = 'none';
    const nowMs = clock.now();
    const generation = cache.generation();
    const due = this.#confirmed.filter((confirmed) => confirmed.durableAtMs <= nowMs);
    this.#confirmed = this.#confirmed.filter((confirmed) => confirmed.durableAtMs > nowMs);
    for (const { batch, generation: writtenUnder } of due) {
      if (generation === writtenUnder) this.#removing.add(batch.outboxId);
      else this.#write(batch, null);
    }
    const next = this.#confirmed[0];
    if (next !== undefined) this.#scheduleRemoval(Math.max(REMOVAL_MS_MIN, next.durableAtMs - nowMs));
  }

  #close(outboxIds: readonly bigint[]): void {
    for (const outboxId of outboxIds) this.#open.delete(outboxId);
    if (this.#open.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  async #takeOver(): Promise<void> {
    const { store, cache, logger } = this.#options;
    let taken = 0;
    try {
      if (cache.generation() !== null)
        taken = await store.takeOver(
          LIMITS.outboxTakeoverAgeMs,
          LIMITS.outboxTakeoverRowsMax,
          [...this.#open],
          this.#finish,
        );
      if (taken > 0) logger.info({ rows: taken }, 'brought balances that were left to do up to date');
    } catch (error) {
      logger.warn({ err: error }, 'outbox rows could not be taken over, later again');
    }
    if (this.#stopped()) return;
    const delayMs = taken === LIMITS.outboxTakeoverRowsMax ? 0 : LIMITS.outboxTakeoverMs;
    this.#cancelTakeover = this.#options.clock.after(delayMs, () => {
      this.#takingOver = this.#takeOver();
    });
  }

  /** The balances in the tasks were read after the rows were locked, so the generation is unknown: read again. */
  readonly #finish = async (tasks: readonly OutboxTask[]): Promise<void> => {
    const { writer, cache } = this.#options;
    const balances = new Map<string, CachedBalance>();
    for (const task of tasks) for (const balance of task.balances) balances.set(balance.id, balance);
    for (const balance of balances.values()) writer.put(balance, null);
    const generation = await this.#written();
    await this.#pause(LIMITS.cacheDurableMs);
    if (cache.generation() !== generation) throw new Error('the cache has lost its contents meanwhile');
  };

  #written(): Promise<string> {
    const { writer, clock } = this.#options;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(TAKEOVER_WORK_MS_MAX, () => reject(new Error('the balance cache is away')));
      writer.whenWritten((generation) => {
        cancel();
        resolve(generation);
      });
    });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(delayMs, resolve));
  }

  #stopped(): boolean {
    return this.#phase === 'stopped';
  }
}
