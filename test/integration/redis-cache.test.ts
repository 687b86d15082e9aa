/**
 * Without these, the Go API could show an old balance: an older write over a newer one, a write that Redis executes long after it was given up,
 * or one whose reader did not know that the cache had been flushed.
 */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GENERATION_KEY, RedisBalanceCache } from '../../src/infra/redis/balance-cache.ts';
import type { RedisClientOptions } from '../../src/infra/redis/redis-client.ts';
import { startServers, type RunningServers } from '../../src/infra/services/index.ts';
import { systemRandom } from '../../src/infra/system-clock.ts';
import { LIMITS } from '../../src/limits.ts';
import { GenerationChanged, type CachedBalance } from '../../src/ports/balance-cache.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually, freshRedis, type TestPlace } from '../support/services.ts';

function optionsFor(url: string): RedisClientOptions & { readonly logger: QuietLogger } {
  return { url, name: 'test-node', logger: new QuietLogger(), random: systemRandom };
}

function account(id: string, cents: bigint, version: bigint): CachedBalance {
  return { kind: 'account', id, cents, version };
}

async function connected(url: string): Promise<RedisBalanceCache> {
  const cache = new RedisBalanceCache(optionsFor(url));
  await eventually(() => expect(cache.generation()).not.toBeNull());
  return cache;
}

describe('on a shared server', () => {
  let place: TestPlace;
  let redis: Redis;
  let cache: RedisBalanceCache;

  beforeAll(async () => {
    place = await freshRedis();
    redis = new Redis(place.url);
  });
  beforeEach(async () => {
    await redis.flushdb();
    cache = await connected(place.url);
  });
  afterEach(() => cache.close());
  afterAll(async () => {
    redis.disconnect();
    await place.drop();
  });

  async function write(...balances: CachedBalance[]): Promise<void> {
    await cache.write(balances, cache.generation());
  }

  it('writes accounts and cards in the form the Go API reads, expiring after a day', async () => {
    await write(account('a', -5n, 3n), { kind: 'card', id: 'c', cents: 70n, version: 4n });
    expect(await redis.mget('balance:a', '{balance:a}:v')).toEqual(['-5', '3']);
    expect(await redis.mget('balance:card:c', '{balance:card:c}:v')).toEqual(['70', '4']);
    for (const key of ['balance:a', '{balance:a}:v', 'balance:card:c', '{balance:card:c}:v']) {
      expect(await redis.ttl(key)).toBeGreaterThan(LIMITS.cacheExpirySeconds - 600);
    }
  });

  it('writes an equal version again: repairs a foreign value, refreshes the expiry', async () => {
    await write(account('a', 10n, 0n));
    await redis.set('balance:a', '77', 'EX', 5);
    await write(account('a', 10n, 0n));
    expect(await redis.get('balance:a')).toBe('10');
    expect(await redis.ttl('balance:a')).toBeGreaterThan(5);
  });

  it('writes more than one batch', async () => {
    const count = 2 * LIMITS.cacheBatchMax + 1;
    await write(...Array.from({ length: count }, (_, n) => account(`n${n}`, BigInt(n), 1n)));
    const ids = Array.from({ length: count }, (_, n) => `n${n}`);
    const read = await cache.readBalances([...ids, 'nobody']);
    expect(ids.every((id, n) => read.get(id) === String(n))).toBe(true);
    expect(read.get('nobody')).toBeNull();
  });

  it('shares one generation between the nodes', async () => {
    const other = await connected(place.url);
    expect(other.generation()).toBe(cache.generation());
    expect(await redis.get(GENERATION_KEY)).toBe(cache.generation());
    await other.close();
  });

  it('survives a SCRIPT FLUSH', async () => {
    await write(account('a', 1n, 1n));
    await redis.script('FLUSH');
    await write(account('a', 2n, 2n));
    expect(await redis.get('balance:a')).toBe('2');
  });
});

describe('on a server that fails', () => {
  let servers: RunningServers<'redis'>;
  let cache: RedisBalanceCache;

  beforeAll(async () => {
    servers = await startServers({ env: process.env, kinds: ['redis'], allowInstall: true });
  });
  beforeEach(async () => {
    await servers.redis.start();
    cache = await connected(servers.redis.url);
  });
  afterEach(() => cache.close());
  afterAll(() => servers.stop());

  async function inRedis<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(servers.redis.url);
    try {
      return await ask(redis);
    } finally {
      redis.disconnect();
    }
  }

  it('rejects while Redis is away, writes nothing later by itself, and goes on when it is back', async () => {
    await servers.redis.stop('orderly');
    await eventually(() => expect(cache.state()).not.toBe('up'));
    expect(cache.generation()).toBeNull();
    await expect(cache.write([account('away', 1n, 1n)], null)).rejects.not.toBeInstanceOf(GenerationChanged);
    // At once, so nothing was queued.
    await expect(cache.readBalances(['away'])).rejects.toThrow('enableOfflineQueue');
    await servers.redis.start();
    await eventually(() => expect(cache.generation()).not.toBeNull());
    expect(await inRedis((redis) => redis.exists('balance:away'))).toBe(0);
    await cache.write([account('away', 2n, 2n)], cache.generation());
    expect(await inRedis((redis) => redis.get('balance:away'))).toBe('2');
  });

  it('begins another generation when the server was restarted, though its data is still there', async () => {
    const before = cache.generation();
    await cache.write([account('kept', 1n, 1n)], before);
    await eventually(async () => {
      // The append-only file is synced every second.
      expect(await inRedis((redis) => redis.info('persistence'))).toContain('aof_pending_bio_fsync:0');
    });
    await servers.redis.restart('killed');
    await eventually(() => expect([null, before]).not.toContain(cache.generation()));
    await expect(cache.write([account('kept', 1n, 1n)], before)).rejects.toBeInstanceOf(GenerationChanged);
  });

  it('rejects while Redis is frozen, and closing does not wait for it', async () => {
    await servers.redis.pause();
    try {
      // It stays frozen until both have ended, so neither has waited for it.
      await expect(cache.write([account('frozen', 1n, 1n)], cache.generation())).rejects.toThrow();
      await cache.close();
    } finally {
      await servers.redis.resume();
    }
  });

  it('is waited for when it is away at the start, with one line in the log', async () => {
    await servers.redis.stop('orderly');
    const options = optionsFor(servers.redis.url);
    const early = new RedisBalanceCache(options);
    await eventually(() => expect(options.logger.messages('warn')).toHaveLength(1));
    await servers.redis.start();
    await eventually(() => expect(early.generation()).not.toBeNull());
    expect(options.logger.messages('warn')).toHaveLength(1);
    await early.close();
  });
});
