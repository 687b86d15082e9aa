/**
 * The broker restarts, ends all connections, or takes nothing from publishers. Without this: messages that come again are
 * decided in another order or twice, forwards that are lost stop an account, or nodes take a restart for each other's
 * death and fight for shards.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { it } from 'vitest';
import { sendBacklog, underLoad } from './support/load.ts';
import { longestPauseMs, progress } from './support/measures.ts';
import { note, useCluster } from './support/use-cluster.ts';

const ALARM_MS = 6_000;
const WATERMARK_DEFAULT = '0.4';

const cluster = useCluster({ delivery: 'persistent' });

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
    await scene.servers.rabbitmq.restart('orderly');
    await progress(scene, 1_000);
    note(`RabbitMQ restarted: longest pause ${await longestPauseMs(scene, stoppedAtMs)} ms`);
  });
});

it('memory alarm on and off: nothing is forwarded meanwhile, and nothing is lost or out of order', async () => {
  const scene = await cluster();
  await sendBacklog(scene, 8_000);
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
