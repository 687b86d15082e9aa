import { afterAll, afterEach, beforeAll } from 'vitest';
import { startServers } from '../../../src/infra/services/index.ts';
import type { RunningServers } from '../../../src/infra/services/index.ts';
import { ClusterScene } from './cluster-scene.ts';
import type { SceneOptions } from './cluster-scene.ts';

export const NODES = ['node-1', 'node-2', 'node-3'] as const;

export interface ClusterOptions extends SceneOptions {
  readonly nodes?: readonly string[];
}

/**
 * Servers of this test file's own, and on them one cluster that its tests share, fault after fault on one ledger. After
 * a test that failed the next one gets a new cluster, and the logs of the old one are shown.
 */
export function useCluster(options: ClusterOptions = {}): () => Promise<ClusterScene> {
  let servers: RunningServers;
  let scene: ClusterScene | null = null;

  beforeAll(async () => {
    servers = await startServers({ env: process.env, allowInstall: true });
  }, 120_000);

  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail' || scene === null) return;
    process.stderr.write(`${scene.logs()}\n`);
    const failed = scene;
    scene = null;
    // What the test had stopped is there again for the next one.
    await Promise.all([servers.postgres, servers.rabbitmq, servers.redis].map((server) => server.start()));
    await failed.stop();
  }, 120_000);

  afterAll(async () => {
    await scene?.stop();
    await servers.stop();
  }, 60_000);

  return async () => {
    if (scene !== null) return scene;
    scene = await ClusterScene.prepare(servers, options);
    await scene.start(...(options.nodes ?? NODES));
    await scene.settled();
    return scene;
  };
}

/** A line of the report that a run leaves: measured, not tested. */
export function note(line: string): void {
  process.stderr.write(`measured: ${line}\n`);
}
