/**
 * A backlog that three nodes work off while one of them is killed. Without this: an account's purchase is decided before
 * the deposit that pays for it, and its refusal is final.
 */
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/services.ts';
import { ClusterScene } from './support/cluster-scene.ts';
import { sendBacklog } from './support/load.ts';
import { decisionCount, progress } from './support/measures.ts';
import { expectPromisesKept } from './support/promises.ts';
import { NODES, note, useServers } from './support/use-cluster.ts';

const BACKLOG = 20_000;

const servers = useServers();
let scene: ClusterScene | null = null;

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${scene?.logs() ?? ''}\n`);
  await scene?.stop();
  scene = null;
});

/** All own shards; nobody waits for fair shares, or the backlog would be gone by then. */
async function everybodyWorks(here: ClusterScene): Promise<void> {
  await here.reader();
  await eventually(async () => expect([...(await here.shardsByOwner()).keys()].sort()).toEqual([...NODES]), {
    timeoutMs: 60_000,
  });
  await progress(here, 500);
}

it.each(['an owner', 'the reader'])('%s is killed in the middle of a backlog', async (who) => {
  scene = await ClusterScene.prepare(servers(), { traffic: { accounts: 200 } });
  await sendBacklog(scene, BACKLOG);
  await scene.start(...NODES);
  await everybodyWorks(scene);
  await scene.kill(who === 'an owner' ? await scene.ownerOnly() : await scene.reader());
  const decided = await decisionCount(scene);
  expect(decided).toBeLessThan(BACKLOG);
  note(`${who} killed after ${decided} of ${BACKLOG}`);
  await expectPromisesKept(scene);
});
