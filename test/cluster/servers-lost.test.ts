/**
 * Each of the servers crashes, restarts, forgets or refuses under load. Without this: a commit whose answer was lost is done
 * twice or taken for not done, messages that come again are decided in another order, leases that are gone make nodes
 * take accounts from each other, an outage of the cache stops payments, or nodes have to be started again by hand.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/services.ts';
import { sendBacklog, underLoad } from './support/load.ts';
import { epochs, longestPauseMs, progress, watchTakeover } from './support/measures.ts';
import { note, useCluster } from './support/use-cluster.ts';

const ALARM_MS = 6_000;
const WATERMARK_DEFAULT = '0.4';
const REDIS_OUTAGE_MS = 20_000;
const LEASE_ROLES = 256 + 5;

const cluster = useCluster({ delivery: 'persistent' });

describe('PostgreSQL', () => {
  it('immediate restart', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const stoppedAtMs = Date.now();
      await scene.servers.postgres.stop('killed');
      const startedAtMs = Date.now();
      await scene.servers.postgres.start();
      const awayMs = Date.now() - startedAtMs;
      await progress(scene, 1_000);
      const pauseMs = await longestPauseMs(scene, stoppedAtMs);
      note(`PostgreSQL killed and away for ${awayMs} ms: longest pause ${pauseMs} ms`);
    });
  });

  it('all backends are terminated, again and again', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      for (let round = 1; round <= 5; round += 1) {
        await scene.terminateBackends();
        await progress(scene, 200);
      }
    });
  });
});

describe('RabbitMQ', () => {
  it('all connections are closed', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const closedAtMs = Date.now();
      await scene.closeBrokerConnections();
      await progress(scene, 1_000);
      note(`all broker connections closed: longest pause ${await longestPauseMs(scene, closedAtMs)} ms`);
    });
  });

  it('restart: what was persistent comes again, in order', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const stoppedAtMs = Date.now();
      await scene.servers.rabbitmq.stop('orderly');
      const startedAtMs = Date.now();
      await scene.servers.rabbitmq.start();
      const awayMs = Date.now() - startedAtMs;
      await progress(scene, 1_000);
      const pauseMs = await longestPauseMs(scene, stoppedAtMs);
      note(`RabbitMQ stopped and away for ${awayMs} ms: longest pause ${pauseMs} ms`);
    });
  });

  it('memory alarm on and off: nothing is forwarded meanwhile, and nothing is lost or out of order', async () => {
    const scene = await cluster();
    await sendBacklog(scene, 6_000);
    await underLoad(scene, async () => {
      await scene.control('set_vm_memory_high_watermark', '0');
      try {
        // The length of the alarm is the fault: longer than forwards wait for their answers.
        await sleep(ALARM_MS);
      } finally {
        await scene.control('set_vm_memory_high_watermark', WATERMARK_DEFAULT);
      }
    });
  });
});

// Last, since the cache is not complete any more after it has lost its contents.
describe('Redis', () => {
  it('FLUSHALL: those at work put their leases back, and no shard changes hands', async () => {
    const scene = await cluster();
    const before = await epochs(scene);
    await underLoad(
      scene,
      async () => {
        await scene.redis.flushall();
        await eventually(
          async () => expect(await scene.redis.keys('paygate:lease:*')).toHaveLength(LEASE_ROLES),
          { pollMs: 200 },
        );
        await progress(scene, 2_500);
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
        await Promise.all([sleep(REDIS_OUTAGE_MS), progress(scene, 4_000)]);
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
});
