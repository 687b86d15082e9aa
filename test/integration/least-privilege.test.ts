/**
 * Without this: whoever gets hold of a node's password can rewrite the journal, empty Redis or read every queue; or a node
 * under the rights that the manual gives cannot work.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { bringUpToDate } from '../../src/cli/migrate-command.ts';
import { RUNTIME_RIGHTS } from '../../src/infra/postgres/grants.ts';
import { controlBroker } from '../../src/infra/services/broker-control.ts';
import { startNode } from '../../src/node.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { paygate } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import { audited, backlog, configOf, environmentOf, publish, send } from './node-scene.ts';
import type { Place } from './node-scene.ts';

const MANUAL = readFileSync(new URL('../../docs/SECURITY.md', import.meta.url), 'utf8');
const NAME = `t${randomBytes(4).toString('hex')}`;
const [OWNER, NODE] = [`${NAME}_owner`, `${NAME}_node`];
const PASSWORD = randomBytes(8).toString('hex');

/** What the superuser of each server sees, and what a node does. */
let all: Place;
let node: Place;
let admin: pg.Pool;
let pool: pg.Pool;
const drops: (() => Promise<unknown>)[] = [];

function as(url: string, user: string): string {
  const changed = new URL(url);
  changed.username = user;
  changed.password = PASSWORD;
  return changed.href;
}

/** A line of the manual, for the names of this test. */
function command(begin: string): string {
  const line = MANUAL.split('\n').find((text) => text.startsWith(begin));
  if (line === undefined) throw new Error(`the manual has no line that begins with ${begin}`);
  return line.replaceAll('paygate_node', NODE);
}

async function prepareDatabase(): Promise<string> {
  const database = await withDatabase({ migrated: false });
  admin = database.pool;
  const name = new URL(database.url).pathname.slice(1);
  for (const sql of [
    `create role ${OWNER} login password '${PASSWORD}'`,
    `create role ${NODE} login password '${PASSWORD}'`,
    `grant create, connect on database ${name} to ${OWNER}`,
    `grant create on schema public to ${OWNER}`,
  ])
    await admin.query(sql);
  drops.push(async () => {
    await database.drop();
    const { databaseUrl } = inject('servers');
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(`drop role ${NODE}`);
    await client.query(`drop role ${OWNER}`);
    await client.end();
  });
  return database.url;
}

async function prepareRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  const words = command('ACL SETUSER').replace('>password', `>${PASSWORD}`).split(' ');
  await redis.call(words[0] ?? '', ...words.slice(1));
  drops.push(async () => {
    await redis.call('ACL', 'DELUSER', NODE);
    redis.disconnect();
  });
}

async function prepareBroker(url: string): Promise<void> {
  const { brokerControl } = inject('servers');
  if (brokerControl === null) throw new Error('this test needs a broker of its own');
  await controlBroker(brokerControl, ['add_user', NODE, PASSWORD]);
  const vhost = new URL(url).pathname.slice(1);
  const rights = [...command('rabbitmqctl set_permissions').matchAll(/'([^']*)'/g)].map(
    ([, right]) => right ?? '',
  );
  expect(rights).toHaveLength(3);
  await controlBroker(brokerControl, ['set_permissions', '-p', vhost, NODE, ...rights]);
  drops.push(() => controlBroker(brokerControl, ['delete_user', NODE]));
}

beforeAll(async () => {
  const [databaseUrl, vhost, redis] = [await prepareDatabase(), await freshVhost(), await freshRedis()];
  all = { databaseUrl, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  await prepareRedis(redis.url);
  await prepareBroker(vhost.url);
  node = {
    databaseUrl: as(databaseUrl, NODE),
    rabbitmqUrl: as(vhost.url, NODE),
    redisUrl: as(redis.url, NODE),
  };
  // Twice: the second run of a new version does it too.
  const migrating = configOf(
    { ...all, databaseUrl: as(databaseUrl, OWNER) },
    { DATABASE_RUNTIME_ROLE: NODE },
  );
  await bringUpToDate(migrating, true);
  await bringUpToDate(migrating, true);
  pool = new pg.Pool({ connectionString: node.databaseUrl, max: 2 });
  pool.on('error', () => undefined);
});

afterAll(async () => {
  await pool.end();
  for (const drop of drops.toReversed()) await drop();
});

it('every table of ours has its rights written down', async () => {
  const { rows } = await admin.query<{ name: string }>(
    `select c.relname as name from pg_class c where c.relnamespace = 'processor'::regnamespace and c.relkind in ('r', 'v')`,
  );
  const written = Object.keys(RUNTIME_RIGHTS).filter((table) => table.startsWith('processor.'));
  expect(rows.map(({ name }) => `processor.${name}`).sort()).toEqual(written.sort());
});

describe('a node under the rights of the manual', () => {
  it('decides, retries, dead-letters and caches, and the audit finds nothing', async () => {
    const running = await startNode(configOf(node), { logger: new QuietLogger() });
    try {
      await publish(all.rabbitmqUrl, [{ queue: 'transactions_queue', body: 'no message' }]);
      await send(admin, all.rabbitmqUrl, { accounts: 20 }, { transactions: 400 });
      await eventually(async () => expect(await backlog(all.rabbitmqUrl)).toBe(0), { timeoutMs: 120_000 });
      await eventually(
        async () => {
          expect((await audited(admin, all.redisUrl)).violations).toEqual([]);
        },
        { timeoutMs: 120_000 },
      );
      await commandsWork();
    } finally {
      expect(await running.drain()).toBe('drained');
    }
  });
});

/** Each of these needs a right that no other does. */
async function commandsWork(): Promise<void> {
  const env = { ...environmentOf(node), WEBHOOK_KEY: 'k'.repeat(40) };
  const { rows } = await admin.query<{ id: string; letter: string }>(
    `select (select account_id from processor.accounts limit 1) as id, (select min(id) from processor.dead_letters where state = 'open') as letter`,
  );
  const { id = '', letter = '' } = rows[0] ?? {};
  const why = ['--why', 'a test of rights', '--operator', 'test'];
  for (const args of [
    ['account', id, 'freeze', ...why],
    ['account', id, 'unfreeze', ...why],
    ['account', id, 'adjust', '100', ...why],
    ['cluster'],
    ['cluster', 'pause', ...why],
    ['cluster', 'resume', ...why],
    ['rules', 'apply', 'docs/rules.example.json', ...why],
    ['rules', 'show'],
    ['dead-letters', 'discard', letter, ...why],
    ['pending', 'list'],
    ['cache', 'warm'],
    ['verify'],
  ]) {
    const answer = await paygate(args, env);
    expect(answer, `${args.join(' ')}: ${answer.all}`).toMatchObject({ exitCode: 0 });
  }
}

describe('whoever has the password of a node', () => {
  it.each([
    'update processor.journal set amount_cents = 0',
    'delete from processor.journal',
    'truncate processor.journal',
    'alter table processor.journal disable trigger all',
    'drop table processor.journal',
    'update processor.dead_letters set body = $$x$$',
    'delete from processor.dead_letters',
    'truncate processor.dead_letters',
    'update processor.operator_log set operator = $$somebody else$$',
    'delete from processor.operator_log',
    'update processor.seals set sealed_through = now()',
    'delete from processor.seals',
    'update processor.rules set document = null',
    'insert into processor.rules (version, hash, document, applied_by, why) values (99, $$x$$, null, $$x$$, $$x$$)',
    'delete from processor.epoch_log',
    'delete from processor.accounts',
    'truncate processor.accounts',
    'update processor.cluster set shard_count = 1',
    'update processor.opening_refunds set refunded_cents = 1',
    'update processor.migrations set sha256 = null',
    'delete from public.transactions',
    'update public.transactions set account_id = gen_random_uuid()',
    'update public.accounts set username = $$x$$',
    'insert into public.accounts (username) values ($$x$$)',
    'delete from public.cards',
    'create table processor.mine (x int)',
    'create table public.mine (x int)',
    'alter function processor.apply_rules(text, jsonb, text, text) owner to current_user',
    'create or replace function processor.refuse_change() returns trigger language plpgsql as $$ begin return new; end $$',
    'copy (select 1) to program $$true$$',
    'set session_replication_role = replica',
  ])('cannot: %s', async (sql) => {
    // In PostgreSQL's words: the triggers of the journal refuse under the same code, but they are another bolt.
    const refused = {
      code: '42501',
      message: expect.stringMatching(/^(?:permission denied|must be )/) as string,
    };
    await expect(pool.query(sql)).rejects.toMatchObject(refused);
  });

  it('cannot empty or rule Redis, nor touch the keys of others', async () => {
    const redis = new Redis(node.redisUrl);
    try {
      for (const words of [
        ['FLUSHALL'],
        ['FLUSHDB'],
        ['CONFIG', 'GET', '*'],
        ['KEYS', '*'],
        ['ACL', 'LIST'],
        ['SHUTDOWN', 'NOSAVE'],
        ['CLIENT', 'KILL', 'ID', '1'],
        ['GET', 'session:1'],
        ['SET', 'session:1', 'x'],
        ['EVAL', "return redis.call('SET', 'session:1', 'x')", '0'],
      ] as const)
        await expect(redis.call(words[0], ...words.slice(1)), words.join(' ')).rejects.toThrow(
          /NOPERM|permission|can't access/i,
        );
    } finally {
      redis.disconnect();
    }
  });

  it('cannot read the dead-letter queues, nor make queues of other names', async () => {
    const { rabbitmqUrl } = node;
    const amqp = (await import('amqplib')).default;
    for (const trespass of ['get system_dlq', 'declare other', 'bind'] as const) {
      const connection = await amqp.connect(rabbitmqUrl);
      connection.on('error', () => undefined);
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      const tried =
        trespass === 'get system_dlq'
          ? channel.get('system_dlq')
          : trespass === 'declare other'
            ? channel.assertQueue('other')
            : channel.bindQueue('transactions_queue', 'paygate.events', '#');
      await expect(tried, trespass).rejects.toThrow(/403|ACCESS.REFUSED/);
      await connection.close();
    }
  });
});

describe('paygate migrate', () => {
  it('refuses a role that is missing, or that no grant binds', async () => {
    for (const [role, message] of [
      ['nobody_at_all', /there is no role nobody_at_all: create it first/],
      [OWNER, /no grant binds it/],
    ] as const) {
      const answer = await paygate(['migrate'], {
        ...environmentOf({ ...all, databaseUrl: as(all.databaseUrl, OWNER) }),
        DATABASE_RUNTIME_ROLE: role,
      });
      expect(answer.exitCode, answer.all).toBe(1);
      expect(answer.stderr).toMatch(message);
    }
  });
});
