import { LIMITS } from '../limits.ts';
import type { BalanceCache, CachedBalance } from '../ports/balance-cache.ts';
import type { AccountReader } from '../ports/ledger.ts';
import type { Clock, Logger, Metrics } from '../ports/runtime.ts';

export interface CacheWriterOptions {
  readonly cache: BalanceCache;
  /** Where balances are read again when the cache has lost its contents. */
  readonly reader: Pick<AccountReader, 'account' | 'cardTotal'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Told under which generation of the cache the balances are written now. */
export type Written = (generation: string) => void;

interface Pending extends CachedBalance {
  /** Generation of the cache when the balance was known; another one since: read it again. */
  readonly generation: string | null;
}

/**
 * The only writer of cached balances on this node.
 *
 * Owns the balances from `put` until the cache has confirmed them.
 * W1. Of several balances of one account or card only the newest waits, and one write is under way at a time: an older one is
 *     never written after a newer one.
 * W2. While the cache is away, what waits is kept and tried again; nothing is queued in the client.
 * W3. A balance known under another generation of the cache is read again from the ledger: the newer one that may
 *     have been lost with the old contents cannot protect itself by its version any more.
 * W4. `written` callbacks are called after everything that was put before them is confirmed.
 */
export class CacheWriter {
  readonly #options: CacheWriterOptions;
  #pending = new Map<string, Pending>();
  #callbacks: Written[] = [];
  #failures = 0;
  #phase: 'idle' | 'scheduled' | 'writing' = 'idle';

  constructor(options: CacheWriterOptions) {
    this.#options = options;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** `generation`: of the cache, taken before the balance was read or committed. */
  put(balance: CachedBalance, generation: string | null = this.#options.cache.generation()): void {
    const { kind, id, cents, version } = balance;
    const key = kind === 'card' ? `card:${id}` : id;
    const waiting = this.#pending.get(key);
    if (waiting !== undefined && waiting.version > version) return;
    this.#pending.set(key, { kind, id, cents, version, generation });
    this.#wake();
  }

  whenWritten(callback: Written): void {
    this.#callbacks.push(callback);
    this.#wake();
  }

  #wake(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'scheduled';
    this.#options.clock.soon(() => void this.#run());
  }

  async #run(): Promise<void> {
    this.#phase = 'writing';
    const balances = this.#pending;
    const callbacks = this.#callbacks;
    this.#pending = new Map();
    this.#callbacks = [];
    try {
      const generation = await this.#writeAll([...balances.values()]);
      this.#succeeded(callbacks, generation);
    } catch (error) {
      this.#failed(balances, callbacks, error);
    }
  }

  async #writeAll(balances: readonly Pending[]): Promise<string> {
    const { cache, metrics, clock } = this.#options;
    const generation = cache.generation();
    if (generation === null) {
      // Writes nothing, but makes the cache look whether it is back.
      await cache.write(balances.slice(0, 1), null);
      throw new Error('the balance cache is away');
    }
    const known = balances.filter((balance) => balance.generation === generation);
    const read = await this.#readAgain(balances.filter((balance) => balance.generation !== generation));
    const fresh = [...known, ...read];
    for (let start = 0; start < fresh.length; start += LIMITS.cacheBatchMax) {
      const batch = fresh.slice(start, start + LIMITS.cacheBatchMax);
      const startedMs = clock.now();
      await cache.write(batch, generation);
      metrics.cacheWritten(batch.length, (clock.now() - startedMs) / 1000);
    }
    return generation;
  }

  async #readAgain(balances: readonly Pending[]): Promise<readonly CachedBalance[]> {
    const read = await Promise.all(balances.map((balance) => this.#readOne(balance)));
    return read.filter((balance) => balance !== null);
  }

  async #readOne({ kind, id }: CachedBalance): Promise<CachedBalance | null> {
    const { reader } = this.#options;
    if (kind === 'card') {
      const { totalCents, seq } = await reader.cardTotal(id);
      return { kind, id, cents: totalCents, version: seq };
    }
    const state = await reader.account(id);
    return state === null ? null : { kind, id, cents: state.balanceCents, version: state.seq };
  }

  #succeeded(callbacks: readonly Written[], generation: string): void {
    this.#failures = 0;
    this.#phase = 'idle';
    if (this.#pending.size > 0 || this.#callbacks.length > 0) this.#wake();
    for (const callback of callbacks) callback(generation);
  }

  #failed(balances: ReadonlyMap<string, Pending>, callbacks: readonly Written[], error: unknown): void {
    const { metrics, logger, clock } = this.#options;
    const newer = this.#pending;
    this.#pending = new Map(balances);
    for (const balance of newer.values()) this.put(balance, balance.generation);
    this.#callbacks = [...callbacks, ...this.#callbacks];
    this.#failures += 1;
    metrics.cacheFailed(balances.size);
    const delayMs = Math.min(LIMITS.storeBackoffMsMax, LIMITS.storeBackoffMsMin * 2 ** (this.#failures - 1));
    // The first says what happened, the tenth that it still does; the counter has them all.
    if (this.#failures === 1 || this.#failures % 10 === 0) {
      const fields = { err: error, waiting: this.#pending.size, failures: this.#failures, delay_ms: delayMs };
      logger.warn(fields, 'balances could not be cached, trying again');
    }
    this.#phase = 'scheduled';
    clock.after(delayMs, () => void this.#run());
  }
}
