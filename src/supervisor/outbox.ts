import type { CommittedBatch } from '../actors/committed-batch.ts';
import type { ToldAccount } from '../domain/told-account.ts';
import { LIMITS } from '../limits.ts';
import type { BalanceCache, CachedBalance } from '../ports/balance-cache.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { OutboxDue, OutboxStore, OutboxTask } from '../ports/stores.ts';
import type { CacheWriter } from './cache-writer.ts';
import type { EventFeed } from './event-feed.ts';
import { TurnBatch } from './turn-batch.ts';

export interface OutboxOptions {
  readonly store: OutboxStore;
  readonly writer: CacheWriter;
  /** null: this cluster tells nobody anything, and events count as told. */
  readonly events: EventFeed | null;
  readonly cache: Pick<BalanceCache, 'generation'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Whose balances a commit has changed. */
interface Owners {
  readonly accounts: readonly string[];
  readonly cards: readonly string[];
}

/**
 * Balances of a commit that are in the cache, but could still be lost by it. Only whose they are: where they are lost, they are read
 * again, and the balances themselves, kept for a second, would be 2 MB at 20,000 a second.
 */
interface Confirmed {
  readonly outboxId: bigint;
  readonly owners: Owners;
  readonly generation: string;
  readonly durableAtMs: number;
}

/** Rows are removed together, at most this often. */
const REMOVAL_MS_MIN = 250;
/** The store holds a lock while rows of others are worked on: shorter than it allows. */
const TAKEOVER_WORK_MS_MAX = 20_000;

/**
 * Does what a commit leaves to do: brings the cached balances up to date and has its events published, then deletes the
 * commit's outbox row.
 *
 * Owns the outbox rows of this incarnation from their commit until they are deleted.
 * O1. Nothing here is awaited before an acknowledgement.
 * O2. A row is deleted only when all its events are confirmed, and its balances are confirmed, `cacheDurableMs` have passed, and
 *     the cache is still the one that confirmed them; else these are written again. Neither waits for the other.
 * O3. Rows of incarnations that are gone are taken over, so that a crash after a commit leaves no old balance standing and no
 *     event untold; and so are those of our own commits whose answer was lost, which nobody ever told us of. Where there are more
 *     than a portion, the balances of all are shown with the first: however many a crash leaves, Redis is right at once.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #removing: TurnBatch<bigint>;
  readonly #whenEmpty: (() => void)[] = [];
  #confirmed: Confirmed[] = [];
  /** Rows of commits that are not done yet, and what is left to do of each. */
  readonly #open = new Map<bigint, OutboxDue | 'nothing'>();
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
      batchMax: LIMITS.outboxRemovalRowsMax,
      work: async (ids) => {
        await store.remove(ids);
        this.#close(ids);
      },
    });
  }

  /** Called after each commit, before its commands are settled. Returns at once. */
  committed({ outboxId, balances, told }: CommittedBatch): void {
    const { writer, events, logger } = this.#options;
    if (writer.pendingCount >= LIMITS.cachePendingMax || events?.isFull === true) {
      logger.error(
        { outbox_id: outboxId.toString() },
        'too much waits to be shown or told: left to be taken over',
      );
      for (const balance of balances) writer.put(balance);
      return;
    }
    this.#open.set(outboxId, events === null ? 'balances' : 'all');
    this.#write(outboxId, balances);
    this.#tell(outboxId, told);
  }

  /** A row without balances is committed, whose events no commit of ours knows. */
  announced(outboxId: bigint): void {
    const { events } = this.#options;
    // Else it is taken over.
    if (events === null || events.isFull) return;
    this.#open.set(outboxId, 'events');
    this.#tell(outboxId, null);
  }

  /** Takes over what dead incarnations have left, now and from time to time. */
  start(): void {
    this.#phase = 'running';
    this.#takingOver = this.#takeOver();
  }

  /** Stops taking over; resolves when all that this incarnation has committed is done, however long that takes. */
  async drain(): Promise<void> {
    await this.#stop();
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Stops taking over; resolves when what waits for these is done. Rows stay where something else is left to do. */
  async drainOnly(part: 'balances' | 'events'): Promise<void> {
    await this.#stop();
    if (part === 'events') await this.#options.events?.drain();
    else await new Promise((resolve) => this.#options.writer.whenWritten(resolve));
  }

  async #stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#cancelTakeover();
    await this.#takingOver;
  }

  #tell(outboxId: bigint, told: readonly ToldAccount[] | null): void {
    void this.#options.events?.tell(outboxId, told).then(() => this.#done(outboxId, 'events'));
  }

  #write(outboxId: bigint, balances: readonly CachedBalance[]): void {
    for (const balance of balances) this.#options.writer.put(balance);
    this.#confirm(outboxId, ownersOf(balances));
  }

  /** Under no generation they are read from the ledger first, so nothing is to be said but whose they are. */
  #writeAgain(outboxId: bigint, owners: Owners): void {
    const { writer } = this.#options;
    const unread = { cents: 0n, version: 0n };
    for (const id of owners.accounts) writer.put({ kind: 'account', id, ...unread }, null);
    for (const id of owners.cards) writer.put({ kind: 'card', id, ...unread }, null);
    this.#confirm(outboxId, owners);
  }

  /** Notes when all of them are written. */
  #confirm(outboxId: bigint, owners: Owners): void {
    const { writer, clock } = this.#options;
    writer.whenWritten((writtenUnder) => {
      const durableAtMs = clock.now() + LIMITS.cacheDurableMs;
      this.#confirmed.push({ outboxId, owners, generation: writtenUnder, durableAtMs });
      this.#scheduleRemoval(LIMITS.cacheDurableMs);
    });
  }

  #scheduleRemoval(delayMs: number): void {
    if (this.#removal === 'scheduled') return;
    this.#removal = 'scheduled';
    this.#options.clock.after(delayMs, () => this.#passDurable());
  }

  #passDurable(): void {
    const { cache, clock } = this.#options;
    this.#removal = 'none';
    const nowMs = clock.now();
    const generation = cache.generation();
    const due = this.#confirmed.filter((confirmed) => confirmed.durableAtMs <= nowMs);
    this.#confirmed = this.#confirmed.filter((confirmed) => confirmed.durableAtMs > nowMs);
    for (const { outboxId, owners, generation: writtenUnder } of due) {
      if (generation === writtenUnder) this.#done(outboxId, 'balances');
      else this.#writeAgain(outboxId, owners);
    }
    const next = this.#confirmed[0];
    if (next !== undefined) this.#scheduleRemoval(Math.max(REMOVAL_MS_MIN, next.durableAtMs - nowMs));
  }

  #done(outboxId: bigint, part: 'balances' | 'events'): void {
    const due = this.#open.get(outboxId);
    if (due === 'all') {
      this.#open.set(outboxId, part === 'balances' ? 'events' : 'balances');
    } else if (due === part) {
      this.#open.set(outboxId, 'nothing');
      this.#removing.add(outboxId);
    }
  }

  #close(outboxIds: readonly bigint[]): void {
    for (const outboxId of outboxIds) this.#open.delete(outboxId);
    if (this.#open.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  async #takeOver(): Promise<void> {
    const { logger } = this.#options;
    let taken = 0;
    try {
      taken = await this.#takeWhatCanBeDone();
      if (taken > 0) logger.info({ rows: taken }, 'did what was left to do of commits');
    } catch (error) {
      logger.warn({ err: error }, 'outbox rows could not be taken over, later again');
    }
    if (this.#stopped()) return;
    const delayMs = taken === LIMITS.outboxTakeoverRowsMax ? 0 : LIMITS.outboxTakeoverMs;
    this.#cancelTakeover = this.#options.clock.after(delayMs, () => {
      this.#takingOver = this.#takeOver();
    });
  }

  async #takeWhatCanBeDone(): Promise<number> {
    const { store, cache, events } = this.#options;
    const showing = cache.generation() !== null;
    const telling = events === null || (events.isOpen && !events.isFull);
    if (!showing && !telling) return 0;
    const taking = {
      ageMs: LIMITS.outboxTakeoverAgeMs,
      limit: LIMITS.outboxTakeoverRowsMax,
      known: [...this.#open.keys()],
      able: showing && telling ? 'all' : showing ? 'balances' : 'events',
    } as const;
    return store.takeOver(taking, async (tasks, behind) => {
      if (showing) for (const balance of behind) this.#options.writer.put(balance, null);
      await Promise.all([
        showing ? this.#showAll(tasks.filter(({ due }) => due !== 'events')) : null,
        telling ? this.#tellAll(tasks.filter(({ due }) => due !== 'balances')) : null,
      ]);
    });
  }

  /** The balances in the tasks were read after the rows were locked, so the generation is unknown: read again. */
  async #showAll(tasks: readonly OutboxTask[]): Promise<void> {
    if (tasks.length === 0) return;
    const { writer, cache, clock } = this.#options;
    const balances = new Map<string, CachedBalance>();
    for (const task of tasks) for (const balance of task.balances) balances.set(balance.id, balance);
    for (const balance of balances.values()) writer.put(balance, null);
    const written = new Promise<string>((resolve) => writer.whenWritten(resolve));
    const generation = await this.#inTime(written, 'the balance cache is away');
    await new Promise<void>((resolve) => void clock.after(LIMITS.cacheDurableMs, resolve));
    if (cache.generation() !== generation) throw new Error('the cache has lost its contents meanwhile');
  }

  /** The rows are still there, so the feed can read them. */
  async #tellAll(tasks: readonly OutboxTask[]): Promise<void> {
    const { events } = this.#options;
    if (events === null) return;
    const told = Promise.all(tasks.map(({ outboxId }) => events.tell(outboxId, null)));
    await this.#inTime(told, 'the broker does not take events');
  }

  #inTime<T>(work: Promise<T>, failure: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(TAKEOVER_WORK_MS_MAX, () => reject(new Error(failure)));
      work.then((result) => {
        cancel();
        resolve(result);
      }, reject);
    });
  }

  #stopped(): boolean {
    return this.#phase === 'stopped';
  }
}

function ownersOf(balances: readonly CachedBalance[]): Owners {
  const accounts: string[] = [];
  const cards: string[] = [];
  for (const { kind, id } of balances) (kind === 'card' ? cards : accounts).push(id);
  return { accounts, cards };
}
