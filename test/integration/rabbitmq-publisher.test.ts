/**
 * Without these, a dead letter could be counted as published that the broker never kept, or a publication could wait for ever.
 */
import amqp from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEAD_LETTER_QUEUES } from '../../src/contracts/queues.ts';
import { PublishError } from '../../src/infra/rabbitmq/publish-error.ts';
import { RabbitPublisher } from '../../src/infra/rabbitmq/publisher.ts';
import { queueStatus } from '../../src/infra/rabbitmq/queue-status.ts';
import { linkOptions, publishBodies } from '../support/broker-scene.ts';
import { eventually, freshVhost, type TestPlace } from '../support/services.ts';

const MESSAGE = {
  queue: 'transactions_dlq',
  body: Buffer.from('{"original":"bytes"}'),
  headers: { 'x-reason': 'MESSAGE_INVALID', 'x-attempts': 3 },
} as const;

let vhost: TestPlace;
const opened: RabbitPublisher[] = [];

beforeAll(async () => {
  vhost = await freshVhost();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((publisher) => publisher.close()));
});
afterAll(() => vhost.drop());

async function up(): Promise<RabbitPublisher> {
  const publisher = new RabbitPublisher(linkOptions(vhost.url));
  opened.push(publisher);
  await eventually(() => expect(publisher.state()).toBe('up'));
  return publisher;
}

async function withChannel<T>(work: (channel: amqp.Channel) => Promise<T>): Promise<T> {
  const connection = await amqp.connect(vhost.url);
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

describe('publishing', () => {
  it('keeps the bytes and the headers, and is persistent', async () => {
    const publisher = await up();
    await publisher.publish(MESSAGE);
    const got = await withChannel((channel) => channel.get('transactions_dlq', { noAck: true }));
    if (got === false) throw new Error('nothing was published');
    expect(got.content).toEqual(MESSAGE.body);
    expect(got.properties.headers).toEqual(MESSAGE.headers);
    expect(got.properties.deliveryMode).toBe(2);
  });

  it('declares the dead letter queues without arguments, as anybody else would', async () => {
    await up();
    await withChannel(async (channel) => {
      for (const queue of DEAD_LETTER_QUEUES) await channel.assertQueue(queue, { durable: true });
    });
  });

  it('rejects what comes back because the queue is gone, and declares the queue again', async () => {
    const publisher = await up();
    await withChannel((channel) => channel.deleteQueue('transactions_dlq'));
    await expect(publisher.publish(MESSAGE)).rejects.toMatchObject({ failure: 'returned' });
    await publisher.publish(MESSAGE);
    expect(publisher.state()).toBe('up');
    expect((await queueStatus(vhost.url, ['transactions_dlq'])).get('transactions_dlq')?.messages).toBe(1);
  });

  it('takes thousands at once', async () => {
    const publisher = await up();
    await withChannel((channel) => channel.purgeQueue('balance_dlq'));
    const body = Buffer.alloc(3_000, 'x');
    await Promise.all(
      Array.from({ length: 5_000 }, () => publisher.publish({ queue: 'balance_dlq', body, headers: {} })),
    );
    expect((await queueStatus(vhost.url, ['balance_dlq'])).get('balance_dlq')?.messages).toBe(5_000);
  });
});

describe('without a connection', () => {
  it('rejects at once: before it is up, after it was closed, where nobody listens', async () => {
    const early = new RabbitPublisher(linkOptions(vhost.url));
    opened.push(early);
    await expect(early.publish(MESSAGE)).rejects.toMatchObject({ failure: 'disconnected' });

    const orderly = linkOptions(vhost.url);
    const closed = new RabbitPublisher(orderly);
    await eventually(() => expect(closed.state()).toBe('up'));
    await closed.close();
    expect(orderly.logger.entries).toEqual([]);
    await expect(closed.publish(MESSAGE)).rejects.toBeInstanceOf(PublishError);

    const options = linkOptions('amqp://guest:guest@127.0.0.1:1');
    const nowhere = new RabbitPublisher(options);
    opened.push(nowhere);
    await eventually(() => expect(options.logger.messages('warn').length).toBeGreaterThan(0));
    await expect(nowhere.publish(MESSAGE)).rejects.toMatchObject({ failure: 'disconnected' });
    expect(JSON.stringify(options.logger.entries)).not.toContain('guest');
  });
});

describe('the status of queues', () => {
  it('counts messages and readers, and knows what is missing, over a connection of its own or the present one', async () => {
    const publisher = await up();
    await publishBodies(vhost.url, 'refund_queue', ['a', 'b']);
    const expected = new Map([
      ['refund_queue', { messages: 2, consumers: 0 }],
      ['retry_queue', null],
    ]);
    expect(await queueStatus(vhost.url, ['refund_queue', 'retry_queue'])).toEqual(expected);
    expect(await publisher.queueStatus(['refund_queue', 'retry_queue'])).toEqual(expected);
    await publisher.publish(MESSAGE);
  });

  it('rejects while the broker is away', async () => {
    await expect(queueStatus('amqp://guest:guest@127.0.0.1:1', ['refund_queue'])).rejects.toThrow();
  });
});
