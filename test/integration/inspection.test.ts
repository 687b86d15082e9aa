/**
 * Looking at an account of a real node over HTTP. Without this: the stream shows other steps or amounts than the ledger, a
 * stranger may read it, or looking leaves something behind.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config.ts';
import type { StreamMessage } from '../../src/contracts/inspection.ts';
import { readEventStream } from '../../src/infra/inspection/read-event-stream.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { cell, configOf, publish } from './node-scene.ts';

let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;
let nodes: RunningNode[] = [];
let leave = new AbortController();

beforeEach(async () => {
  [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  leave = new AbortController();
});

afterEach(async () => {
  leave.abort();
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  nodes = [];
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

async function start(settings: Environment = {}): Promise<RunningNode> {
  const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  const node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
  nodes.push(node);
  return node;
}

async function account(): Promise<string> {
  const id = randomUUID();
  await database.pool.query('insert into accounts (id, username) values ($1, $2)', [id, `user-${id}`]);
  return id;
}

async function pay(accountId: string, type: 'DEPOSIT' | 'PURCHASE', amountCents: number): Promise<void> {
  const body = JSON.stringify({
    transaction_id: randomUUID(),
    account_id: accountId,
    amount_cents: amountCents,
    transaction_type: type,
    idempotency_key: `secret ${randomUUID()}`,
    timestamp: '2026-11-22T10:40:00Z',
  });
  await publish(vhost.url, [{ queue: 'transactions_queue', body }]);
}

interface Seen {
  readonly ids: string[];
  readonly messages: StreamMessage[];
}

const eventsOf = (node: RunningNode, accountId: string): URL =>
  new URL(`/inspect/${accountId}/events`, node.address);

/** Reads until the test is over. */
async function look(
  node: RunningNode,
  accountId: string,
  headers: Record<string, string> = {},
): Promise<Seen> {
  const seen: Seen = { ids: [], messages: [] };
  const response = await fetch(eventsOf(node, accountId), { headers, signal: leave.signal });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const reading = async (): Promise<void> => {
    for await (const { id, data } of readEventStream(response.body!)) {
      seen.ids.push(id);
      seen.messages.push(JSON.parse(data) as StreamMessage);
    }
  };
  reading().catch(() => undefined);
  return seen;
}

const places = ({ messages }: Seen): readonly unknown[] =>
  messages.flatMap((message) => (message.type === '@xstate.snapshot' ? [message.snapshot.value] : []));

const lastBalance = ({ messages }: Seen): unknown => {
  const snapshot = messages.findLast((message) => message.type === '@xstate.snapshot');
  return (snapshot?.snapshot.context as { state: { balanceCents: string } | null } | undefined)?.state
    ?.balanceCents;
};

describe('a payment', () => {
  it('is seen step by step, exactly, from an account that was not active before', async () => {
    const node = await start();
    const accountId = await account();
    const seen = await look(node, accountId);
    await eventually(() => expect(seen.messages).toMatchObject([{ type: 'paygate.inactive', accountId }]));
    await pay(accountId, 'DEPOSIT', 9_007_199_254_740_991);
    await eventually(() => expect(lastBalance(seen)).toBe('9007199254740991'));
    await pay(accountId, 'PURCHASE', 1);
    await eventually(() => expect(lastBalance(seen)).toBe('9007199254740990'));
    const idle = { active: 'idle' };
    const committing = { active: 'committing' };
    const steps = ['hydrating', 'hydrating', committing, idle, committing, idle];
    await eventually(() => expect(places(seen)).toEqual(steps));
    const events = seen.messages.flatMap((message) =>
      message.type === '@xstate.event' ? [message.event.type] : [],
    );
    expect(events).toEqual([
      'command.arrived',
      'hydrated',
      'change.committed',
      'command.arrived',
      'change.committed',
    ]);
    expect(JSON.stringify(seen.messages)).not.toContain('secret');
    expect(JSON.stringify(seen.messages)).toContain(`"sessionId":"${node.nodeId}/x:`);
  });

  it('is seen by who comes back as if he had never been away', async () => {
    const node = await start();
    const accountId = await account();
    const all = await look(node, accountId);
    const first = new AbortController();
    const response = await fetch(eventsOf(node, accountId), { signal: first.signal });
    const begun = await readEventStream(response.body!).next();
    first.abort();
    await pay(accountId, 'DEPOSIT', 5);
    await eventually(() => expect(lastBalance(all)).toBe('5'));
    const again = await look(node, accountId, { 'last-event-id': (begun.value as { id: string }).id });
    await eventually(() => expect(again.messages).toEqual(all.messages.slice(1)));
  });
});

describe('who looks', () => {
  it('is kept in the operator log, once, also where he comes back', async () => {
    const node = await start();
    const accountId = await account();
    const seen = await look(node, accountId, { 'x-paygate-operator': encodeURIComponent('Ada Lovelace') });
    await eventually(() => expect(seen.ids).toHaveLength(1));
    await look(node, accountId, { 'last-event-id': seen.ids[0]! });
    await look(node, accountId);
    const kept = (): Promise<string> =>
      cell(
        database.pool,
        `select string_agg(operator || ' ' || action, ', ' order by id) from processor.operator_log where subject = $1`,
        [accountId],
      );
    await eventually(async () => expect(await kept()).toBe('Ada Lovelace inspect, http:127.0.0.1 inspect'));
  });

  it('must be on this machine or have the token, and come from our own pages', async () => {
    const node = await start({ CONSOLE_TOKEN: 'a-token-of-some-length' });
    const accountId = await account();
    const status = async (headers: Record<string, string>): Promise<number> => {
      const response = await fetch(eventsOf(node, accountId), { headers });
      await response.body?.cancel();
      return response.status;
    };
    expect(await status({})).toBe(200);
    expect(await status({ origin: 'https://evil.example' })).toBe(401);
    expect(await status({ 'x-forwarded-for': '10.0.0.1' })).toBe(401);
    expect(await status({ 'x-forwarded-for': '10.0.0.1', authorization: 'Bearer wrong' })).toBe(401);
    expect(
      await status({ 'x-forwarded-for': '10.0.0.1', authorization: 'Bearer a-token-of-some-length' }),
    ).toBe(200);
  });

  it('must name an account', async () => {
    const node = await start();
    expect((await fetch(new URL('/inspect/nobody/events', node.address))).status).toBe(400);
  });
});

it('an open stream keeps no node from stopping', async () => {
  const node = await start();
  const seen = await look(node, await account());
  await eventually(() => expect(seen.messages).toHaveLength(1));
  expect(await node.drain()).toBe('drained');
});
