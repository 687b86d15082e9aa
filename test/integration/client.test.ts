/**
 * Without this: a producer believes that something was published which nobody has, or a consumer loses events that it failed to
 * handle; and the example in the documentation is one that does not run.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import amqp from 'amqplib';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connectProducer, consumeEvents, MessageError, PublishError } from '../../src/client/index.ts';
import type { PaygateEvent } from '../../src/client/index.ts';
import { controlBroker } from '../../src/infra/services/broker-control.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { TcpProxy } from '../cluster/support/tcp-proxy.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { newAccount } from '../support/ledger-fixtures.ts';
import { eventually, freshRedis, freshVhost } from '../support/services.ts';
import type { TestPlace } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';
import { configOf, messagesIn } from './node-scene.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const database = useDatabase('of the file');

const payment = (accountId: string) => ({
  accountId,
  type: 'DEPOSIT' as const,
  amountCents: 1_000n,
  idempotencyKey: randomUUID(),
});

describe('with a node', () => {
  let vhost: TestPlace;
  let redis: TestPlace;
  let node: RunningNode;

  beforeAll(async () => {
    [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
    const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
    node = await startNode(configOf(place), { logger: new QuietLogger() });
  });

  afterAll(async () => {
    await node.drain();
    await Promise.all([vhost.drop(), redis.drop()]);
  });

  it('examples/payments.ts passes the compiler and runs against the built package', async () => {
    const accountId = await newAccount(database.pool);
    const types = await execa('npx', ['tsc', '-p', 'examples'], { cwd: ROOT, reject: false });
    expect(types.stdout).toBe('');
    const { stdout } = await execa(
      process.execPath,
      ['--import', './test/support/typescript-loader.mjs', 'examples/payments.ts', accountId],
      { cwd: ROOT, env: { RABBITMQ_URL: vhost.url } },
    );
    expect(stdout.split('\n')).toEqual([
      'DEPOSIT approved: 10000 cents, balance 10000',
      'PURCHASE approved: -2500 cents, balance 7500',
      'REFUND approved: 1250 cents, balance 8750',
    ]);
    const control = inject('servers').brokerControl;
    if (control === null) return;
    const vhostName = decodeURIComponent(new URL(vhost.url).pathname.slice(1));
    const list = ['list_queues', '--quiet', '--vhost', vhostName, 'name'];
    const ours = (await controlBroker(control, list))
      .split('\n')
      .filter((name) => !/_(queue|dlq)$/.test(name));
    expect(
      ours.filter((name) => !name.startsWith('inbox.')),
      'the example leaves no queue behind',
    ).toEqual(['name']);
  });

  it('the same payment published again is carried out once, and a requested balance is in Redis', async () => {
    const accountId = await newAccount(database.pool);
    const producer = await connectProducer({ url: vhost.url });
    const deposit = { ...payment(accountId), transactionId: randomUUID() };
    await Promise.all([producer.publish(deposit), producer.publish(deposit)]);
    await producer.requestBalance({ accountId, forceRecalculation: true });
    await eventually(async () => {
      const { rows } = await database.pool.query(
        'select type, status, amount_cents from transactions where account_id = $1',
        [accountId],
      );
      expect(rows).toEqual([{ type: 'DEPOSIT', status: 'APPROVED', amount_cents: '1000' }]);
    });
    await producer.close();
    expect(await producer.closed).toBeNull();
  });
});

describe('with a broker alone', () => {
  let vhost: TestPlace;

  beforeAll(async () => {
    vhost = await freshVhost();
  });
  afterAll(() => vhost.drop());

  it('what is published is persistent JSON in transactions_queue, in order', async () => {
    const accountId = randomUUID();
    const producer = await connectProducer({ url: vhost.url });
    const ids = Array.from({ length: 50 }, () => randomUUID());
    await Promise.all(ids.map((transactionId) => producer.publish({ ...payment(accountId), transactionId })));
    const messages = await messagesIn(vhost.url, 'transactions_queue');
    expect(
      messages.map(
        ({ content }) => (JSON.parse(content.toString()) as { transaction_id: string }).transaction_id,
      ),
    ).toEqual(ids);
    for (const { properties } of messages)
      expect(properties).toMatchObject({ deliveryMode: 2, contentType: 'application/json' });
    await producer.close();
    await expect(producer.publish(payment(accountId))).rejects.toThrow(PublishError);
  });

  it('what the processor would refuse is not sent, and the reason names the field', async () => {
    const producer = await connectProducer({ url: vhost.url });
    const good = payment(randomUUID());
    for (const bad of [
      { ...good, amountCents: 2n ** 53n },
      { ...good, amountCents: 10.5 },
      { ...good, amountCents: 0 },
      { ...good, accountId: 'nobody' },
      { ...good, idempotencyKey: '' },
      { ...good, occurredAt: '2026-02-30T00:00:00Z' },
    ])
      await expect(producer.publish(bad)).rejects.toThrow(MessageError);
    await expect(producer.publish({ ...good, amountCents: 10.5 })).rejects.toThrow('$.amount_cents');
    expect(await messagesIn(vhost.url, 'transactions_queue')).toEqual([]);
    await producer.close();
  });

  it('a failed event comes again to the next consumer, and nothing behind it is handled', async () => {
    const queue = `test.${randomUUID()}`;
    const events = [1, 2, 3].map(balanceEvent);
    const handled: number[] = [];
    const first = await consumeEvents({
      url: vhost.url,
      queue,
      types: ['balance.updated'],
      onEvent: async (event) => {
        // An acknowledgement that came too early has left by then.
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (event.seq === 2) throw new Error('no room');
        handled.push(event.seq);
      },
    });
    const ended = expect(first.closed).rejects.toThrow('no room');
    await tell(
      vhost.url,
      events.map((event) => JSON.stringify(event)),
    );
    await ended;
    expect(handled).toEqual([1]);

    const again: PaygateEvent[] = [];
    const second = await consumeEvents({ url: vhost.url, queue, onEvent: (event) => void again.push(event) });
    await eventually(() => expect(again).toEqual(events.slice(1)));
    await second.close();
    await second.closed;
    expect(await left(vhost.url, queue)).toBe(0);
  });

  it('a message with several events is acknowledged when all of them were handled', async () => {
    const queue = `test.${randomUUID()}`;
    const events = [1, 2, 3].map(balanceEvent);
    const handled: number[] = [];
    const onEvent = (event: PaygateEvent): void => {
      handled.push(event.seq);
      if (handled.length === 2) throw new Error('no room');
    };
    const first = await consumeEvents({ url: vhost.url, queue, types: ['balance.updated'], onEvent });
    const ended = expect(first.closed).rejects.toThrow('no room');
    await tell(vhost.url, [events.map((event) => JSON.stringify(event)).join('\n')]);
    await ended;
    const second = await consumeEvents({ url: vhost.url, queue, onEvent });
    await eventually(() => expect(handled).toEqual([1, 2, 1, 2, 3]));
    await second.close();
    expect(await left(vhost.url, queue)).toBe(0);
  });

  it('a consumer that is closed while its last event is at hand does not get it again', async () => {
    const queue = `test.${randomUUID()}`;
    for (let round = 1; round <= 10; round += 1) {
      let resolve = (): void => undefined;
      const ended = new Promise<void>((done) => (resolve = done));
      let handled = 0;
      const consumer = await consumeEvents({
        url: vhost.url,
        queue,
        onEvent: () => {
          handled += 1;
          if (handled === 100) void consumer.close().then(() => resolve());
        },
      });
      await tell(
        vhost.url,
        Array.from({ length: 100 }, (_, seq) => JSON.stringify(balanceEvent(seq + 1))),
      );
      await ended;
      expect(await left(vhost.url, queue), `after round ${round}`).toBe(0);
    }
  });

  it('a message that is no event ends the consumer, unless somebody takes it', async () => {
    const queue = `test.${randomUUID()}`;
    const seen: string[] = [];
    const options = { url: vhost.url, queue, onEvent: () => undefined };
    const first = await consumeEvents(options);
    const ended = expect(first.closed).rejects.toThrow('$.id');
    await tell(vhost.url, ['{"type":"balance.updated"}']);
    await ended;
    const second = await consumeEvents({
      ...options,
      onUnreadable: (line) => void seen.push(line),
    });
    await eventually(() => expect(seen).toEqual(['{"type":"balance.updated"}']));
    await second.close();
    await second.closed;
  });
});

it('whoever loses the broker is told, and can be told at once when it is not there', async () => {
  const vhost = await freshVhost();
  const proxy = await TcpProxy.inFrontOf(vhost.url);
  const url = proxy.through(vhost.url);
  const producer = await connectProducer({ url });
  const consumer = await consumeEvents({ url, queue: 'mine', onEvent: () => undefined });
  const lost = expect(consumer.closed).rejects.toThrow();
  proxy.cut('reset');
  await lost;
  expect(await producer.closed).toBeInstanceOf(Error);
  await expect(producer.publish(payment(randomUUID()))).rejects.toThrow(PublishError);
  await expect(connectProducer({ url })).rejects.toThrow();
  await expect(consumeEvents({ url, queue: 'mine', onEvent: () => undefined })).rejects.toThrow();
  await proxy.close();
  await vhost.drop();
});

function balanceEvent(seq: number): PaygateEvent {
  return {
    id: randomUUID(),
    schema_version: 1,
    time: '2026-11-22T10:40:01.000000Z',
    account_id: randomUUID(),
    type: 'balance.updated',
    seq,
    balance_cents: 5,
  };
}

async function withChannel<T>(url: string, use: (channel: amqp.Channel) => Promise<T>): Promise<T> {
  const connection = await amqp.connect(url);
  const result = await use(await connection.createChannel());
  await connection.close();
  return result;
}

function tell(url: string, bodies: readonly string[]): Promise<void> {
  return withChannel(url, async (channel) => {
    for (const body of bodies) channel.publish('paygate.events', 'balance.updated', Buffer.from(body));
    await channel.checkExchange('paygate.events');
  });
}

const left = (url: string, queue: string): Promise<number> =>
  withChannel(url, async (channel) => (await channel.checkQueue(queue)).messageCount);
