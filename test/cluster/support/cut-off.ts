import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { ClusterScene, Dependency } from './cluster-scene.ts';
import { underLoad } from './load.ts';
import { longestPauseMs, progress, untilOthersOwnAllOf } from './measures.ts';
import type { Cut } from './tcp-proxy.ts';
import { note } from './use-cluster.ts';

/** An owner loses its way to a server; others take its accounts; it comes back and gets its share again. */
export async function cutOwnerOff(scene: ClusterScene, server: Dependency, how: Cut): Promise<void> {
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
}

/** The node that reads the queue loses its way to a server; another one reads on. */
export async function cutReaderOff(scene: ClusterScene, server: Dependency, how: Cut): Promise<void> {
  await underLoad(scene, async () => {
    const nodeId = await scene.reader();
    const cutAtMs = Date.now();
    scene.linksOf(nodeId)[server].cut(how);
    await eventually(async () => {
      const reader = await scene.readerOf('transactions_queue');
      expect(reader).not.toBeNull();
      expect(reader).not.toBe(nodeId);
    });
    await untilOthersOwnAllOf(scene, nodeId);
    await progress(scene, 1_000);
    const pauseMs = await longestPauseMs(scene, cutAtMs);
    note(`the reader cut off from ${server} (${how}): nothing was decided for ${pauseMs} ms`);
    scene.linksOf(nodeId)[server].heal();
  });
  await scene.settled();
}
