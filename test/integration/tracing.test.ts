/**
 * Tracing on real servers, with a collector of the test's own. Without this: a trace that ends at the first node, a commit nobody can
 * tell the commands of, or a collector that is away and holds up payments.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import getPort from 'get-port';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { createLogger } from '../../src/infra/log.ts';
import { LIMITS } from '../../src/limits.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { EventQueue } from '../support/event-queue.ts';
import { newAccount } from '../support/ledger-fixtures.ts';
import { addressOf, nodeProcess } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost } from '../support/services.ts';
import type { TestPlace } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';
import { cell, configOf, environmentOf, messagesIn, publish } from './node-scene.ts';
import type { Place } from './node-scene.ts';
import { startCollector } from './otlp-collector.ts';
import type { CollectedSpan, OtlpCollector } from './otlp-collector.ts';

const database = useDatabase();
let vhost: TestPlace;
let redis: TestPlace;
let place: Place;
let collector: OtlpCollector;
let nodes: RunningNode[] = [];
let lines: string[] = [];

beforeEach(async () => {
  [vhost, redis, collector] = await Promise.all([freshVhost(), freshRedis(), startCollector()]);
  place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  lines = [];
});

afterEach(async () => {
  await stop();
  await Promise.all([vhost.drop(), redis.drop(), collector.close()]);
});

async function start(settings: Environment = {}): Promise<RunningNode> {
  const logger = createLogger({
    level: 'debug',
    nodeId: settings['NODE_ID'] ?? 'a',
    destination: { write: (line) => lines.push(line) },
  });
  const config = configOf(place, {
    NODE_ID: 'a',
    FEATURES: 'all',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '50',
    ...settings,
  });
  const node = await startNode(config, { logger });
  nodes.push(node);
  return node;
}

/** Every node that was started; their last spans are with the collector then. */
async function stop(): Promise<void> {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  nodes = [];
}

interface Producer {
  readonly traceId: string;
  readonly spanId: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

const newProducer = (flags = '01'): Producer => {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
};

/** A deposit of 1,000 cents. Gives the transaction's id. */
async function pay(accountId: string, headers?: Producer['headers']): Promise<string> {
  const transactionId = randomUUID();
  const body = JSON.stringify({
    transaction_id: transactionId,
    account_id: accountId,
    amount_cents: 1_000,
    transaction_type: 'DEPOSIT',
    idempotency_key: randomUUID(),
    timestamp: '2026-11-22T10:40:00Z',
  });
  await publish(vhost.url, [{ queue: 'transactions_queue', body, ...(headers && { headers }) }]);
  return transactionId;
}

async function decided(count: number): Promise<void> {
  await eventually(async () =>
    expect(await cell(database.pool, 'select count(*) from processor.journal')).toBe(String(count)),
  );
}

const spansOf = (traceId: string): readonly CollectedSpan[] =>
  collector.spans.filter((span) => span.traceId === traceId);

function only(spans: readonly CollectedSpan[], name: string): CollectedSpan {
  const found = spans.filter((span) => span.name === name);
  expect(found.map((span) => span.name)).toEqual([name]);
  return found[0]!;
}

const STEPS = ['queue', 'decide', 'commit', 'settle'] as const;

/** The steps of one command on the node that decided it: in order, each beginning where the one before ends. */
function expectSteps(spans: readonly CollectedSpan[], receive: CollectedSpan): void {
  const steps = spans.filter(({ parentSpanId }) => parentSpanId === receive.spanId);
  const inOrder = steps.toSorted((a, b) => Number(a.startedAt - b.startedAt));
  expect(inOrder.map(({ name }) => name)).toEqual(STEPS);
  for (const [index, step] of inOrder.entries()) {
    expect(step.node).toBe(receive.node);
    expect(step.endedAt).toBe(inOrder[index + 1]?.startedAt ?? receive.endedAt);
  }
}

/** Until each of two nodes has half of the shards. Gives an account of each. */
async function accountsByOwner(): Promise<ReadonlyMap<string, string>> {
  await eventually(async () => {
    const owners = await database.pool.query<{ count: string }>(
      'select count(*) from processor.shards where owner is not null group by owner',
    );
    expect(owners.rows.map(({ count }) => Number(count) > 60)).toEqual([true, true]);
  });
  const accounts = new Map<string, string>();
  for (let tries = 0; tries < 1_000 && accounts.size < 2; tries += 1) {
    const accountId = await newAccount(database.pool);
    const sql = `select split_part(owner, ':', 1) from processor.shards where shard = $1`;
    accounts.set(await cell(database.pool, sql, [shardOf(accountId, LIMITS.shardCount)]), accountId);
  }
  expect([...accounts.keys()].toSorted()).toEqual(['a', 'b']);
  return accounts;
}

describe('a trace', () => {
  it('goes from its producer over the node that reads to the node that decides, and to who hears of it', async () => {
    const events = await EventQueue.bind(vhost.url);
    // Of its own accord no node records anything here: the producer wants it, and so do the commits of its commands.
    const settings = { OTEL_TRACES_SAMPLER: 'parentbased_always_off' };
    await start({ ...settings, NODE_ID: 'a' });
    await start({ ...settings, NODE_ID: 'b' });
    const accounts = await accountsByOwner();
    const sent = new Map<string, Producer & { readonly transactionId: string }>();
    for (const [owner, accountId] of accounts) {
      const producer = newProducer();
      sent.set(owner, { ...producer, transactionId: await pay(accountId, producer.headers) });
    }
    await decided(2);
    await eventually(async () => expect(await events.of('transaction.approved')).toHaveLength(2));
    await stop();
    const reader = only(spansOf(sent.get('a')!.traceId), 'receive transactions_queue').node;
    for (const [owner, { traceId, spanId, transactionId }] of sent) {
      const spans = spansOf(traceId);
      const first = only(spans, 'receive transactions_queue');
      expect([first.parentSpanId, first.node]).toEqual([spanId, reader]);
      const isForwarded = owner !== reader;
      const receive = isForwarded ? only(spans, 'receive inbox') : first;
      if (isForwarded) {
        const forward = only(spans, 'forward');
        expect([forward.parentSpanId, forward.node]).toEqual([first.spanId, reader]);
        expect([receive.parentSpanId, receive.node]).toEqual([forward.spanId, owner]);
      }
      expect(receive.facts).toMatchObject({
        'paygate.transaction_id': transactionId,
        'paygate.account_id': accounts.get(owner),
        'paygate.outcome': 'APPROVED',
      });
      expectSteps(spans, receive);
      const commit = spans.find(({ name }) => name === 'commit')!;
      const batch = collector.spans.find(({ links }) => links.some((link) => link.spanId === commit.spanId))!;
      expect([batch.name, batch.parentSpanId, batch.node]).toEqual(['commit batch', null, owner]);
      expect(batch.traceId).not.toBe(traceId);
      expect(commit.links).toEqual([{ traceId: batch.traceId, spanId: batch.spanId }]);
      const told = events.received.filter(({ line }) => line.includes(transactionId));
      expect(told.map(({ properties }): unknown => properties.headers?.['traceparent'])).toEqual([
        `00-${traceId}-${commit.spanId}-01`,
      ]);
      const line = lines.find((text) => text.includes(transactionId) && text.includes('"settled"'))!;
      expect(JSON.parse(line)).toMatchObject({ trace_id: traceId, node: owner });
    }
  });

  it('of what is given up ends with the dead letter, which carries it on', async () => {
    await start();
    const unread = newProducer();
    const unknown = newProducer();
    await publish(vhost.url, [{ queue: 'transactions_queue', body: '{"no', headers: unread.headers }]);
    await pay(randomUUID(), unknown.headers);
    const deadLetters = async (): Promise<number> =>
      Number(await cell(database.pool, 'select count(*) from processor.dead_letters'));
    await eventually(async () => expect(await deadLetters()).toBe(2));
    await stop();
    for (const [queue, { traceId, spanId }] of [
      ['system_dlq', unread],
      ['transactions_dlq', unknown],
    ] as const) {
      const receive = only(spansOf(traceId), 'receive transactions_queue');
      expect([receive.parentSpanId, receive.isError]).toEqual([spanId, true]);
      const settle = only(spansOf(traceId), 'settle');
      const [letter] = await messagesIn(vhost.url, queue);
      expect(letter?.properties.headers?.['traceparent']).toBe(`00-${traceId}-${settle.spanId}-01`);
      const line = lines.find((text) => text.includes('message given up') && text.includes(traceId))!;
      expect(JSON.parse(line)).toMatchObject({ trace_id: traceId, dead_letter_queue: queue });
    }
  });

  it('begins here where there is none, or none that can be read; one commit names all of its commands', async () => {
    const accounts = await Promise.all(Array.from({ length: 20 }, () => newAccount(database.pool)));
    for (const [index, accountId] of accounts.entries())
      await pay(accountId, index % 2 === 0 ? { traceparent: `00-${'0'.repeat(32)}-zz-01` } : undefined);
    await start({ OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
    await decided(20);
    await stop();
    const receives = collector.spans.filter(({ name }) => name === 'receive transactions_queue');
    expect(receives.map(({ parentSpanId }) => parentSpanId)).toEqual(accounts.map(() => null));
    expect(new Set(receives.map(({ traceId }) => traceId)).size).toBe(20);
    const commits = collector.spans.filter(({ name }) => name === 'commit');
    const batches = collector.spans.filter(({ name }) => name === 'commit batch');
    expect(batches.flatMap(({ links }) => links.map(({ spanId }) => spanId)).toSorted()).toEqual(
      commits.map(({ spanId }) => spanId).toSorted(),
    );
    expect(batches.map(({ facts, links }) => [facts['db.operation.batch.size'], links.length])).toEqual(
      batches.map(({ links }) => [links.length, links.length]),
    );
    expect(new Set(collector.headers.map((headers) => headers['x-tenant']))).toEqual(new Set(['acme']));
  });
});

describe('sampling', () => {
  it.each([
    ['the producer decides: not this one', {}, '00'],
    ['always_off: not even what the producer wants', { OTEL_TRACES_SAMPLER: 'always_off' }, '01'],
    [
      'a ratio of 0, whoever asks',
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      '01',
    ],
  ])('%s: no span, and the trace goes on for others as not sampled', async (_, settings, flags) => {
    const events = await EventQueue.bind(vhost.url);
    await start(settings);
    const producer = newProducer(flags);
    await pay(await newAccount(database.pool), producer.headers);
    await eventually(async () => expect(await events.of('transaction.approved')).toHaveLength(1));
    await stop();
    expect(collector.spans).toEqual([]);
    const header = String(events.received[0]?.properties.headers?.['traceparent']);
    expect(header).toMatch(new RegExp(`^00-${producer.traceId}-[0-9a-f]{16}-00$`));
  });

  it('off: no span, and no header on what is published', async () => {
    const events = await EventQueue.bind(vhost.url);
    await start({ FEATURES: 'cache,events' });
    await pay(await newAccount(database.pool), newProducer().headers);
    await eventually(async () => expect(await events.of('transaction.approved')).toHaveLength(1));
    await stop();
    expect(collector.spans).toEqual([]);
    expect(events.received[0]?.properties.headers).not.toHaveProperty('traceparent');
    expect(lines.filter((line) => line.includes('trace_id'))).toEqual([]);
  });
});

describe('a collector that is away', () => {
  it('holds up nothing, is told of once, and gets what comes when it is back', async () => {
    const port = await getPort();
    await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
    });
    const accountId = await newAccount(database.pool);
    const told = (text: string): Promise<number> =>
      Promise.resolve(lines.filter((line) => line.includes(text)).length);
    for (let count = 1; count <= 10; count += 1) {
      await pay(accountId);
      await decided(count);
    }
    await eventually(async () => expect(await told('spans do not arrive')).toBe(1));
    await pay(accountId);
    await decided(11);
    const late = await startCollector(port);
    try {
      await eventually(async () => {
        await pay(accountId);
        expect(late.spans.some(({ name }) => name === 'commit batch')).toBe(true);
      });
      await eventually(async () => expect(await told('spans arrive again')).toBe(1));
      expect(await told('spans do not arrive')).toBe(1);
    } finally {
      await stop();
      await late.close();
    }
  });

  it('keeps no node from ending, with spans that nobody has taken', async () => {
    const port = await getPort();
    const env = environmentOf(place, {
      FEATURES: 'all',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      LOG_LEVEL: 'error',
    });
    const child = nodeProcess(env);
    try {
      await addressOf(child);
      await pay(await newAccount(database.pool));
      await decided(1);
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
