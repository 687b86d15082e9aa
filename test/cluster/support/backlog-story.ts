import { expect } from 'vitest';
import type { RunningServers } from '../../../src/infra/services/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ClusterScene } from './cluster-scene.ts';
import { sendBacklog } from './load.ts';
import { decisionCount, progress } from './measures.ts';
import { expectPromisesKept } from './promises.ts';
import { NODES, note } from './use-cluster.ts';

export interface BacklogStory {
  readonly nodes: readonly string[];
  /** What happens in the middle. */
  readonly change: (scene: ClusterScene) => Promise<void>;
}

const PATIENCE_MS = 180_000;

export const BACKLOG_STORIES: Readonly<Record<string, BacklogStory>> = {
  'an owner is killed': { nodes: NODES, change: async (scene) => scene.kill(await scene.ownerOnly()) },
  'the reader is killed': { nodes: NODES, change: async (scene) => scene.kill(await scene.reader()) },
  'a node joins': { nodes: NODES.slice(0, 2), change: (scene) => scene.start(NODES[2]) },
};

/** All own shards; nobody waits for fair shares, or the backlog would be gone by then. */
async function everybodyWorks(scene: ClusterScene): Promise<void> {
  await scene.reader();
  const names = [...scene.nodes.keys()].sort();
  await eventually(async () => expect([...(await scene.shardsByOwner()).keys()].sort()).toEqual(names), {
    timeoutMs: PATIENCE_MS,
  });
  await progress(scene, 500);
}

/** Nodes work off a backlog, something happens in the middle, and every account's decisions are in order. */
export async function tellBacklogStory(
  servers: RunningServers,
  what: string,
  transactions: number,
): Promise<void> {
  const { nodes, change } = BACKLOG_STORIES[what]!;
  const scene = await ClusterScene.prepare(servers, { traffic: { accounts: 200 } });
  try {
    await sendBacklog(scene, transactions);
    await scene.start(...nodes);
    await everybodyWorks(scene);
    const before = await decisionCount(scene);
    const startedAtMs = Date.now();
    await change(scene);
    const after = await decisionCount(scene);
    expect(after, 'decisions when it had happened').toBeLessThan(transactions);
    await expectPromisesKept(scene, { timeoutMs: PATIENCE_MS });
    const elapsedMs = Date.now() - startedAtMs;
    note(
      `backlog of ${transactions}: ${what} after ${before} (over after ${after}), all done ${elapsedMs} ms later`,
    );
  } catch (error) {
    process.stderr.write(`${scene.logs()}\n`);
    throw error;
  } finally {
    await scene.stop();
  }
}
