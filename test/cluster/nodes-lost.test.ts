/**
 * Node processes that die or freeze under load. Without this: a payment that was in a node's memory is lost or applied
 * twice, a node that comes to again writes over its successor, or accounts stand still because nobody takes them over.
 */
import { describe, expect, it } from 'vitest';
import { shardOf } from '../../src/domain/shard.ts';
import { eventually } from '../support/services.ts';
import type { ClusterScene } from './support/cluster-scene.ts';
import { underLoad } from './support/load.ts';
import { longestPauseMs, progress, untilOthersOwnAllOf, watchTakeover } from './support/measures.ts';
import { note, useCluster } from './support/use-cluster.ts';

/** Promised is 2 s after a SIGKILL, 6 s for a frozen owner, 15 s for a frozen reader; the rest is for a busy machine. */
const GENEROUS_MS = 45_000;

const cluster = useCluster();

async function killed(scene: ClusterScene, what: string, ...nodeIds: readonly string[]): Promise<void> {
  const takeovers = await Promise.all(nodeIds.map((nodeId) => watchTakeover(scene, nodeId)));
  await scene.kill(...nodeIds);
  for (const takeover of takeovers) {
    const { firstMs, allMs, accounts } = await takeover();
    note(
      `${what} killed: others decided after ${firstMs} ms, for all of its ${accounts} accounts after ${allMs} ms`,
    );
    expect(firstMs).toBeLessThan(GENEROUS_MS);
  }
}

describe('SIGKILL', () => {
  it('of an owner', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => killed(scene, 'an owner', await scene.ownerOnly()));
  });

  it('of the node that reads the queue', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => killed(scene, 'the reader', await scene.reader()));
  });

  it('of two of three nodes at the same moment, the reader among them', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      await killed(scene, 'one of two', await scene.reader(), await scene.ownerOnly());
    });
  });
});

describe('SIGSTOP for longer than the lease, then SIGCONT', () => {
  it('of an owner', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const nodeId = await scene.ownerOnly();
      const takeover = await watchTakeover(scene, nodeId);
      await scene.node(nodeId).freeze();
      const { firstMs, allMs } = await takeover();
      note(`an owner frozen: others decided after ${firstMs} ms, for all of its accounts after ${allMs} ms`);
      expect(firstMs).toBeLessThan(GENEROUS_MS);
      await untilOthersOwnAllOf(scene, nodeId);
      scene.node(nodeId).thaw();
      await progress(scene, 400);
    });
    await scene.settled();
  });

  it('of an owner whose commit is under way and goes through after all', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const nodeId = await scene.ownerOnly();
      await freezeInCommit(scene, nodeId);
      await untilOthersOwnAllOf(scene, nodeId);
      await progress(scene, 400);
      scene.node(nodeId).thaw();
      await progress(scene, 400);
    });
    await scene.settled();
  });

  it('of the node that reads the queue: another one reads on, in order', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const nodeId = await scene.reader();
      const frozenAtMs = Date.now();
      await scene.node(nodeId).freeze();
      await eventually(async () => expect(await scene.readerOf('transactions_queue')).not.toBe(nodeId), {
        timeoutMs: GENEROUS_MS,
      });
      await untilOthersOwnAllOf(scene, nodeId);
      await progress(scene, 1_500);
      const pauseMs = await longestPauseMs(scene, frozenAtMs);
      note(`the reader frozen: nothing was decided for ${pauseMs} ms`);
      expect(pauseMs).toBeLessThan(GENEROUS_MS);
      scene.node(nodeId).thaw();
      await progress(scene, 400);
    });
    await scene.settled();
  });
});

/** Holds the row of one of its accounts until a commit of the node waits for it, and lets the commit go on once the node stands still. */
async function freezeInCommit(scene: ClusterScene, nodeId: string): Promise<void> {
  const shards = new Set((await scene.shardsByOwner()).get(nodeId));
  const accounts = scene.traffic.accounts.map(({ id }) => id).filter((id) => shards.has(shardOf(id, 256)));
  const client = await scene.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      'select from processor.accounts where account_id = any ($1) order by account_id for update',
      [accounts],
    );
    await eventually(async () => {
      const { rowCount } = await scene.pool.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and application_name like $1`,
        [`paygate:${nodeId}:%:lane%`],
      );
      expect(rowCount).toBeGreaterThan(0);
    });
    await scene.node(nodeId).freeze();
    await client.query('rollback');
  } finally {
    client.release();
  }
}
