/**
 * What happens to a node when a server or the node itself goes away under load. Without this: an outage of a minute that
 * loses a payment, applies one twice, leaves an old balance standing, or needs somebody to start the node again.
 * Has servers of its own.
 */
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { migrate } from '../../src/infra/postgres/migrate.ts';
import { addVhosts, deleteVhost, startServers } from '../../src/infra/services/index.ts';
import type { RunningServers } from '../../src/infra/services/index.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { TcpProxy } from '../cluster/support/tcp-proxy.ts';
import { note } from '../cluster/support/use-cluster.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { addressOf, nodeProcess } from '../support/paygate.ts';
import { eventually } from '../support/services.ts';
import { audited, backlog, cell, configOf, environmentOf, publish, send, slowCommits } from './node-scene.ts';
import type { Place } from './node-scene.ts';

/** A server has to start in between. */
const LONG = { timeoutMs: 120_000 };
/** With `slowCommits` a node needs ten seconds for 2,500 transactions, and is at work whenever a test looks. */
const SLOW = { PROCESSOR_PREFETCH: '25' };

let servers: RunningServers;
let place: Place;
let pool: pg.Pool;
let n = 0;
const nodes: RunningNode[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  servers = await startServers({ env: process.env, allowInstall: true });
});

afterAll(() => servers.stop());

beforeEach(async () => {
  n += 1;
  const name = `outage${n}`;
  const administrator = new pg.Client({ connectionString: servers.postgres.url });
  await administrator.connect();
  await administrator.query(`create database ${name}`);
  await administrator.end();
  if (servers.brokerControl === null) throw new Error('the broker is not ours');
  await addVhosts(servers.brokerControl, [name]);
  place = {
    databaseUrl: inPlace(servers.postgres.url, name),
    rabbitmqUrl: inPlace(servers.rabbitmq.url, name),
    redisUrl: inPlace(servers.redis.url, String(n)),
  };
  await migrate(place.databaseUrl);
  pool = new pg.Pool({ connectionString: place.databaseUrl, max: 5 });
  pool.on('error', () => undefined);
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  await pool.end();
  if (servers.brokerControl !== null) await deleteVhost(servers.brokerControl, `outage${n}`);
});

function inPlace(url: string, path: string): string {
  const placed = new URL(url);
  placed.pathname = `/${path}`;
  return placed.href;
}

async function start(settings: Environment = {}): Promise<RunningNode> {
  const node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
  nodes.push(node);
  return node;
}

/** A node in a process of its own, working. */
async function spawnNode(settings: Environment = {}): Promise<ChildProcess> {
  const child = nodeProcess(environmentOf(place, settings));
  children.push(child);
  await addressOf(child);
  return child;
}

/** A new account in a shard of this node, once it has given the other one its share and none moves any more. */
async function accountOf(nodeId: string): Promise<string> {
  let before = -1;
  return eventually(
    async () => {
      const { rows } = await pool.query<{ shard: number; owner: string | null }>(
        'select shard, owner from processor.shards',
      );
      const own = new Set(
        rows.filter(({ owner }) => owner?.startsWith(`${nodeId}:`)).map(({ shard }) => shard),
      );
      const [last, now] = [before, own.size];
      before = now;
      expect(now).toBe(last);
      expect(now).toBeLessThan(200);
      const id = Array.from({ length: 200 }, () => randomUUID()).find((one) => own.has(shardOf(one, 256)));
      await pool.query(`insert into accounts (id, username) values ($1, 'somebody')`, [id]);
      return id!;
    },
    { ...LONG, pollMs: 1_500 },
  );
}

function deposit(accountId: string, cents: number): { queue: 'transactions_queue'; body: string } {
  const body = JSON.stringify({
    transaction_id: randomUUID(),
    account_id: accountId,
    amount_cents: cents,
    transaction_type: 'DEPOSIT',
    idempotency_key: randomUUID(),
    timestamp: '2026-11-22T10:40:00Z',
  });
  return { queue: 'transactions_queue', body };
}

async function decided(): Promise<number> {
  return Number(await cell(pool, 'select count(*) from processor.journal'));
}

/** Everything that was sent is decided and shown, nothing waits, and the audit finds nothing. */
async function expectWhole(transactions: number, stop: () => Promise<unknown>): Promise<void> {
  await eventually(async () => {
    expect(await backlog(place.rabbitmqUrl)).toBe(0);
    expect(await decided()).toBe(transactions);
    expect(await cell(pool, 'select count(*) from processor.retries')).toBe('0');
    // That of a commit whose answer was lost is found by the next look for such rows.
    expect(await cell(pool, 'select count(*) from processor.outbox')).toBe('0');
  }, LONG);
  await stop();
  const audit = await audited(pool, place.redisUrl);
  expect(audit.violations).toEqual([]);
  expect(audit.counts).toMatchObject({ decisions: transactions, pending: 0, outbox: 0, deadLetters: 0 });
}

describe('a server goes away under load', { timeout: 240_000 }, () => {
  it('PostgreSQL is killed: unknown commits are looked at again, nothing is lost or doubled', async () => {
    await send(pool, place.rabbitmqUrl, { accounts: 40, duplicatesShare: 0.05 }, { transactions: 3_000 });
    const speedUp = await slowCommits(pool);
    const node = await start(SLOW);
    await eventually(async () => expect(await decided()).toBeGreaterThan(200), LONG);
    await servers.postgres.stop('killed');
    await eventually(() => expect(node.status()).toMatchObject({ status: 'degraded', serving: false }), LONG);
    expect(await backlog(place.rabbitmqUrl)).toBeGreaterThan(0);
    await servers.postgres.start();
    await speedUp();
    await expectWhole(3_000, () => node.drain());
  });

  it('RabbitMQ is stopped and started: what was persistent comes again and is a repeat', async () => {
    await send(pool, place.rabbitmqUrl, { accounts: 40 }, { transactions: 3_000 });
    const node = await start();
    await eventually(async () => expect(await decided()).toBeGreaterThan(200), LONG);
    await servers.rabbitmq.restart('orderly');
    // What the broker has lost (it was not persistent) stands as PENDING rows; what it kept is worked off.
    await eventually(() => expect(node.status().status).toBe('ready'), LONG);
    await eventually(async () => expect(await backlog(place.rabbitmqUrl)).toBe(0), LONG);
    const more = await send(pool, place.rabbitmqUrl, { accounts: 10, run: 'again' }, { transactions: 500 });
    await eventually(async () => {
      expect(await backlog(place.rabbitmqUrl)).toBe(0);
      expect(await decided()).toBeGreaterThan(more.transactions);
    }, LONG);
    expect(await node.drain()).toBe('drained');
    const audit = await audited(pool, place.redisUrl, { expectDrained: false });
    expect(audit.violations).toEqual([]);
  });

  it('Redis is killed: decisions go on, balances follow when it is back', async () => {
    const node = await start();
    await send(pool, place.rabbitmqUrl, { accounts: 40 }, { transactions: 1_000 });
    await servers.redis.stop('killed');
    await send(pool, place.rabbitmqUrl, { accounts: 40, run: 'without' }, { transactions: 1_000 });
    await eventually(async () => expect(await decided()).toBeGreaterThan(1_500), LONG);
    expect(Number(await cell(pool, 'select count(*) from processor.outbox'))).toBeGreaterThan(0);
    await eventually(
      () => expect(node.status()).toMatchObject({ status: 'ready', dependencies: { redis: 'down' } }),
      LONG,
    );
    await servers.redis.start();
    await expectWhole(2_000, () => node.drain());
  });

  it('a node starts while the broker and Redis are away, and works as soon as they are there', async () => {
    await Promise.all([servers.rabbitmq.stop('orderly'), servers.redis.stop('orderly')]);
    const node = await start();
    expect(node.status().serving).toBe(false);
    await Promise.all([servers.rabbitmq.start(), servers.redis.start()]);
    await eventually(() => expect(node.status().status).toBe('ready'), LONG);
    await send(pool, place.rabbitmqUrl, { accounts: 10 }, { transactions: 300 });
    await expectWhole(300, () => node.drain());
  });
});

describe('the node goes away', { timeout: 240_000 }, () => {
  it('killed under load, again and again: the next one goes on, and no old balance stays', async () => {
    const sending = send(
      pool,
      place.rabbitmqUrl,
      { accounts: 40, duplicatesShare: 0.02 },
      { transactions: 3_000 },
    );
    const speedUp = await slowCommits(pool);
    for (let round = 1; round <= 3; round += 1) {
      const child = await spawnNode(SLOW);
      const before = await decided();
      await eventually(async () => expect(await decided()).toBeGreaterThan(before), LONG);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await sending;
    await speedUp();
    const node = await start();
    await eventually(
      async () => expect(await cell(pool, 'select count(*) from processor.outbox')).toBe('0'),
      LONG,
    );
    await expectWhole(3_000, () => node.drain());
  });

  it('killed between a commit and its cache write: another one shows the right balance', async () => {
    const proxy = await TcpProxy.inFrontOf(place.redisUrl);
    const victim = await spawnNode({ NODE_ID: 'victim', REDIS_URL: proxy.through(place.redisUrl) });
    await start({ NODE_ID: 'other' });
    const accountId = await accountOf('victim');
    const redis = new Redis(place.redisUrl);
    const shown = (): Promise<string | null> => redis.get(`balance:${accountId}`);
    try {
      await publish(place.rabbitmqUrl, [deposit(accountId, 1_000)]);
      await eventually(async () => expect(await shown()).toBe('1000'), LONG);
      // What it commits from now on it cannot show.
      proxy.cut('silent');
      await publish(place.rabbitmqUrl, [deposit(accountId, 500)]);
      await eventually(async () => expect(await decided()).toBe(2), LONG);
      // Before the kill: a moment after it the other one mends it.
      expect(await shown()).toBe('1000');
      const killedAtMs = performance.now();
      victim.kill('SIGKILL');
      await eventually(async () => expect(await shown()).toBe('1500'), LONG);
      note(`killed between commit and cache: right after ${Math.round(performance.now() - killedAtMs)} ms`);
    } finally {
      redis.disconnect();
      await proxy.close();
    }
  });

  it('SIGTERM: it finishes what it has taken, answers for it and ends by itself', async () => {
    await send(pool, place.rabbitmqUrl, { accounts: 40 }, { transactions: 5_000 });
    const child = await spawnNode();
    await eventually(async () => expect(await decided()).toBeGreaterThan(100), LONG);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    // Nothing that was decided comes again, nothing that was not is missing.
    const rows = Number(await cell(pool, `select count(*) from transactions where status = 'PENDING'`));
    await eventually(async () => expect(await backlog(place.rabbitmqUrl)).toBeGreaterThanOrEqual(rows));
    expect(await cell(pool, 'select count(*) from processor.outbox')).toBe('0');
    const node = await start();
    await expectWhole(5_000, () => node.drain());
  });

  it('a node whose cache was away all its life leaves its rows to the next one', async () => {
    const first = await start({ REDIS_URL: 'redis://127.0.0.1:1/0' });
    await send(pool, place.rabbitmqUrl, { accounts: 20, balanceRequestsShare: 0 }, { transactions: 500 });
    await eventually(async () => expect(await decided()).toBe(500), LONG);
    expect(await first.drain()).toBe('drained');
    expect(Number(await cell(pool, 'select count(*) from processor.outbox'))).toBeGreaterThan(0);
    const second = await start();
    await eventually(
      async () => expect(await cell(pool, 'select count(*) from processor.outbox')).toBe('0'),
      LONG,
    );
    await expectWhole(500, () => second.drain());
  });
});
