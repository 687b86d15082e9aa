/**
 * Redis forgets, goes away, or is out of reach for one node. Without this: leases that are gone make nodes take accounts
 * from each other, an outage of the cache stops payments, or an old balance stays in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventually } from '../support/services.ts';
import { underLoad } from './support/load.ts';
import { epochs, longestPauseMs, progress, watchTakeover } from './support/measures.ts';
import { note, useCluster } from './support/use-cluster.ts';

const OUTAGE_MS = 20_000;
const LEASE_ROLES = 256 + 5;

const cluster = useCluster();

it('FLUSHALL: those at work put their leases back, and no shard changes hands', async () => {
  const scene = await cluster();
  const before = await epochs(scene);
  await underLoad(
    scene,
    async () => {
      await scene.redis.flushall();
      await eventually(
        async () => expect(await scene.redis.keys('paygate:lease:*')).toHaveLength(LEASE_ROLES),
        { timeoutMs: 60_000, pollMs: 200 },
      );
      await progress(scene, 3_000);
    },
    { cache: 'partial' },
  );
  expect(await epochs(scene)).toEqual(before);
});

it('stopped for 20 s: decisions go on, and balances follow when it is back', async () => {
  const scene = await cluster();
  await underLoad(
    scene,
    async () => {
      const stoppedAtMs = Date.now();
      await scene.servers.redis.stop('killed');
      // The length of the outage is the fault.
      await Promise.all([sleep(OUTAGE_MS), progress(scene, 4_000)]);
      note(`Redis stopped for 20 s: longest pause ${await longestPauseMs(scene, stoppedAtMs)} ms`);
      await scene.servers.redis.start();
    },
    { cache: 'partial' },
  );
});

it('away while an owner is killed: its shards are taken without a lease', async () => {
  const scene = await cluster();
  await underLoad(
    scene,
    async () => {
      const nodeId = await scene.ownerOnly();
      await scene.servers.redis.stop('killed');
      await progress(scene, 400);
      const takeover = await watchTakeover(scene, nodeId);
      await scene.kill(nodeId);
      const { firstMs, allMs } = await takeover();
      note(`an owner killed without Redis: others decided after ${firstMs} ms, for all after ${allMs} ms`);
      await scene.servers.redis.start();
    },
    { cache: 'partial' },
  );
});
