import { randomUUID } from 'node:crypto';
import { Chance } from '../../sim/chance.ts';
import { SimLink } from '../../sim/servers/sim-link.ts';
import { SimCache, SimRedis, SimRetryClock } from '../../sim/servers/sim-redis.ts';
import { SimProcess } from '../../sim/sim-process.ts';
import { LIMITS } from '../../src/limits.ts';
import { FakeMembership } from '../support/fakes/fake-membership.ts';
import type { PassingTime } from './passing-time.ts';
import type { RedisServer } from './redis-contract.ts';

/** The simulated Redis, over links that are well. */
export function simRedisServer(passing: PassingTime): RedisServer {
  const { time } = passing;
  const chance = new Chance(1);
  const redis = new SimRedis(time, chance);
  const process = new SimProcess(time);
  const link = new SimLink(time, process, chance, redis);
  return {
    cache: () => Promise.resolve(new SimCache(redis, link)),
    alarms: () => Promise.resolve(new SimRetryClock(redis, link, process)),
    member: (nodeId) => {
      const incarnation = randomUUID();
      const self = { nodeId, incarnation, inbox: `inbox.${nodeId}.${incarnation}`, startedAtMs: 0 };
      const membership = new FakeMembership({ redis: redis.leases, self, clock: process.clock });
      return Promise.resolve({ membership, incarnation });
    },
    shown: (accountId) => Promise.resolve(redis.contents.get(`account ${accountId}`)?.cents ?? null),
    flushAll: () => {
      redis.flushAll();
      return Promise.resolve();
    },
    grown: async (...nodes) => {
      const halves = 3;
      for (let half = 0; half < halves; half += 1) {
        await Promise.all(nodes.map(({ membership }) => membership.tick(false)));
        await passing.pass(LIMITS.leaseMs / 2);
      }
      await Promise.all(nodes.map(({ membership }) => membership.tick(false)));
    },
    allRunOut: () => passing.pass(LIMITS.leaseMs + 1),
    holderOf: (lease) => Promise.resolve(redis.leases.holderOf(lease)),
  };
}
