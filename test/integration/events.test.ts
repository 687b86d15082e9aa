/**
 * Events on real servers. Without this: others who build on them count a payment twice, miss one, or hear of something that was
 * never committed.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import amqp from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config.ts';
import { EVENTS_EXCHANGE } from '../../src/contracts/events.ts';
import type { PaygateEvent } from '../../src/contracts/events.ts';
import { eventId } from '../../src/domain/event-id.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { OrderClient } from '../../src/infra/rabbitmq/order-client.ts';
import { LIMITS } from '../../src/limits.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { EventQueue } from '../support/event-queue.ts';
import { addressOf, nodeProcess } from '../support/paygate.ts';
import { stateOf } from '../support/processes.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import {
  approved,
  changeOf,
  insertRow,
  ledgerOn,
  newAccount,
  newCommand,
} from '../support/ledger-fixtures.ts';
import { eventually, freshRedis, freshVhost } from '../support/services.ts';
import type { TestPlace } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';
import { cell, configOf, environmentOf, figure, publish, send } from './node-scene.ts';
import type { Place } from './node-scene.ts';

const database = useDatabase();
let vhost: TestPlace;
let redis: TestPlace;
let place: Place;
const nodes: RunningNode[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
  place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  await Promise.all([vhost.drop(), redis.drop()]);
});

async function start(settings: Environment = {}): Promise<RunningNode> {
  const node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
  nodes.push(node);
  return node;
}

interface SpawnedNode {
  readonly child: ChildProcess;
  /** Of its admin port. */
  readonly address: string;
}

/** A node in a process of its own, working. */
async function spawnNode(settings: Environment = {}): Promise<SpawnedNode> {
  const child = nodeProcess(environmentOf(place, { LOG_LEVEL: 'error', ...settings }));
  children.push(child);
  return { child, address: await addressOf(child) };
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

interface Sent {
  readonly transactionId: string;
  readonly key: string;
}

/** A message of the documented shape; a deposit of 1,000 cents unless told otherwise. */
async function pay(accountId: string, fields: Record<string, unknown> = {}): Promise<Sent> {
  const body = {
    transaction_id: randomUUID(),
    account_id: accountId,
    amount_cents: 1_000,
    transaction_type: 'DEPOSIT',
    idempotency_key: randomUUID(),
    timestamp: '2026-11-22T10:40:00Z',
    ...fields,
  };
  await publish(vhost.url, [{ queue: 'transactions_queue', body: JSON.stringify(body) }]);
  return { transactionId: body.transaction_id, key: body.idempotency_key };
}

const rows = async (table: 'journal' | 'outbox'): Promise<number> =>
  Number(await cell(database.pool, `select count(*) from processor.${table}`));

/** Until all that is decided is told. */
async function outboxEmpty(): Promise<void> {
  await eventually(async () => expect(await rows('outbox')).toBe(0));
}

/** What the journal says must be told, by id. */
async function expectedIds(): Promise<readonly string[]> {
  const { rows: decided } = await database.pool.query<{ outcome: string; account_id: string; seq: string }>(
    'select lower(outcome) as outcome, account_id, seq from processor.journal',
  );
  return decided.map(({ outcome, account_id, seq }) =>
    eventId(`transaction.${outcome} ${account_id} ${seq}`),
  );
}

function idsOf(
  events: readonly PaygateEvent[],
  ...types: readonly PaygateEvent['type'][]
): readonly string[] {
  return events.filter(({ type }) => types.includes(type)).map(({ id }) => id);
}

const DECISIONS = ['transaction.approved', 'transaction.rejected'] as const;

/** The exchange as somebody else might have made it: no node can publish, and everything else goes on. */
async function withBrokenExchange(work: () => Promise<void>): Promise<void> {
  const connection = await amqp.connect(vhost.url);
  const channel = await connection.createChannel();
  await channel.assertExchange(EVENTS_EXCHANGE, 'fanout', { durable: true });
  await work();
  await channel.deleteExchange(EVENTS_EXCHANGE);
  await connection.close();
}

describe('each type', () => {
  it('a deposit: what was decided, and the balance; persistent JSON under its type, with id and time', async () => {
    const queue = await EventQueue.bind(vhost.url);
    await start();
    const accountId = await newAccount(database.pool);
    const { transactionId } = await pay(accountId);
    await eventually(async () => expect(await queue.events()).toHaveLength(2));
    const [approvedEvent, balance] = await queue.events();
    const time = await cell(database.pool, 'select processor.event_time(decided_at) from processor.journal');
    expect(approvedEvent).toEqual({
      type: 'transaction.approved',
      id: eventId(`transaction.approved ${accountId} 1`),
      schema_version: 1,
      time,
      account_id: accountId,
      seq: 1,
      transaction_id: transactionId,
      transaction_type: 'DEPOSIT',
      amount_cents: 1_000,
      effect_cents: 1_000,
      balance_cents: 1_000,
      card_id: null,
      original_id: null,
    });
    expect(balance).toMatchObject({ type: 'balance.updated', seq: 1, balance_cents: 1_000, time });
    expect(queue.received[0]).toMatchObject({
      routingKey: 'transaction.approved',
      properties: { deliveryMode: 2, contentType: 'application/x-ndjson' },
    });
  });

  it('a refusal, a failure, a duplicate', async () => {
    const queue = await EventQueue.bind(vhost.url);
    const node = await start();
    const accountId = await newAccount(database.pool);
    const stranger = randomUUID();
    const first = await pay(accountId);
    const refused = await pay(accountId, { transaction_type: 'CHARGE', amount_cents: 5_000 });
    const failed = await pay(stranger);
    await eventually(async () => expect(await rows('journal')).toBe(2));
    const twin = await pay(accountId, { idempotency_key: first.key });
    // Another payload under a known id is a dead letter; the transaction itself has not failed.
    await pay(accountId, { transaction_id: first.transactionId, amount_cents: 7 });
    await eventually(async () => {
      expect(await queue.of('transaction.duplicate')).toHaveLength(1);
      expect(await cell(database.pool, 'select count(*) from processor.dead_letters')).toBe('2');
    });
    await outboxEmpty();
    expect(await queue.of('transaction.rejected')).toMatchObject([
      { transaction_id: refused.transactionId, reason: 'INSUFFICIENT_FUNDS', seq: 2, balance_cents: 1_000 },
    ]);
    const letterId = await cell(
      database.pool,
      'select id from processor.dead_letters where transaction_id = $1',
      [failed.transactionId],
    );
    expect(await queue.of('transaction.failed')).toMatchObject([
      {
        account_id: stranger,
        transaction_id: failed.transactionId,
        reason: 'ACCOUNT_UNKNOWN',
        attempts: 1,
        seq: 0,
        dead_letter_id: Number(letterId),
      },
    ]);
    expect(await queue.of('transaction.duplicate')).toMatchObject([
      {
        account_id: accountId,
        transaction_id: twin.transactionId,
        first_id: first.transactionId,
        seq: 2,
        id: eventId(`transaction.duplicate ${twin.transactionId} ${first.transactionId}`),
      },
    ]);
    await eventually(async () => expect(await figure(node, 'paygate_events_waiting')).toBe(0));
    expect(await figure(node, 'paygate_events_published_total{type="transaction.duplicate"}')).toBe(1);
  });

  it('a retry: one event for each try that is scheduled', async () => {
    const queue = await EventQueue.bind(vhost.url);
    await start({ RETRY_DELAY_MS: '50' });
    const accountId = await newAccount(database.pool);
    const { transactionId } = await pay(accountId, {
      transaction_type: 'REFUND',
      refund_transaction_id: randomUUID(),
    });
    const retries = await eventually(async () => {
      const told = await queue.of('transaction.retry_scheduled');
      expect(told.length).toBeGreaterThan(2);
      return told;
    });
    expect(retries.map(({ attempt }) => attempt)).toEqual(retries.map((_, index) => index + 1));
    for (const retry of retries)
      expect(retry).toMatchObject({
        transaction_id: transactionId,
        account_id: accountId,
        reason: 'ORIGINAL_UNDECIDED',
        seq: 0,
      });
  });

  it('an account that is set aside, and an operator’s adjustment', async () => {
    const queue = await EventQueue.bind(vhost.url);
    await start();
    const [broken, sound] = [await newAccount(database.pool), await newAccount(database.pool)];
    await pay(broken);
    await eventually(async () => expect(await rows('journal')).toBe(1));
    await database.pool.query('update processor.accounts set balance_cents = 999 where account_id = $1', [
      broken,
    ]);
    const request = { account_id: broken, force_recalculation: true, timestamp: '2026-11-22T10:40:00Z' };
    await publish(vhost.url, [{ queue: 'balance_calculation_queue', body: JSON.stringify(request) }]);
    await eventually(async () => expect(await queue.of('account.quarantined')).toHaveLength(1));
    expect(await queue.of('account.quarantined')).toMatchObject([{ account_id: broken, seq: 1 }]);
    const orderId = await adjust(sound, 500n);
    await eventually(async () => expect(await queue.of('balance.updated')).toHaveLength(2));
    expect((await queue.of('transaction.approved')).at(-1)).toMatchObject({
      account_id: sound,
      transaction_id: orderId,
      transaction_type: 'DEPOSIT',
      effect_cents: 500,
    });
    expect((await queue.of('balance.updated')).at(-1)).toMatchObject({
      account_id: sound,
      balance_cents: 500,
    });
    await outboxEmpty();
  });

  it('what rules say of a decision, taken over from whoever made it', async () => {
    const queue = await EventQueue.bind(vhost.url);
    await database.pool.query('update processor.cluster set opened_at = now()');
    const accountId = await newAccount(database.pool);
    const command = newCommand({ accountId });
    await insertRow(database.pool, command);
    const ledger = ledgerOn(database.url);
    const flags = ['flag:velocity', 'shadow:limit'];
    await ledger.commit([changeOf([approved(command, { flags, rulesVersion: 3 })])]);
    await ledger.close();
    await start();
    await outboxEmpty();
    expect(await queue.of('risk.flagged')).toMatchObject([
      {
        account_id: accountId,
        seq: 1,
        transaction_id: command.transactionId,
        outcome: 'APPROVED',
        flags: ['flag:velocity'],
        rules_version: 3,
      },
    ]);
  });
});

/** As an operator's command does; the order's id. */
async function adjust(accountId: string, amountCents: bigint): Promise<string> {
  const shard = shardOf(accountId, LIMITS.shardCount);
  const orderId = randomUUID();
  const action = { kind: 'adjust', amountCents } as const;
  const client = await OrderClient.open({ url: vhost.url });
  await client.place({
    orderId,
    order: {
      kind: 'account',
      command: { kind: 'operator', orderId, accountId, action, operator: 'ada', why: 'a test' },
    },
    inboxOf: () => cell(database.pool, 'select inbox from processor.shards where shard = $1', [shard]),
    deadlineMs: 60_000,
  });
  await client.close();
  return orderId;
}

describe('at least once', () => {
  it('a node killed after its commits, before it could publish: the next one tells all of it', async () => {
    await withBrokenExchange(async () => {
      const { child } = await spawnNode();
      await send(database.pool, vhost.url, { accounts: 20, balanceRequestsShare: 0 }, { transactions: 300 });
      await eventually(async () => expect(await rows('journal')).toBe(300));
      await kill(child);
    });
    expect(await rows('outbox')).toBeGreaterThan(0);
    const queue = await EventQueue.bind(vhost.url);
    await start();
    await outboxEmpty();
    const ids = idsOf(await queue.events(), ...DECISIONS);
    expect(new Set(ids)).toEqual(new Set(await expectedIds()));
  });

  it('what is published again by another node is the same to the letter', async () => {
    const queue = await EventQueue.bind(vhost.url);
    // Without a cache it can delete no row.
    const first = await start({ REDIS_URL: 'redis://127.0.0.1:1/0' });
    await send(database.pool, vhost.url, { accounts: 20, balanceRequestsShare: 0 }, { transactions: 300 });
    const accountId = await newAccount(database.pool);
    await pay(accountId, { transaction_type: 'CHARGE' });
    await eventually(async () => {
      expect(await rows('journal')).toBe(301);
      expect(await figure(first, 'paygate_events_waiting')).toBe(0);
    });
    const before = (await queue.events()).length;
    expect(await first.drain()).toBe('drained');
    await start();
    await outboxEmpty();
    await queue.events();
    const [told, again] = [queue.received.slice(0, before), queue.received.slice(before)];
    expect(again.length).toBeGreaterThan(300);
    const lines = new Map(told.map(({ event, line }) => [event.id, line]));
    for (const { event, line } of again) expect(line).toBe(lines.get(event.id));
    // A message has events of one type, in order of seq within an account; under load more than one.
    expect(Math.max(...told.map(({ linesInMessage }) => linesInMessage))).toBeGreaterThan(1);
    for (const { event, routingKey } of [...told, ...again]) expect(event.type).toBe(routingKey);
  });

  it('while nothing can be published: decisions and balances go on, rows wait, and all is told afterwards', async () => {
    // A process, so that it can stand still while the exchange is put right: what is published before the queue is bound is lost.
    let node!: SpawnedNode;
    await withBrokenExchange(async () => {
      node = await spawnNode();
      await pay(await newAccount(database.pool));
      await eventually(async () => expect(await rows('journal')).toBe(1));
      await eventually(async () => expect(await figure(node, 'paygate_cache_pending')).toBe(0));
      await eventually(async () =>
        expect(await figure(node, 'paygate_events_failed_total')).toBeGreaterThan(0),
      );
      expect(await rows('outbox')).toBe(1);
      expect((await fetch(new URL('/readyz', node.address))).status).toBe(200);
      node.child.kill('SIGSTOP');
      await eventually(() => expect(stateOf(node.child.pid ?? 0)).toBe('T'));
    });
    const queue = await EventQueue.bind(vhost.url);
    node.child.kill('SIGCONT');
    await outboxEmpty();
    expect((await queue.events()).map(({ type }) => type)).toEqual([
      'transaction.approved',
      'balance.updated',
    ]);
  });
});

describe('several nodes', () => {
  it('a hand-off: every seq of an account is told, and each balance follows from the one before', async () => {
    const queue = await EventQueue.bind(vhost.url);
    await start({ NODE_ID: 'first' });
    const sending = send(
      database.pool,
      vhost.url,
      { accounts: 10, balanceRequestsShare: 0 },
      { transactions: 1_500 },
    );
    await eventually(async () => expect(await rows('journal')).toBeGreaterThan(100));
    await start({ NODE_ID: 'second' });
    await sending;
    await eventually(async () => expect(await rows('journal')).toBe(1_500));
    await outboxEmpty();
    const decisions = (await queue.events()).filter(({ type }) => DECISIONS.includes(type as never));
    const unique = new Map(decisions.map((event) => [event.id, event]));
    expect(new Set(unique.keys())).toEqual(new Set(await expectedIds()));
    const balances = new Map<string, number>();
    const bySeq = [...unique.values()].sort((a, b) => a.seq - b.seq);
    for (const event of bySeq) {
      const before = balances.get(event.account_id) ?? 0;
      if (!('balance_cents' in event)) throw new Error('a decision without a balance');
      const effect = event.type === 'transaction.approved' ? event.effect_cents : 0;
      expect(event.balance_cents).toBe(before + effect);
      balances.set(event.account_id, event.balance_cents);
    }
  });
});

it('FEATURES without events: nothing is published, and no row waits for it', async () => {
  const queue = await EventQueue.bind(vhost.url);
  await start({ FEATURES: 'cache,metrics' });
  const accountId = await newAccount(database.pool);
  const first = await pay(accountId);
  await pay(randomUUID());
  await eventually(async () => expect(await rows('journal')).toBe(1));
  await pay(accountId, { idempotency_key: first.key });
  await pay(accountId);
  await eventually(async () => expect(await rows('journal')).toBe(2));
  await outboxEmpty();
  expect(await queue.events()).toEqual([]);
});
