/**
 * A whole node on real servers. Without this: parts that are right alone and lose, double or misread a message together.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import type { Environment } from '../../src/config.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import {
  audited,
  backlog,
  cell,
  configOf,
  figure,
  messagesIn,
  publish,
  send,
  slowCommits,
} from './node-scene.ts';
import type { Place } from './node-scene.ts';

let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;
let place: Place;
let nodes: RunningNode[] = [];

beforeEach(async () => {
  [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  nodes = [];
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

async function start(settings: Environment = {}, logger = new QuietLogger()): Promise<RunningNode> {
  const node = await startNode(configOf(place, settings), { logger });
  nodes.push(node);
  return node;
}

async function account(balanceCents = 0): Promise<string> {
  const id = randomUUID();
  await database.pool.query('insert into accounts (id, username) values ($1, $2)', [id, `user-${id}`]);
  if (balanceCents > 0) {
    await publish(vhost.url, [
      { queue: 'transactions_queue', body: documented(id, { amount_cents: balanceCents }) },
    ]);
  }
  return id;
}

function documented(accountId: string, fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    transaction_id: randomUUID(),
    account_id: accountId,
    amount_cents: 100,
    transaction_type: 'DEPOSIT',
    idempotency_key: randomUUID(),
    timestamp: '2026-11-22T10:40:00Z',
    ...fields,
  });
}

const count = async (table: 'journal' | 'retries' | 'outbox' | 'dead_letters'): Promise<number> =>
  Number(await cell(database.pool, `select count(*) from processor.${table}`));

/** All that was sent is answered. That nothing is ready in the queues is not enough: it may be on its way. */
async function workedOff(decisions: number, ...working: readonly RunningNode[]): Promise<void> {
  await eventually(async () => {
    expect(await backlog(vhost.url)).toBe(0);
    expect(await count('journal')).toBe(decisions);
    expect(await count('retries')).toBe(0);
    for (const node of working) expect(await figure(node, 'paygate_in_flight')).toBe(0);
  });
}

describe('a stream as the Go API sends it', () => {
  it('is decided exactly once, shown, and audited clean after a drain', async () => {
    const node = await start();
    const report = await send(
      database.pool,
      vhost.url,
      { accounts: 60, duplicatesShare: 0.05, documentedShare: 0.2, balanceRequestsShare: 0.05 },
      { transactions: 4_000 },
    );
    await workedOff(report.transactions, node);
    expect(await node.drain()).toBe('drained');
    const audit = await audited(database.pool, redis.url);
    expect(audit.violations).toEqual([]);
    expect(audit.counts).toMatchObject({ pending: 0, outbox: 0, deadLetters: 0, retries: 0 });
    expect(audit.counts.decisions).toBe(report.transactions);
    expect(audit.counts.rejected).toBeGreaterThan(0);
    expect(await backlog(vhost.url)).toBe(0);
  });

  it('that stood in the queues before is worked off, also with refunds of whole originals', async () => {
    await send(database.pool, vhost.url, { accounts: 20, duplicatesShare: 0.1 }, { transactions: 1_500 });
    const node = await start({ REFUND_AMOUNT: 'original' });
    await workedOff(1_500, node);
    await node.drain();
    const audit = await audited(database.pool, redis.url);
    expect(audit.violations).toEqual([]);
  });

  it('a drain in the middle loses nothing, and the next node goes on', async () => {
    await send(database.pool, vhost.url, { accounts: 30 }, { transactions: 2_000 });
    const speedUp = await slowCommits(database.pool);
    const first = await start({ PROCESSOR_PREFETCH: '25' });
    await eventually(async () => expect(await count('journal')).toBeGreaterThan(200));
    expect(await first.drain()).toBe('drained');
    const decided = await count('journal');
    await eventually(async () => expect(await backlog(vhost.url)).toBeGreaterThan(0));
    expect(await count('outbox')).toBe(0);
    await speedUp();
    const second = await start();
    await workedOff(2_000, second);
    await second.drain();
    const audit = await audited(database.pool, redis.url);
    expect(audit.violations).toEqual([]);
    expect(audit.counts.decisions).toBe(2_000);
    expect(decided).toBeLessThan(2_000);
  });
});

describe('messages that cannot be processed', () => {
  it('go to their dead-letter queue with bytes and reason, and do not stop the others', async () => {
    await start();
    const accountId = await account();
    const stranger = randomUUID();
    const poison = [
      { queue: 'transactions_queue', body: '' },
      { queue: 'transactions_queue', body: '{"id":' },
      { queue: 'transactions_queue', body: Buffer.from([0xff, 0xfe, 0x00]) },
      { queue: 'refund_queue', body: '{"__proto__":{"x":1}}' },
      { queue: 'retry_queue', body: documented(accountId, { amount_cents: 1.5 }) },
      { queue: 'calculate_balance_queue', body: '{"account_id":"nobody"}' },
      { queue: 'calculate_balance_queue', body: `{"account_id":"${stranger}"}` },
      { queue: 'transactions_queue', body: documented(stranger) },
      { queue: 'transactions_queue', body: documented(accountId) },
    ] as const;
    await publish(vhost.url, poison);
    await eventually(async () => expect(await count('dead_letters')).toBe(8));
    await eventually(async () => expect(await count('journal')).toBe(1));
    await nodes[0]?.drain();
    const reasons = async (queue: 'system_dlq' | 'transactions_dlq' | 'balance_dlq'): Promise<string[]> =>
      (await messagesIn(vhost.url, queue))
        .map(({ properties }) => String(properties.headers?.['x-reason']))
        .sort();
    expect(await reasons('system_dlq')).toEqual(['BODY_EMPTY', 'BODY_NOT_JSON', 'BODY_NOT_UTF8']);
    expect(await reasons('transactions_dlq')).toEqual([
      'ACCOUNT_UNKNOWN',
      'MESSAGE_INVALID',
      'MESSAGE_INVALID',
    ]);
    expect(await reasons('balance_dlq')).toEqual(['ACCOUNT_UNKNOWN', 'MESSAGE_INVALID']);
    expect(await backlog(vhost.url)).toBe(0);
  });

  it('a live message whose row never comes is given up after its retries', async () => {
    await start({ RETRY_ATTEMPTS: '2', RETRY_DELAY_MS: '20' });
    const accountId = await account();
    const none = { String: '', Valid: false };
    const live = {
      id: randomUUID(),
      account_id: accountId,
      card_id: none,
      refund_transaction_id: none,
      amount_cents: 5,
      status: 'PENDING',
      type: 'DEPOSIT',
      idempotency_key: randomUUID(),
      created_at: '2026-11-22T10:40:00.123456Z',
    };
    await publish(vhost.url, [{ queue: 'transactions_queue', body: JSON.stringify(live) }]);
    await eventually(async () => {
      const { rows } = await database.pool.query('select code, attempts from processor.dead_letters');
      expect(rows).toEqual([{ code: 'ROW_MISSING', attempts: 3 }]);
    });
    await eventually(async () => expect(await count('retries')).toBe(0));
  });
});

describe('what comes too early or again', () => {
  it('a refund before its original is decided once the original is', async () => {
    await start();
    const accountId = await account();
    const [purchase, refund] = [randomUUID(), randomUUID()];
    const body = documented(accountId, {
      transaction_id: refund,
      transaction_type: 'refund',
      amount_cents: 40,
      refund_transaction_id: purchase,
    });
    await publish(vhost.url, [{ queue: 'refund_queue', body }]);
    await eventually(async () => expect(await count('retries')).toBe(1));
    await publish(vhost.url, [
      { queue: 'transactions_queue', body: documented(accountId, { amount_cents: 500 }) },
      {
        queue: 'transactions_queue',
        body: documented(accountId, { transaction_id: purchase, transaction_type: 'purchase' }),
      },
    ]);
    await eventually(async () =>
      expect(
        await cell(database.pool, 'select balance_cents from processor.accounts where account_id = $1', [
          accountId,
        ]),
      ).toBe('440'),
    );
    await eventually(async () => expect(await count('retries')).toBe(0));
  });

  it('one message a hundred times is one decision', async () => {
    const node = await start();
    const accountId = await account();
    const body = documented(accountId);
    await publish(
      vhost.url,
      Array.from({ length: 100 }, () => ({ queue: 'transactions_queue', body }) as const),
    );
    await workedOff(1, node);
    await node.drain();
    expect(await count('journal')).toBe(1);
    expect((await audited(database.pool, redis.url)).violations).toEqual([]);
  });
});

describe('balances', () => {
  it('requests of both shapes are answered, also for an account without transactions', async () => {
    await start();
    const [busy, fresh] = [await account(700), await account()];
    const cardId = randomUUID();
    const forced = {
      account_id: busy,
      card_id: cardId,
      force_recalculation: true,
      timestamp: '2026-11-22T10:40:00Z',
    };
    await eventually(async () => expect(await count('journal')).toBe(1));
    const client = new Redis(redis.url);
    await client.flushdb();
    await publish(vhost.url, [
      { queue: 'calculate_balance_queue', body: JSON.stringify({ account_id: fresh }) },
      { queue: 'balance_calculation_queue', body: JSON.stringify(forced) },
    ]);
    await eventually(async () =>
      expect(await client.mget(`balance:${fresh}`, `balance:${busy}`, `balance:card:${cardId}`)).toEqual([
        '0',
        '700',
        '0',
      ]),
    );
    expect(await client.ttl(`balance:${fresh}`)).toBeGreaterThan(86_000);
    client.disconnect();
  });

  it('a forced recalculation of an account that is decided on all the time finds nothing wrong', async () => {
    const node = await start();
    const busy = await account();
    const force = JSON.stringify({
      account_id: busy,
      force_recalculation: true,
      timestamp: '2026-11-22T10:40:00Z',
    });
    await publish(
      vhost.url,
      Array.from({ length: 2_000 }, (_, n) =>
        n % 20 === 0
          ? ({ queue: 'balance_calculation_queue', body: force } as const)
          : ({ queue: 'transactions_queue', body: documented(busy) } as const),
      ),
    );
    await workedOff(1_900, node);
    expect(await node.drain()).toBe('drained');
    expect((await audited(database.pool, redis.url)).counts).toMatchObject({ deadLetters: 0, parked: 0 });
  });
});

describe('the outside of a node', () => {
  it('tells that it lives, whether it is ready and what it did', async () => {
    const node = await start();
    await account(100);
    const get = async (path: string): Promise<Response> => fetch(new URL(path, node.address));
    expect((await get('/livez')).status).toBe(200);
    await eventually(async () => {
      const ready = await get('/readyz');
      expect(ready.status).toBe(200);
      expect(await ready.json()).toEqual({
        status: 'ready',
        serving: true,
        node: node.nodeId,
        dependencies: { postgresql: 'up', rabbitmq: 'up', redis: 'up' },
        paused: null,
      });
    });
    await eventually(async () => {
      const text = await (await get('/metrics')).text();
      expect(text).toContain('paygate_messages_received_total{queue="transactions_queue"} 1');
      expect(text).toContain('paygate_transactions_processed_total{type="DEPOSIT",outcome="APPROVED"} 1');
      expect(text).toContain('paygate_processing_duration_seconds_count 1');
      expect(text).toContain('paygate_active_accounts 1');
      expect(text).toMatch(/paygate_queue_depth\{queue="transactions_queue"\} 0/);
      expect(text).toMatch(/paygate_cache_writes_total 1/);
    });
  });

  it('a database that was not prepared is refused with what to do, and nothing stays open', async () => {
    const bare = await withDatabase({ migrated: false });
    const config = configOf({ ...place, databaseUrl: bare.url });
    await expect(startNode(config, { logger: new QuietLogger() })).rejects.toThrow('paygate migrate');
    // The server lets go of a connection a moment after its client has.
    await eventually(async () =>
      expect(
        await cell(
          bare.pool,
          `select count(*) from pg_stat_activity where application_name like 'paygate:%' and datname = current_database()`,
        ),
      ).toBe('0'),
    );
    await bare.drop();
  });

  it('a Redis that serves another database is refused with what to do', async () => {
    const other = await withDatabase();
    // Test databases are copies of one, and have its id.
    await other.pool.query('update processor.cluster set cluster_id = gen_random_uuid()');
    const first = await start();
    await eventually(() => expect(first.status().status).toBe('ready'));
    const stranger = startNode(configOf({ ...place, databaseUrl: other.url }), { logger: new QuietLogger() });
    await expect(stranger).rejects.toThrow(/this Redis serves a cluster that works on another database/);
    expect(first.status().status).toBe('ready');
    await other.drop();
  });
});

describe('two nodes', () => {
  it('share the shards; what one reads the other decides; who leaves gives everything back', async () => {
    const first = await start({ NODE_ID: 'first' });
    const second = await start({ NODE_ID: 'second' });
    const owned = async (name: string): Promise<number> =>
      Number(await cell(database.pool, `select count(*) from processor.shards where owner like '${name}:%'`));
    await eventually(async () => expect(await owned('second')).toBeGreaterThan(80));
    await eventually(async () => expect((await owned('first')) + (await owned('second'))).toBe(256));
    await send(database.pool, vhost.url, { accounts: 60, duplicatesShare: 0.05 }, { transactions: 1_500 });
    await workedOff(1_500, first, second);
    expect(await first.drain()).toBe('drained');
    await eventually(async () => expect(await owned('second')).toBe(256));
    await send(database.pool, vhost.url, { accounts: 60, run: 'later' }, { transactions: 500 });
    await workedOff(2_000, second);
    expect(await second.drain()).toBe('drained');
    const audit = await audited(database.pool, redis.url);
    expect(audit.violations).toEqual([]);
    expect(audit.counts).toMatchObject({ decisions: 2_000, pending: 0 });
    expect(await cell(database.pool, 'select count(*) from processor.shards where owner is not null')).toBe(
      '0',
    );
  });
});
