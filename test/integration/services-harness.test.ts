// Without these, integration tests could share state without noticing: one test's rows, queues or keys would decide
// another one's outcome.
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { freshRedis, freshVhost, serverUrls, withDatabase } from '../support/services.ts';

test('a database comes migrated and empty, and is gone after drop', async () => {
  const first = await withDatabase();
  const second = await withDatabase();
  await first.pool.query(`insert into accounts (username) values ('a')`);
  const { rows } = await second.pool.query<{ accounts: string; shards: string }>(
    `select (select count(*) from accounts) as accounts, (select count(*) from processor.shards) as shards`,
  );
  expect(rows).toEqual([{ accounts: '0', shards: '256' }]);
  await first.drop();
  await expect(
    second.pool.query(`select 1 from pg_database where datname = $1`, [new URL(first.url).pathname.slice(1)]),
  ).resolves.toMatchObject({ rowCount: 0 });
  await second.drop();
});

test('an unmigrated database has no table at all', async () => {
  const bare = await withDatabase({ migrated: false });
  const { rows } = await bare.pool.query(
    `select to_regclass('accounts') as accounts, to_regnamespace('processor') as ours`,
  );
  expect(rows).toEqual([{ accounts: null, ours: null }]);
  await bare.drop();
});

test('two vhosts do not see each other', async () => {
  const [first, second] = await Promise.all([freshVhost(), freshVhost()]);
  const publisher = await amqp.connect(first.url);
  const channel = await publisher.createChannel();
  await channel.assertQueue('transactions_queue', { durable: true });
  channel.sendToQueue('transactions_queue', Buffer.from('{}'));
  const other = await amqp.connect(second.url);
  const otherChannel = await other.createChannel();
  expect(await otherChannel.assertQueue('transactions_queue', { durable: true })).toMatchObject({
    messageCount: 0,
  });
  await Promise.all([publisher.close(), other.close()]);
  await Promise.all([first.drop(), second.drop()]);
});

test('two Redis databases do not see each other, nor the shared one', async () => {
  const [first, second] = await Promise.all([freshRedis(), freshRedis()]);
  const clients = [first.url, second.url, serverUrls().redisUrl].map((url) => new Redis(url));
  await clients[0]!.set('balance:x', '1');
  expect(await clients[1]!.dbsize()).toBe(0);
  expect(await clients[2]!.exists('balance:x')).toBe(0);
  await first.drop();
  expect(await clients[0]!.dbsize()).toBe(0);
  for (const client of clients) client.disconnect();
  await second.drop();
});
