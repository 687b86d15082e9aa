/**
 * PostgreSQL crashes, or ends every connection. Without this: a commit whose answer was lost is done twice or taken for
 * not done, acknowledged work vanishes, or nodes have to be started again by hand.
 */
import { it } from 'vitest';
import { underLoad } from './support/load.ts';
import { longestPauseMs, progress } from './support/measures.ts';
import { note, useCluster } from './support/use-cluster.ts';

const cluster = useCluster();

it('immediate restart', async () => {
  const scene = await cluster();
  await underLoad(scene, async () => {
    const stoppedAtMs = Date.now();
    await scene.servers.postgres.restart('killed');
    await progress(scene, 1_000);
    note(`PostgreSQL restarted: longest pause ${await longestPauseMs(scene, stoppedAtMs)} ms`);
  });
});

it('all backends are terminated, again and again', async () => {
  const scene = await cluster();
  await underLoad(scene, async () => {
    for (let round = 1; round <= 5; round += 1) {
      await scene.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name like 'paygate:%'`,
      );
      await progress(scene, 200);
    }
  });
});
