/**
 * The directory as a cluster uses it (taking and releasing in general: shards.test.ts). Without these, a forwarder could send to a node
 * that owns nothing, a node could take a shard from somebody who took it after it had looked, or end the connections of that one.
 */
import { expect, test } from 'vitest';
import { readShardOwner } from '../../src/infra/postgres/cluster-view.ts';
import { PostgresShardDirectory, ShardsLocked } from '../../src/infra/postgres/shard-directory.ts';
import { eventually } from '../support/services.ts';
import { claimant } from '../support/shard-owner.ts';
import { useShardScene } from '../support/shard-scene.ts';

const ALL = Array.from({ length: 256 }, (_, shard) => shard);

const { database, commitOf } = useShardScene();

test('reads all shards in order, with the node behind each, or nobody', async () => {
  const node = claimant('a.b-c');
  const directory = new PostgresShardDirectory(database.pool, node);
  await directory.takeOver([5]);
  await directory.takeOver([5, 6]);
  await directory.release([6]);
  const rows = await directory.read();
  expect(rows.map(({ shard }) => shard)).toEqual(ALL);
  expect(rows.slice(4, 8)).toEqual([
    { shard: 4, epoch: 0n, owner: null },
    { shard: 5, epoch: 2n, owner: node },
    { shard: 6, epoch: 1n, owner: null },
    { shard: 7, epoch: 0n, owner: null },
  ]);
});

test('says since when nobody has a shard', async () => {
  const directory = new PostgresShardDirectory(database.pool, claimant('a'));
  const standing = async () => {
    const { rows } = await database.pool.query<{ later: boolean }>(
      `select taken_at > (select taken_at from processor.epoch_log where shard = 4) as later
         from processor.shards where shard = 4`,
    );
    return { later: rows[0]?.later, owner: await readShardOwner(database.pool, 4) };
  };
  await directory.takeOver([4]);
  expect(await standing()).toMatchObject({ owner: { nodeId: 'a' } });
  await database.pool.query(
    `update processor.epoch_log l set taken_at = s.taken_at from processor.shards s where s.shard = 4 and l.shard = 4`,
  );
  await directory.release([4]);
  expect(await standing()).toEqual({ later: true, owner: null });
});

test('takes what still has the epoch seen, in one call, and leaves out what has not', async () => {
  const [a, b] = [claimant('a'), claimant('b')];
  const first = new PostgresShardDirectory(database.pool, a);
  const second = new PostgresShardDirectory(database.pool, b);
  await first.takeOver(ALL);
  const seen = new Map((await second.read()).map(({ shard, epoch }) => [shard, epoch]));
  await first.takeOver([10]);
  await first.release([11]);
  const taken = await second.takeOverSeen(seen);
  expect(taken.size).toBe(255);
  expect(taken.get(10)).toBeUndefined();
  // A release raises no epoch: nobody has written since.
  expect(taken.get(11)).toBe(2n);
  expect((await second.read())[10]).toEqual({ shard: 10, epoch: 2n, owner: a });
  expect(await second.takeOverSeen(new Map())).toEqual(new Map());
});

test('of two claimants that saw the same, each shard goes to one', async () => {
  const old = new PostgresShardDirectory(database.pool, claimant('old'));
  await old.takeOver(ALL);
  const seen = new Map(ALL.map((shard) => [shard, 1n]));
  const directories = [claimant('a'), claimant('b')].map(
    (node) => new PostgresShardDirectory(database.pool, node),
  );
  const [a, b] = await Promise.all(directories.map((directory) => directory.takeOverSeen(seen)));
  expect([...a!.keys()].filter((shard) => b!.has(shard))).toEqual([]);
  expect(a!.size + b!.size).toBe(256);
});

test('a takeover whose answer was lost is taken again: the row names us under an epoch we do not know', async () => {
  const node = claimant('a');
  await new PostgresShardDirectory(database.pool, node).takeOver([3]);
  // The same incarnation, which did not hear of it.
  const directory = new PostgresShardDirectory(database.pool, node);
  const row = (await directory.read())[3]!;
  expect(row.owner?.incarnation).toBe(node.incarnation);
  expect(await directory.takeOverSeen(new Map([[3, row.epoch]]))).toEqual(new Map([[3, 2n]]));
});

test('a node stuck in a commit loses its connections and its shards to one call', async () => {
  const old = claimant('old');
  await new PostgresShardDirectory(database.pool, old).takeOver([1, 2, 3]);
  const stuck = await commitOf(old, 2);
  const next = new PostgresShardDirectory(database.pool, claimant('next'));
  expect(await next.takeOverSeen(new Map([1, 2, 3].map((shard) => [shard, 1n])))).toEqual(
    new Map([1, 2, 3].map((shard) => [shard, 2n])),
  );
  await eventually(() => expect(stuck.lost()).toBe(true));
});

test('whoever took the shard after we had looked keeps its connections', async () => {
  const [old, faster, slower] = [claimant('old'), claimant('faster'), claimant('slower')];
  await new PostgresShardDirectory(database.pool, old).takeOver([9]);
  await new PostgresShardDirectory(database.pool, faster).takeOverSeen(new Map([[9, 1n]]));
  const commit = await commitOf(faster, 9);
  const late = new PostgresShardDirectory(database.pool, slower, { lockTimeoutMs: 30, attemptsMax: 3 });
  await expect(late.takeOverSeen(new Map([[9, 1n]]))).rejects.toThrow(ShardsLocked);
  await commit.client.query('commit');
  expect(commit.lost()).toBe(false);
  expect(await late.takeOverSeen(new Map([[9, 1n]]))).toEqual(new Map());
});
