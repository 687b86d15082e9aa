import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { BullRetryClock } from '../../src/infra/bullmq/retry-clock.ts';
import { RedisBalanceCache } from '../../src/infra/redis/balance-cache.ts';
import { RedisMembership } from '../../src/infra/redis/membership.ts';
import { systemRandom } from '../../src/infra/system-clock.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually, freshRedis } from '../support/services.ts';
import type { TestPlace } from '../support/services.ts';
import type { RedisServer } from './redis-contract.ts';

/** Nothing runs out by itself, however slow the machine: what is to be old or gone is made so in Redis. */
const LEASE_MS = 600_000;
const ANSWER_MS = 30_000;

/** A Redis database of its own for the file, empty for each test. */
export function useRedis(): () => RedisServer {
  let place: TestPlace | null = null;
  let redis: Redis | null = null;
  let present: RedisServer | null = null;
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    place = await freshRedis();
    redis = new Redis(place.url);
  });
  beforeEach(async () => {
    if (place === null || redis === null) throw new Error('there is no Redis');
    await redis.flushdb();
    present = serverOn(place.url, redis, closers);
  });
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });
  afterAll(async () => {
    redis?.disconnect();
    await place?.drop();
  });
  return () => {
    if (present === null) throw new Error('no test is running');
    return present;
  };
}

type Closers = (() => Promise<void>)[];

function serverOn(url: string, redis: Redis, closers: Closers): RedisServer {
  return {
    cache: async () => {
      const cache = new RedisBalanceCache(clientOf(url, 'test-node'));
      closers.push(() => cache.close());
      await eventually(() => expect(cache.generation()).not.toBeNull());
      return cache;
    },
    alarms: async () => {
      const clock = new BullRetryClock({ ...clientOf(url, 'test-node'), prefix: 'test' });
      closers.push(() => clock.stop());
      await eventually(() => expect(clock.state()).toBe('up'));
      return clock;
    },
    shown: async (accountId) => {
      const text = await redis.get(`balance:${accountId}`);
      return text === null ? null : BigInt(text);
    },
    flushAll: async () => {
      await redis.flushdb();
    },
    ...membersOn(url, redis, closers),
  };
}

type Members = Pick<RedisServer, 'member' | 'grown' | 'allRunOut' | 'holderOf'>;

function membersOn(url: string, redis: Redis, closers: Closers): Members {
  const clusterId = randomUUID();
  return {
    member: async (nodeId) => {
      const incarnation = randomUUID();
      const self = { nodeId, incarnation, inbox: `inbox.${nodeId}.${incarnation}`, startedAtMs: 0 };
      const times = { leaseMs: LEASE_MS, commandTimeoutMs: ANSWER_MS };
      const client = clientOf(url, `paygate/${nodeId}`);
      const membership = new RedisMembership({ ...client, ...times, self, clusterId });
      closers.push(() => membership.close());
      await eventually(() => expect(membership.state()).toBe('up'));
      return { membership, incarnation };
    },
    grown: async (...nodes) => {
      const tick = () => Promise.all(nodes.map(({ membership }) => membership.tick(false)));
      await tick();
      await redis.hincrby('paygate:boot', 'born', -LEASE_MS);
      await tick();
    },
    allRunOut: async () => {
      await redis.del(await redis.keys('paygate:lease:*'));
      await redis.hincrby('paygate:boot', 'ticked', -LEASE_MS - 1);
    },
    holderOf: (lease) => redis.get(`paygate:lease:${lease}`),
  };
}

function clientOf(url: string, name: string) {
  return { url, name, logger: new QuietLogger(), random: systemRandom };
}
