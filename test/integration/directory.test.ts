/**
 * The directory as a cluster uses it (taking and releasing in general: shards.test.ts). Without these, a forwarder could send to a node
 * that owns nothing, a node could take a shard from somebody who took it after it had looked, or end the connections of that one.
 */
import { expect, test } from 'vitest';
import { readShardOwner } from '../../src/infra/postgres/cluster-view.ts';
import { PostgresShardDirectory, ShardsLocked } from '../../src/infra/postgres/shard-directory.ts';
import { eventually } from '../support/services.ts';
import { claimant, takeOver } from '../support/shard-owner.ts';
import { useShardScene } from '../support/shard-scene.ts';

const { database, commitOf } = useShardScene();

test('says since when nobody has a shard', async () => {
  const directory = new PostgresShardDirectory(database.pool, claimant('a'));
  const standing = async () => {
    const { rows } = await database.pool.query<{ later: boolean }>(
      `select taken_at > (select taken_at from processor.epoch_log where shard = 4) as later
         from processor.shards where shard = 4`,
    );
    return { later: rows[0]?.later, owner: await readShardOwner(database.pool, 4) };
  };
  await takeOver(directory, [4]);
  expect(await standing()).toMatchObject({ owner: { nodeId: 'a' } });
  await database.pool.query(
    `update processor.epoch_log l set taken_at = s.taken_at from processor.shards s where s.shard = 4 and l.shard = 4`,
  );
  await directory.release([4]);
  expect(await standing()).toEqual({ later: true, owner: null });
});

test('a node stuck in a commit loses its connections and its shards to one call', async () => {
  const old = claimant('old');
  await takeOver(new PostgresShardDirectory(database.pool, old), [1, 2, 3]);
  const stuck = await commitOf(old, 2);
  const next = new PostgresShardDirectory(database.pool, claimant('next'));
  expect(await next.takeOverSeen(new Map([1, 2, 3].map((shard) => [shard, 1n])))).toEqual(
    new Map([1, 2, 3].map((shard) => [shard, 2n])),
  );
  await eventually(() => expect(stuck.lost()).toBe(true));
});

test('whoever took the shard after we had looked keeps its connections', async () => {
  const [old, faster, slower] = [claimant('old'), claimant('faster'), claimant('slower')];
  await takeOver(new PostgresShardDirectory(database.pool, old), [9]);
  await new PostgresShardDirectory(database.pool, faster).takeOverSeen(new Map([[9, 1n]]));
  const commit = await commitOf(faster, 9);
  const late = new PostgresShardDirectory(database.pool, slower, { lockTimeoutMs: 30, attemptsMax: 3 });
  await expect(late.takeOverSeen(new Map([[9, 1n]]))).rejects.toThrow(ShardsLocked);
  await commit.client.query('commit');
  expect(commit.lost()).toBe(false);
  expect(await late.takeOverSeen(new Map([[9, 1n]]))).toEqual(new Map());
});
