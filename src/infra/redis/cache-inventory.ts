import type { Redis } from 'ioredis';
import { balanceKey, BALANCE_KEYS, ownerOfKey, versionKey, type CachedKind } from './balance-keys.ts';
import { FORGET_VERSION } from './balance-scripts.ts';

/** What stands in the cache for one balance; null where there is nothing. */
export interface CachedEntry {
  readonly cents: string | null;
  readonly version: string | null;
}

/** Some of the keys there are. */
export interface KeyBatch {
  readonly ids: Readonly<Record<CachedKind, readonly string[]>>;
  /** Keys that begin as ours do and are no balance of ours. */
  readonly foreign: number;
}

const SCAN_COUNT = 1_000;

/** Looks through the cached balances and takes out what does not belong there. Everything rejects when Redis does not answer. */
export class CacheInventory {
  readonly #client: Redis;

  constructor(client: Redis) {
    this.#client = client;
  }

  /** One per id, in order. */
  async read(kind: CachedKind, ids: readonly string[]): Promise<readonly CachedEntry[]> {
    if (ids.length === 0) return [];
    const texts = await this.#client.mget(ids.flatMap((id) => [balanceKey(kind, id), versionKey(kind, id)]));
    return ids.map((_, index) => ({
      cents: texts[2 * index] ?? null,
      version: texts[2 * index + 1] ?? null,
    }));
  }

  /** All keys that were there from begin to end, some maybe twice. */
  async *keys(): AsyncGenerator<KeyBatch> {
    let cursor = '0';
    do {
      const [next, keys] = await this.#client.scan(cursor, 'MATCH', BALANCE_KEYS, 'COUNT', SCAN_COUNT);
      const owners = keys.map(ownerOfKey).filter((owner) => owner !== null);
      const idsOf = (kind: CachedKind): string[] =>
        owners.filter((owner) => owner.kind === kind).map(({ id }) => id);
      const ids = { account: idsOf('account'), card: idsOf('card') };
      yield { ids, foreign: keys.length - owners.length };
      cursor = next;
    } while (cursor !== '0');
  }

  /** Removes a balance, if it still has this version: an older one can be written again. */
  async forget(kind: CachedKind, id: string, version: string): Promise<void> {
    await this.#client.eval(FORGET_VERSION.lua, 2, balanceKey(kind, id), versionKey(kind, id), version);
  }

  async remove(kind: CachedKind, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#client.unlink(...ids.flatMap((id) => [balanceKey(kind, id), versionKey(kind, id)]));
  }
}
