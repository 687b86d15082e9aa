import { afterAll, afterEach, beforeAll } from 'vitest';
import { startServers } from '../../../src/infra/services/index.ts';
import type { RunningServers } from '../../../src/infra/services/index.ts';
import { ClusterScene } from './cluster-scene.ts';
import type { SceneOptions } from './cluster-scene.ts';

export const NODES = ['node-1', 'node-2', 'node-3'] as const;

/** Servers of this test file's own. */
export function useServers(): () => RunningServers {
  let servers: RunningServers;

  beforeAll(async () => {
    servers = await startServers({ env: process.env, allowInstall: true });
  }, 120_000);

  afterAll(() => servers.stop(), 60_000);

  return () => servers;
}

/**
 * Servers of this test file's own, and on them one cluster of three nodes that its tests share, fault after fault on one
 * ledger. Each test begins with all nodes at work. After a test that failed the logs are shown, and the next one gets a
 * new cluster on an empty ledger.
 */
export function useCluster(options: SceneOptions = {}): () => Promise<ClusterScene> {
  const servers = useServers();
  let scene: ClusterScene | null = null;

  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail' || scene === null) return;
    process.stderr.write(`${scene.logs()}\n`);
    const failed = scene;
    scene = null;
    // What the test had stopped is there again for the next one.
    const { postgres, rabbitmq, redis } = servers();
    await Promise.all([postgres.start(), rabbitmq.start(), redis.start()]);
    await failed.stop();
  }, 120_000);

  afterAll(async () => {
    await scene?.stop();
    scene = null;
  }, 60_000);

  return async () => {
    scene ??= await ClusterScene.prepare(servers(), options);
    const here = scene;
    await here.start(...NODES.filter((nodeId) => !here.nodes.has(nodeId)));
    await here.settled();
    return here;
  };
}

/** A line of the report that a run leaves: measured, not tested. */
export function note(line: string): void {
  process.stderr.write(`measured: ${line}\n`);
}
