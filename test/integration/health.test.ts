/**
 * Without this: a node that is sent traffic it cannot work on, an operator's page that says "healthy" while a server is away, a balance
 * that is old, rounded, told by whoever does not own it or to whoever may not read it, a switched-off part that works on.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { shardOf } from '../../src/domain/shard.ts';
import { createLogger } from '../../src/infra/log.ts';
import type { LeveledLogger } from '../../src/infra/log.ts';
import { LIMITS } from '../../src/limits.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import type { Environment } from '../../src/config.ts';
import { paygate } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { cell, configOf, environmentOf, publish, send } from './node-scene.ts';
import type { Place } from './node-scene.ts';

let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;
let place: Place;
let nodes: RunningNode[] = [];
let lines: string[] = [];

beforeEach(async () => {
  [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  lines = [];
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  nodes = [];
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

async function start(settings: Environment = {}): Promise<RunningNode> {
  const logger: LeveledLogger = createLogger({
    level: 'info',
    nodeId: 'test',
    destination: { write: (line) => lines.push(line) },
  });
  const onLogLevel = logger.setLevel.bind(logger);
  const node = await startNode(configOf(place, settings), { logger, onLogLevel });
  nodes.push(node);
  return node;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly location: string | null;
  readonly retryAfter: string | null;
}

const get = (node: RunningNode, path: string): Promise<Answer> => ask(node, path);

async function ask(
  node: RunningNode,
  path: string,
  headers: Record<string, string> = {},
  redirect: 'follow' | 'manual' = 'follow',
): Promise<Answer> {
  const response = await fetch(new URL(path, node.address), { headers, redirect });
  const text = await response.text();
  return {
    status: response.status,
    body: text.startsWith('{') ? JSON.parse(text) : text,
    location: response.headers.get('location'),
    retryAfter: response.headers.get('retry-after'),
  };
}

async function newAccount(): Promise<string> {
  const id = randomUUID();
  await database.pool.query('insert into accounts (id, username) values ($1, $2)', [id, `user-${id}`]);
  return id;
}

const deposit = (accountId: string, amountCents: number | string): string =>
  `{"transaction_id":"${randomUUID()}","account_id":"${accountId}","amount_cents":${amountCents},"transaction_type":"DEPOSIT","idempotency_key":"${randomUUID()}","timestamp":"2026-11-22T10:40:00Z"}`;

const HEALTH = z.object({
  status: z.enum(['healthy', 'degraded', 'unhealthy']),
  timestamp: z.iso.datetime(),
  services: z.object({ database: z.string(), rabbitmq: z.string(), redis: z.string() }),
  metrics: z.object({
    backlog: z.record(z.string(), z.number()),
    transactions_per_second: z.number(),
    oldest_command_age_seconds: z.number(),
    in_flight: z.number(),
    cache_write_seconds: z.number().nullable(),
  }),
});

describe('/healthz', () => {
  it('says how the node is, in words and figures', async () => {
    const node = await start();
    await send(database.pool, vhost.url, {}, { transactions: 300 });
    await eventually(async () => {
      const { status, body } = await get(node, '/healthz');
      const health = HEALTH.parse(body);
      expect([status, health.status]).toEqual([200, 'healthy']);
      expect(health.services).toEqual({ database: 'up', rabbitmq: 'up', redis: 'up' });
      expect(health.metrics.backlog['transactions_queue']).toBe(0);
      expect(health.metrics.transactions_per_second).toBeGreaterThan(0);
      expect(health.metrics.cache_write_seconds).not.toBeNull();
      expect(health.metrics).toMatchObject({ in_flight: 0, oldest_command_age_seconds: 0 });
    });
  });

  it('a command that cannot be decided shows by its age', async () => {
    const node = await start();
    const blocker = await database.pool.connect();
    try {
      await blocker.query('begin; lock table processor.journal in access exclusive mode');
      await publish(vhost.url, [{ queue: 'transactions_queue', body: deposit(await newAccount(), 5) }]);
      await eventually(async () => {
        const { metrics } = HEALTH.parse((await get(node, '/healthz')).body);
        expect(metrics.oldest_command_age_seconds).toBeGreaterThan(0.5);
        expect(metrics.in_flight).toBe(1);
      });
    } finally {
      await blocker.query('rollback');
      blocker.release();
    }
  });

  it('a node that drains is neither ready nor healthy', async () => {
    const node = await start();
    const blocker = await database.pool.connect();
    let drained: Promise<unknown>;
    try {
      // It cannot end before this lock goes.
      await blocker.query('begin; lock table processor.journal in access exclusive mode');
      await publish(vhost.url, [{ queue: 'transactions_queue', body: deposit(await newAccount(), 5) }]);
      await eventually(async () => {
        const { metrics } = HEALTH.parse((await get(node, '/healthz')).body);
        expect(metrics.in_flight).toBe(1);
      });
      drained = node.drain();
      expect((await get(node, '/readyz')).status).toBe(503);
      const { status, body } = await get(node, '/healthz');
      expect([status, HEALTH.parse(body).status]).toEqual([503, 'unhealthy']);
      expect((await get(node, '/livez')).status).toBe(200);
    } finally {
      await blocker.query('rollback');
      blocker.release();
    }
    await drained;
  });
});

describe('/accounts/<id>/balance', () => {
  it('is exact, also beyond what a number holds', async () => {
    const node = await start();
    const accountId = await newAccount();
    expect(await get(node, `/accounts/${accountId}/balance`)).toMatchObject({
      status: 200,
      body: { balance_cents: '0', balance_cents_number: 0, seq: '0' },
    });
    await publish(vhost.url, [{ queue: 'transactions_queue', body: deposit(accountId, 12_345) }]);
    await eventually(async () =>
      expect(await get(node, `/accounts/${accountId.toUpperCase()}/balance`)).toMatchObject({
        status: 200,
        body: { account_id: accountId, balance_cents: '12345', balance_cents_number: 12_345, seq: '1' },
      }),
    );
    await database.pool.query(
      `update processor.accounts set balance_cents = -9007199254740993 where account_id = $1`,
      [accountId],
    );
    expect((await get(node, `/accounts/${accountId}/balance`)).body).toMatchObject({
      balance_cents: '-9007199254740993',
      balance_cents_number: null,
    });
  });

  it('of no account there is none, and no other text is an account', async () => {
    const node = await start();
    expect((await get(node, `/accounts/${randomUUID()}/balance`)).status).toBe(404);
    expect((await get(node, '/accounts/1%20or%201=1/balance')).status).toBe(400);
  });

  it('of two nodes one gives it, the other leads there, also without a console', async () => {
    const pair = [
      await start({ NODE_ID: 'a', FEATURES: 'minimal' }),
      await start({ NODE_ID: 'b', FEATURES: 'minimal' }),
    ];
    const accountId = await newAccount();
    const path = `/accounts/${accountId}/balance`;
    await eventually(async () => {
      const answers = await Promise.all(pair.map((node) => ask(node, path, {}, 'manual')));
      const owner = pair[answers.findIndex(({ status }) => status === 200)];
      const elsewhere = answers.find(({ status }) => status === 307);
      expect(elsewhere).toMatchObject({
        body: { owner: owner?.nodeId, shard: shardOf(accountId, LIMITS.shardCount) },
        location: `${owner?.address ?? ''}${path}`,
      });
    });
    for (const node of pair)
      expect(await get(node, path)).toMatchObject({ status: 200, body: { balance_cents: '0' } });
  });

  it('a node that cannot know where the owner is says why, and when to ask again', async () => {
    await start({ NODE_ID: 'a' });
    const cutOff = await start({ NODE_ID: 'b', REDIS_URL: 'redis://127.0.0.1:1' });
    await eventually(async () =>
      expect(await ask(cutOff, `/accounts/${await newAccount()}/balance`)).toMatchObject({
        status: 503,
        retryAfter: '1',
        body: {
          owner: 'a',
          error: 'another node owns this account, and Redis, which would know its address, is away',
        },
      }),
    );
  });

  it('is for this machine, and from elsewhere for who has the token', async () => {
    const token = '0123456789abcdef-token';
    const node = await start({ CONSOLE_TOKEN: token });
    const path = `/accounts/${await newAccount()}/balance`;
    const elsewhere = { 'x-forwarded-for': '10.0.0.7' };
    const statusOf = async (headers: Record<string, string>): Promise<number> =>
      (await ask(node, path, headers)).status;
    expect(await statusOf({})).toBe(200);
    expect(await statusOf(elsewhere)).toBe(401);
    expect(await statusOf({ ...elsewhere, authorization: 'Bearer another' })).toBe(401);
    expect(await statusOf({ ...elsewhere, authorization: `Bearer ${token}` })).toBe(200);
    expect(await statusOf({ origin: 'http://evil.example' }), 'for a foreign page').toBe(401);
  });

  it('the address that was set is the one that others are led to', async () => {
    const advertised = 'http://paygate-0.example:9464';
    const pair = [
      await start({ NODE_ID: 'a', HTTP_ADVERTISED_URL: `${advertised}/` }),
      await start({ NODE_ID: 'b', HTTP_ADVERTISED_URL: `${advertised}/` }),
    ];
    const path = `/accounts/${await newAccount()}/balance`;
    await eventually(async () => {
      const answers = await Promise.all(pair.map((node) => ask(node, path, {}, 'manual')));
      expect(answers.map(({ location }) => location).filter((found) => found !== null)).toEqual([
        `${advertised}${path}`,
      ]);
    });
    const told = await paygate(['console'], environmentOf(place));
    expect(told.stdout.trim().split('\n')).toEqual([`${advertised}/console`, `${advertised}/console`]);
  });
});

describe('switches', () => {
  it('minimal: the ledger works, nothing is cached, there are no metrics, and the outbox becomes empty', async () => {
    const node = await start({ FEATURES: 'minimal' });
    const accountId = await newAccount();
    await publish(vhost.url, [{ queue: 'transactions_queue', body: deposit(accountId, 700) }]);
    await eventually(async () => {
      expect((await get(node, `/accounts/${accountId}/balance`)).body).toMatchObject({
        balance_cents: '700',
      });
      expect(await cell(database.pool, 'select count(*) from processor.outbox')).toBe('0');
    });
    expect((await get(node, '/metrics')).status).toBe(404);
    expect((await get(node, '/healthz')).status).toBe(200);
    const client = new Redis(redis.url);
    try {
      expect(await client.get(`balance:${accountId}`)).toBeNull();
    } finally {
      client.disconnect();
    }
  });
});

describe('paygate cluster log-level', () => {
  it('makes all nodes say more, while they run: one line for each decision, and none before', async () => {
    await start({ NODE_ID: 'a' });
    await start({ NODE_ID: 'b' });
    const accountId = await newAccount();
    const decisions = (): readonly string[] => lines.filter((line) => line.includes('"msg":"settled"'));
    await publish(vhost.url, [{ queue: 'transactions_queue', body: deposit(accountId, 1) }]);
    await eventually(async () =>
      expect(await cell(database.pool, 'select count(*) from processor.journal')).toBe('1'),
    );
    expect(decisions()).toEqual([]);
    const env = environmentOf(place);
    const told = await paygate(['cluster', 'log-level', 'all', 'debug', '--why', 'looking', '--json'], env);
    expect([told.exitCode, JSON.parse(told.stdout)]).toMatchObject([0, { level: 'debug' }]);
    await publish(vhost.url, [{ queue: 'transactions_queue', body: deposit(accountId, 2) }]);
    await eventually(() => {
      const line = decisions().find((text) => text.includes(accountId));
      expect(line === undefined ? null : JSON.parse(line)).toMatchObject({
        account_id: accountId,
        shard: shardOf(accountId, LIMITS.shardCount),
        road: 'delivery',
        queue: 'transactions_queue',
        outcome: 'APPROVED',
        seq: '2',
        amount_cents: '2',
      });
      return Promise.resolve();
    });
    expect(
      await cell(
        database.pool,
        `select count(*) from processor.operator_log where action = 'log-level debug'`,
      ),
    ).toBe('2');
    const wrong = await paygate(['cluster', 'log-level', 'all', 'loud'], env);
    expect(wrong.exitCode).not.toBe(0);
    expect(wrong.stderr).toContain('debug');
  });
});
