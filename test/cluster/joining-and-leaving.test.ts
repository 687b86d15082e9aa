/**
 * Nodes that come and go in good order. Without this: every deployment rejects payments that order would have approved,
 * or makes accounts wait.
 */
import { expect, it } from 'vitest';
import { underLoad } from './support/load.ts';
import { longestAccountGapMs, progress } from './support/measures.ts';
import { NODES, note, useCluster } from './support/use-cluster.ts';

/** Promised is 2 s; the rest is for a busy machine. */
const GAP_MAX_MS = 30_000;
/** About twenty transactions a second for each account: its gaps without any fault stay below half a second. */
const STEADY = { ratePerSecond: 400 };

const cluster = useCluster({ traffic: { accounts: 20 } });

it('a node leaves and joins again: its shards are handed off and come back', async () => {
  const scene = await cluster();
  await underLoad(
    scene,
    async () => {
      const nodeId = await scene.ownerOnly();
      const leavesAtMs = Date.now();
      await scene.leave(nodeId);
      note(`a node left within ${Date.now() - leavesAtMs} ms`);
      await scene.settled();
      await progress(scene, 400);
      note(`a node leaves: longest gap of an account ${await longestAccountGapMs(scene, leavesAtMs)} ms`);
      const joinsAtMs = Date.now();
      await scene.start(nodeId);
      await scene.settled();
      await progress(scene, 400);
      const gapMs = await longestAccountGapMs(scene, joinsAtMs);
      note(`a node joins: longest gap of an account ${gapMs} ms`);
      expect(gapMs).toBeLessThan(GAP_MAX_MS);
    },
    STEADY,
  );
});

it('rolling restart of all nodes: nothing is decided otherwise, no account waits long', async () => {
  const scene = await cluster();
  const kept = await underLoad(
    scene,
    async () => {
      const startedAtMs = Date.now();
      for (const nodeId of NODES) {
        await scene.leave(nodeId);
        await scene.start(nodeId);
        await scene.settled();
      }
      await progress(scene, 400);
      const gapMs = await longestAccountGapMs(scene, startedAtMs);
      note(`rolling restart in ${Date.now() - startedAtMs} ms: longest gap of an account ${gapMs} ms`);
      expect(gapMs).toBeLessThan(GAP_MAX_MS);
    },
    STEADY,
  );
  expect(kept.waited).toBe(0);
});
