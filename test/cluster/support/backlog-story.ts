import { expect } from 'vitest';
import type { RunningServers } from '../../../src/infra/services/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ClusterScene } from './cluster-scene.ts';
import { sendBacklog } from './load.ts';
import { decisionCount, progress } from './measures.ts';
import { expectPromisesKept } from './promises.ts';
import { NODES, note } from './use-cluster.ts';

export type Victim = 'an owner' | 'the reader';

const PATIENCE_MS = 180_000;

/** All own shards; nobody waits for fair shares, or the backlog would be gone by then. */
async function everybodyWorks(scene: ClusterScene): Promise<void> {
  await scene.reader();
  await eventually(async () => expect([...(await scene.shardsByOwner()).keys()].sort()).toEqual([...NODES]), {
    timeoutMs: PATIENCE_MS,
  });
  await progress(scene, 500);
}

/** Three nodes work off a backlog; the victim is killed in the middle, and every account's decisions are in order. */
export async function killInBacklog(
  servers: RunningServers,
  victim: Victim,
  transactions: number,
): Promise<void> {
  const scene = await ClusterScene.prepare(servers, { traffic: { accounts: 200 } });
  try {
    await sendBacklog(scene, transactions);
    await scene.start(...NODES);
    await everybodyWorks(scene);
    await scene.kill(victim === 'an owner' ? await scene.ownerOnly() : await scene.reader());
    const decided = await decisionCount(scene);
    expect(decided, 'decisions before the kill').toBeLessThan(transactions);
    note(`backlog of ${transactions}: ${victim} killed after ${decided}`);
    await expectPromisesKept(scene, { timeoutMs: PATIENCE_MS });
  } catch (error) {
    process.stderr.write(`${scene.logs()}\n`);
    throw error;
  } finally {
    await scene.stop();
  }
}
