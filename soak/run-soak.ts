import { mkdirSync } from 'node:fs';
import { environment } from '../src/config.ts';
import { startGuardian } from '../src/infra/services/guardian.ts';
import { startServers } from '../src/infra/services/index.ts';
import { ClusterScene } from '../test/cluster/support/cluster-scene.ts';
import type { SoakOptions } from './options.ts';
import type { SoakReport } from './report.ts';
import { Soak } from './soak.ts';
import type { Watcher } from './soak.ts';

/**
 * Starts servers, runs a soak on them, and ends them again. Nodes, servers and their data go whatever happens, also when this
 * process gets a SIGKILL. Whatever the environment says of other servers is never looked at.
 */
export async function runSoak(
  options: SoakOptions,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<SoakReport> {
  if (options.logs !== null) mkdirSync(options.logs, { recursive: true });
  const servers = await startServers({
    env: environment(),
    allowInstall: true,
    onProgress: (line) => watcher.step(line),
  });
  try {
    const guardian = await startGuardian();
    const scene = await ClusterScene.prepare(servers, {
      links: 'proxied',
      delivery: 'persistent',
      guardian,
      keptLogs: options.logs ?? undefined,
    });
    try {
      const report = await new Soak(scene, options, watcher, signal).run();
      if (report.broken.length > 0 && options.logs === null) watcher.done(scene.logs());
      return report;
    } finally {
      await scene.stop();
      guardian.tell({ order: 'dismiss' });
    }
  } finally {
    await servers.stop();
  }
}
