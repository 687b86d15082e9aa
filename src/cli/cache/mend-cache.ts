import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerBalances } from '../../infra/postgres/ledger-balances.ts';
import type { RedisBalanceCache } from '../../infra/redis/balance-cache.ts';
import type { CachedKind } from '../../infra/redis/balance-keys.ts';
import type { CachedEntry, CacheInventory } from '../../infra/redis/cache-inventory.ts';
import { LIMITS } from '../../limits.ts';
import { GenerationChanged, type CachedBalance } from '../../ports/balance-cache.ts';

/**
 * Brings the cache to what the ledger says, while nodes go on writing.
 *
 * K1. Written through the cache's own script: an older balance never replaces a newer one, and after a FLUSHALL everything begins anew.
 * K2. The ledger is read after the cache, so a version beyond the ledger's is nobody's: it was put there by hand, or is left over from before
 *     PostgreSQL was restored. It is forgotten, if it still stands there, or nothing could ever be written again.
 * K3. Memory is bounded by one page of ids.
 */
export interface MendOptions {
  readonly ledger: LedgerBalances;
  readonly cache: Pick<RedisBalanceCache, 'enter' | 'write'>;
  readonly inventory: CacheInventory;
  /** `everything`: all balances, and what does not belong there goes. `missing`: only those that are not there. */
  readonly extent: 'everything' | 'missing';
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Mended {
  /** Balances that were missing or wrong. */
  readonly written: number;
  /** That were right already. */
  readonly kept: number;
  /** Of accounts and cards that do not exist. */
  readonly removed: number;
  /** Keys that begin as ours do and were left alone. */
  readonly foreign: number;
}

const RUNS_MAX = 3;

/** Rejects with `GenerationChanged` where the cache was flushed again and again, and when a server does not answer. */
export async function mendCache(options: MendOptions): Promise<Mended> {
  for (let run = 1; ; run += 1) {
    try {
      return await new CacheMending(options).run();
    } catch (error) {
      if (!(error instanceof GenerationChanged) || run === RUNS_MAX) throw error;
    }
  }
}

type Entries = ReadonlyMap<string, CachedEntry>;

class CacheMending {
  readonly #options: MendOptions;
  #generation = '';
  #written = 0;
  #kept = 0;
  #removed = 0;
  #foreign = 0;

  constructor(options: MendOptions) {
    this.#options = options;
  }

  async run(): Promise<Mended> {
    const { cache, extent } = this.#options;
    this.#generation = await cache.enter();
    await this.#goThroughLedger();
    if (extent === 'everything') await this.#goThroughKeys();
    // Redis may still lose what it has confirmed.
    await sleep(LIMITS.cacheDurableMs);
    if ((await cache.enter()) !== this.#generation)
      throw new GenerationChanged('the cache was flushed meanwhile');
    return { written: this.#written, kept: this.#kept, removed: this.#removed, foreign: this.#foreign };
  }

  async #goThroughLedger(): Promise<void> {
    const { ledger, onProgress } = this.#options;
    const total = await ledger.count();
    let done = 0;
    for (const kind of ['account', 'card'] as const) {
      for (let after: string | null = null; ;) {
        const ids = await ledger.ids(kind, after, LIMITS.cacheBatchMax);
        await this.#bring(kind, ids);
        done += ids.length;
        onProgress?.(Math.min(done, total), total);
        if (ids.length < LIMITS.cacheBatchMax) break;
        after = ids.at(-1) ?? null;
      }
    }
  }

  /** What the ledger has no balance of: accounts without any decision, and those that do not exist. */
  async #goThroughKeys(): Promise<void> {
    const { inventory, ledger } = this.#options;
    for await (const { ids, foreign } of inventory.keys()) {
      this.#foreign += foreign;
      for (const kind of ['account', 'card'] as const) {
        const known = await ledger.read(kind, ids[kind]);
        const unknown = ids[kind].filter((id) => !known.has(id));
        await inventory.remove(kind, unknown);
        this.#removed += new Set(unknown).size;
        await this.#bring(
          kind,
          [...known.values()].filter(({ version }) => version === 0n).map(({ id }) => id),
        );
      }
    }
  }

  async #bring(kind: CachedKind, ids: readonly string[]): Promise<void> {
    const { inventory, ledger, cache, extent } = this.#options;
    const read = await inventory.read(kind, ids);
    const seen: Entries = new Map(
      ids.map((id, index) => [id, read[index] ?? { cents: null, version: null }]),
    );
    const balances = [...(await ledger.read(kind, ids)).values()];
    const isMeant = ({ id }: CachedBalance): boolean =>
      extent === 'everything' || seen.get(id)?.cents === null;
    const meant = balances.filter(isMeant);
    await this.#forgetNobodys(meant, seen);
    await cache.write(meant, this.#generation);
    const wrong = meant.filter(({ id, cents }) => seen.get(id)?.cents !== String(cents));
    this.#written += wrong.length;
    this.#kept += balances.length - wrong.length;
  }

  async #forgetNobodys(balances: readonly CachedBalance[], seen: Entries): Promise<void> {
    for (const { kind, id, version } of balances) {
      const cached = seen.get(id)?.version ?? null;
      if (cached === null || isVersionUpTo(cached, version)) continue;
      await this.#options.inventory.forget(kind, id, cached);
    }
  }
}

function isVersionUpTo(cached: string, version: bigint): boolean {
  return /^\d{1,19}$/.test(cached) && BigInt(cached) <= version;
}
