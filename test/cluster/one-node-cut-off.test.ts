/**
 * One node loses its way to one server while everybody else has all of them. Without this: a node with half of its links
 * keeps its accounts or its queue for ever and decides nothing, or goes on writing beside its successor.
 */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/services.ts';
import type { Dependency } from './support/cluster-scene.ts';
import { underLoad } from './support/load.ts';
import { longestPauseMs, progress, untilOthersOwnAllOf } from './support/measures.ts';
import type { Cut } from './support/tcp-proxy.ts';
import { note, useCluster } from './support/use-cluster.ts';

const cluster = useCluster({ links: 'proxied' });

/** A cut is silent where the network loses packets, and resets connections where a firewall refuses them. */
const OWNER_CUTS: readonly (readonly [Dependency, Cut])[] = [
  ['redis', 'silent'],
  ['postgres', 'silent'],
  ['rabbitmq', 'silent'],
];
const READER_CUTS: readonly (readonly [Dependency, Cut])[] = [
  ['postgres', 'reset'],
  ['rabbitmq', 'silent'],
];

describe('an owner', () => {
  it.each(OWNER_CUTS)(
    'is cut off from %s (%s): others take its accounts, and it comes back',
    async (server, how) => {
      const scene = await cluster();
      await underLoad(scene, async () => {
        const nodeId = await scene.ownerOnly();
        const cutAtMs = Date.now();
        scene.linksOf(nodeId)[server].cut(how);
        await untilOthersOwnAllOf(scene, nodeId);
        note(
          `an owner cut off from ${server} (${how}): others owned its shards after ${Date.now() - cutAtMs} ms`,
        );
        await progress(scene, 400);
        scene.linksOf(nodeId)[server].heal();
      });
      await scene.settled();
    },
  );
});

describe('what is forwarded to an owner is lost', () => {
  it('its connections to RabbitMQ are reset, again and again: in order all the same', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const { rabbitmq } = scene.linksOf(await scene.ownerOnly());
      for (let round = 1; round <= 8; round += 1) {
        rabbitmq.cut('reset');
        rabbitmq.heal();
        await progress(scene, 300);
      }
    });
  });
});

describe('the reader', () => {
  it.each(READER_CUTS)('is cut off from %s (%s): another node reads, in order', async (server, how) => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const nodeId = await scene.reader();
      const cutAtMs = Date.now();
      scene.linksOf(nodeId)[server].cut(how);
      await eventually(
        async () => {
          const reader = await scene.readerOf('transactions_queue');
          expect(reader).not.toBeNull();
          expect(reader).not.toBe(nodeId);
        },
        { timeoutMs: 60_000 },
      );
      await untilOthersOwnAllOf(scene, nodeId);
      await progress(scene, 1_000);
      const pauseMs = await longestPauseMs(scene, cutAtMs);
      note(`the reader cut off from ${server} (${how}): nothing was decided for ${pauseMs} ms`);
      scene.linksOf(nodeId)[server].heal();
    });
    await scene.settled();
  });
});
