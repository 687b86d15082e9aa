// Without these, invented money could be written into a database, vhost or Redis that somebody uses: by a demonstration
// whose variables name a real server, or by one that takes the plain DATABASE_URL.
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MachineProbe } from '../../src/infra/services/choose-road.ts';
import { claimPlace } from '../../src/infra/services/index.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { freshRedis, freshVhost, withDatabase } from '../support/services.ts';

/** Nothing may be started here: whoever gets as far as asking for programs fails. */
const nothingToStart: MachineProbe = {
  hasPrograms: () => false,
  dockerAnswers: () => Promise.resolve(false),
  canInstall: () => false,
};

let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;

beforeEach(async () => {
  [database, vhost, redis] = await Promise.all([
    withDatabase({ migrated: false }),
    freshVhost(),
    freshRedis(),
  ]);
});
afterEach(async () => {
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

const claim = (env: Record<string, string>): ReturnType<typeof claimPlace> =>
  claimPlace({ env, prefix: 'PAYGATE_DEMO', probe: nothingToStart });

const named = (): Record<string, string> => ({
  PAYGATE_DEMO_DATABASE_URL: database.url,
  PAYGATE_DEMO_RABBITMQ_URL: vhost.url,
  PAYGATE_DEMO_REDIS_URL: redis.url,
});

test('empty servers that the variables name are taken, and none is started', async () => {
  const place = await claim(named());
  expect(place).toMatchObject({
    databaseUrl: database.url,
    rabbitmqUrl: vhost.url,
    redisUrl: redis.url,
    started: {},
  });
  await place.release();
});

test('a database with a table is refused, by name', async () => {
  await database.pool.query('create schema billing; create table billing.invoices (id int)');
  await expect(claim(named())).rejects.toThrow(/PAYGATE_DEMO_DATABASE_URL.*not empty.*billing\.invoices/);
});

test('a vhost with one of the contract’s queues is refused, also while that queue is empty', async () => {
  const connection = await amqp.connect(vhost.url);
  const channel = await connection.createChannel();
  await channel.assertQueue('transactions_queue', { durable: true });
  await connection.close();
  await expect(claim(named())).rejects.toThrow(/PAYGATE_DEMO_RABBITMQ_URL.*not empty.*transactions_queue/);
});

test('a Redis database with a key is refused', async () => {
  const client = new Redis(redis.url);
  await client.set('balance:a', '1');
  client.disconnect();
  await expect(claim(named())).rejects.toThrow(/PAYGATE_DEMO_REDIS_URL.*not empty.*holds 1 keys/);
});

test('a server that does not answer is named, without its password', async () => {
  const unreachable = { ...named(), PAYGATE_DEMO_DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/x' };
  await expect(claim(unreachable)).rejects.toThrow(
    /PAYGATE_DEMO_DATABASE_URL names does not answer(?!.*secret)/,
  );
});

test('the plain variables and those of the other prefix are not looked at', async () => {
  const env = { DATABASE_URL: database.url, RABBITMQ_URL: vhost.url, PAYGATE_TEST_REDIS_URL: redis.url };
  await expect(claim(env)).rejects.toThrow(/not found on this machine: PostgreSQL, RabbitMQ, Redis/);
});
