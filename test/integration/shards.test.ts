/**
 * Taking and releasing shards on a real server. Without these, two nodes could believe that they own a shard, a stuck
 * owner could block its successor for ever, or a takeover could end the connections of somebody who has no part in it.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { connectionName } from '../../src/infra/postgres/pool.ts';
import { ownerName, PostgresShardDirectory, ShardsLocked } from '../../src/infra/postgres/shard-directory.ts';
import { eventually } from '../support/services.ts';
import { claimant, takeOver } from '../support/shard-owner.ts';
import { holdShard, useShardScene } from '../support/shard-scene.ts';

const { database, connect } = useShardScene();

async function waitingForLocks(): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0]!.count;
}

async function shardRow(shard: number): Promise<unknown> {
  const { rows } = await database.pool.query<pg.QueryResultRow>(
    'select epoch::int, owner, inbox, taken_at is not null as taken from processor.shards where shard = $1',
    [shard],
  );
  return rows[0];
}

test('a takeover raises the epoch, names the owner and its inbox, and is logged', async () => {
  const node = claimant('a');
  const directory = new PostgresShardDirectory(database.pool, node);
  expect(await takeOver(directory, [7, 3])).toEqual(
    new Map([
      [3, 1n],
      [7, 1n],
    ]),
  );
  expect(await takeOver(directory, [7])).toEqual(new Map([[7, 2n]]));
  expect(await shardRow(7)).toEqual({ epoch: 2, owner: ownerName(node), inbox: node.inbox, taken: true });
  expect(await shardRow(8)).toEqual({ epoch: 0, owner: null, inbox: null, taken: false });
  const { rows } = await database.pool.query(
    'select shard, epoch::int, owner from processor.epoch_log order by shard, epoch',
  );
  expect(rows).toEqual([
    { shard: 3, epoch: 1, owner: ownerName(node) },
    { shard: 7, epoch: 1, owner: ownerName(node) },
    { shard: 7, epoch: 2, owner: ownerName(node) },
  ]);
});

test('all 256 shards are taken in one call; none is taken for none', async () => {
  const directory = new PostgresShardDirectory(database.pool, claimant('a'));
  const all = Array.from({ length: 256 }, (_, shard) => shard);
  expect((await takeOver(directory, all)).size).toBe(256);
  expect(await takeOver(directory, [])).toEqual(new Map());
});

test('of two claimants that saw the same epoch one gets the shard, the other is told that it did not', async () => {
  const { client } = await connect('paygate:gate');
  const nodes = [claimant('a'), claimant('b')] as const;
  await holdShard(client, 5);
  const attempts = nodes.map((node) =>
    takeOver(new PostgresShardDirectory(database.pool, node, { lockTimeoutMs: 60_000 }), [4, 5, 6]),
  );
  // Both have looked, and both wait for the row.
  await eventually(async () => expect(await waitingForLocks()).toBe(2));
  await client.query('commit');
  const [first, second] = await Promise.all(attempts);
  const [winner, loser] = first!.size > 0 ? [first!, second!] : [second!, first!];
  expect(winner).toEqual(
    new Map([
      [4, 1n],
      [5, 1n],
      [6, 1n],
    ]),
  );
  expect(loser).toEqual(new Map());
  expect(await shardRow(5)).toMatchObject({
    owner: ownerName(first!.size > 0 ? nodes[0] : nodes[1]),
    epoch: 1,
  });
});

test('a takeover waits for a commit in progress, and sees what it wrote', async () => {
  const old = claimant('old');
  await takeOver(new PostgresShardDirectory(database.pool, old), [9]);
  const { client, lost } = await connect(connectionName(old.nodeId, old.incarnation, 'lane0'));
  await holdShard(client, 9);
  const accountId = randomUUID();
  await client.query('insert into processor.accounts (account_id, balance_cents, seq) values ($1, 500, 1)', [
    accountId,
  ]);
  const takeover = takeOver(
    new PostgresShardDirectory(database.pool, claimant('new'), {
      lockTimeoutMs: 60_000,
    }),
    [9],
  );
  await eventually(async () => expect(await waitingForLocks()).toBe(1));
  await client.query('commit');
  expect(await takeover).toEqual(new Map([[9, 2n]]));
  const { rows } = await database.pool.query('select balance_cents::int from processor.accounts');
  expect(rows).toEqual([{ balance_cents: 500 }]);
  expect(lost()).toBe(false);
});

test('an owner stuck in a transaction loses its connections, all of them, and nobody else does', async () => {
  const old = claimant('old');
  const sameName = claimant('old');
  await takeOver(new PostgresShardDirectory(database.pool, old), [9, 10]);
  const stuck = await connect(connectionName(old.nodeId, old.incarnation, 'lane0'));
  const loader = await connect(connectionName(old.nodeId, old.incarnation, 'pool'));
  const bystanders = [
    await connect(connectionName(sameName.nodeId, sameName.incarnation, 'lane0')),
    await connect('psql'),
    await connect(`paygate:old:${old.incarnation}`),
  ];
  await holdShard(stuck.client, 9);
  await stuck.client.query(
    'insert into processor.accounts (account_id, balance_cents, seq) values (gen_random_uuid(), 500, 1)',
  );
  const next = claimant('next');
  const taken = await takeOver(new PostgresShardDirectory(database.pool, next), [9, 10]);
  expect(taken).toEqual(
    new Map([
      [9, 2n],
      [10, 2n],
    ]),
  );
  await eventually(() => expect([stuck.lost(), loader.lost()]).toEqual([true, true]));
  for (const { client } of bystanders) await client.query('select 1');
  const { rowCount } = await database.pool.query('select from processor.accounts');
  expect(rowCount).toBe(0);
});

test('a row locked by a stranger is reported, and the stranger is left alone', async () => {
  const owner = claimant('owner');
  await takeOver(new PostgresShardDirectory(database.pool, owner), [9]);
  const stranger = await connect('psql of an operator');
  await holdShard(stranger.client, 9);
  const attempt = takeOver(
    new PostgresShardDirectory(database.pool, claimant('next'), {
      lockTimeoutMs: 20,
      attemptsMax: 3,
    }),
    [9],
  );
  await expect(attempt).rejects.toThrow(ShardsLocked);
  await expect(attempt).rejects.toThrow(/psql of an operator/);
  await stranger.client.query('commit');
  expect(await shardRow(9)).toMatchObject({ owner: ownerName(owner), epoch: 1 });
});

test('our own connections are never ended, even where we held the shard before', async () => {
  const node = claimant('a');
  const directory = new PostgresShardDirectory(database.pool, node, { lockTimeoutMs: 20, attemptsMax: 2 });
  await takeOver(directory, [9]);
  const lane = await connect(connectionName(node.nodeId, node.incarnation, 'lane0'));
  await holdShard(lane.client, 9);
  await expect(takeOver(directory, [9])).rejects.toThrow(ShardsLocked);
  await lane.client.query('commit');
  expect(await takeOver(directory, [9])).toEqual(new Map([[9, 2n]]));
});

test('release names nobody, and leaves alone what somebody else has taken since', async () => {
  const [a, b] = [claimant('a'), claimant('b')] as const;
  const first = new PostgresShardDirectory(database.pool, a);
  const second = new PostgresShardDirectory(database.pool, b);
  await takeOver(first, [1, 2]);
  await takeOver(second, [2]);
  await first.release([1, 2, 3]);
  expect(await shardRow(1)).toMatchObject({ epoch: 1, owner: null, inbox: null });
  expect(await shardRow(2)).toMatchObject({ epoch: 2, owner: ownerName(b), inbox: b.inbox });
  await takeOver(second, [1]);
  await first.release([1]);
  expect(await shardRow(1)).toMatchObject({ epoch: 2, owner: ownerName(b) });
});
