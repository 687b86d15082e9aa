import type pg from 'pg';
import type { Redis } from 'ioredis';
import { GENERATION_KEY } from '../../infra/redis/balance-cache.ts';
import { CacheInventory } from '../../infra/redis/cache-inventory.ts';
import { presentNodes } from '../../infra/redis/membership-view.ts';
import { namedOwners } from '../../infra/postgres/shard-directory.ts';

/**
 * Nodes that are there: those that tick in Redis, and those in whose name shards stand in the ledger, since a node that has lost Redis goes
 * on. Names, and of a record that cannot be read the incarnation; sorted.
 */
export async function nodesThatMayWrite(client: Redis, pool: pg.Pool): Promise<readonly string[]> {
  return [...new Set([...(await presentNodes(client)), ...(await namedOwners(pool))])].sort();
}

/**
 * Deletes all cached balances with their versions, in small steps, which stop nobody; returns how many. A write that somebody has still under way
 * is refused: the generation that it goes by is gone, before the first balance and after the last.
 */
export async function clearCache(client: Redis): Promise<number> {
  const inventory = new CacheInventory(client);
  const removed = new Set<string>();
  await client.del(GENERATION_KEY);
  for await (const { ids } of inventory.keys()) {
    await inventory.remove('account', ids.account);
    await inventory.remove('card', ids.card);
    for (const id of [...ids.account, ...ids.card]) removed.add(id);
  }
  await client.del(GENERATION_KEY);
  return removed.size;
}
