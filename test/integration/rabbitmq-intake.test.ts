/**
 * Without these, intake could lose messages, acknowledge what is not settled, stop for ever behind one stuck message or a dead
 * channel, change the order of a queue, or read a queue that somebody else reads.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { RabbitInboundQueues } from '../../src/infra/rabbitmq/inbound-queues.ts';
import { queueStatus } from '../../src/infra/rabbitmq/queue-status.ts';
import { controlBroker, deleteVhost } from '../../src/infra/services/broker-control.ts';
import { LIMITS } from '../../src/limits.ts';
import { linkOptions, numbered, publishBodies, Recorder } from '../support/broker-scene.ts';
import { eventually, freshVhost, type TestPlace } from '../support/services.ts';

const QUEUE = 'transactions_queue';
let vhost: TestPlace;
const opened: RabbitInboundQueues[] = [];

beforeAll(async () => {
  vhost = await freshVhost();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((queues) => queues.close()));
  // What a test left in the queue is not for the next one.
  const drain = open();
  const recorder = new Recorder();
  await drain.queues.consume(recorder.of(QUEUE));
  await messagesReady(0);
  await drain.queues.close();
});

afterAll(() => vhost.drop());

function open(url = vhost.url) {
  const options = linkOptions(url);
  const queues = new RabbitInboundQueues(options);
  opened.push(queues);
  return { queues, logger: options.logger };
}

async function depth(url = vhost.url): Promise<{ messages: number; consumers: number }> {
  const status = (await queueStatus(url, [QUEUE])).get(QUEUE);
  if (status == null) throw new Error('the queue is missing');
  return status;
}

/** The broker puts unacknowledged messages back a moment after it has closed their channel. */
async function messagesReady(count: number): Promise<void> {
  await eventually(async () => expect((await depth()).messages).toBe(count));
}

describe('consuming', () => {
  it('takes 20,000 messages in order and leaves none', async () => {
    await publishBodies(vhost.url, QUEUE, numbered(20_000));
    const recorder = new Recorder();
    const { queues } = open();
    const subscription = await queues.consume(recorder.of(QUEUE, 4_000));
    await eventually(() => expect(recorder.deliveries).toHaveLength(20_000));
    expect(recorder.bodies).toEqual(numbered(20_000));
    await eventually(() => expect(subscription.unacknowledged()).toBe(0));
    await subscription.close();
    await eventually(async () => expect(await depth()).toEqual({ messages: 0, consumers: 0 }));
  });

  it('goes on behind a message that is never settled, far beyond the window', async () => {
    await publishBodies(vhost.url, QUEUE, numbered(2_000));
    const recorder = new Recorder(({ body }) => body.toString() === '3');
    const { queues } = open();
    const subscription = await queues.consume(recorder.of(QUEUE, 50));
    await eventually(() => expect(recorder.deliveries).toHaveLength(2_000));
    await eventually(() => expect(subscription.unacknowledged()).toBe(1));
    await subscription.close();
    await messagesReady(1);
  });

  it('survives a consumer that throws: the channel stays, the message is not lost', async () => {
    await publishBodies(vhost.url, QUEUE, numbered(10));
    const recorder = new Recorder();
    const { queues, logger } = open();
    const consumption = recorder.of(QUEUE);
    const subscription = await queues.consume({
      ...consumption,
      onDelivery: (delivery) => {
        if (delivery.body.toString() === '4') throw new Error('poison');
        consumption.onDelivery(delivery);
      },
    });
    await eventually(() => expect(recorder.deliveries).toHaveLength(9));
    await eventually(() => expect(subscription.unacknowledged()).toBe(1));
    expect(logger.messages('error')).toHaveLength(1);
    await subscription.close();
    await messagesReady(1);
  });

  it('takes a second acknowledgement for nothing', async () => {
    await publishBodies(vhost.url, QUEUE, numbered(50));
    const recorder = new Recorder();
    const { queues, logger } = open();
    const subscription = await queues.consume(recorder.of(QUEUE));
    await eventually(() => expect(recorder.deliveries).toHaveLength(50));
    await eventually(() => expect(subscription.unacknowledged()).toBe(0));
    for (const delivery of recorder.deliveries) delivery.ack();
    await publishBodies(vhost.url, QUEUE, ['after']);
    await eventually(() => expect(recorder.bodies.at(-1)).toBe('after'));
    await queues.close();
    expect(logger.entries).toEqual([]);
  });
});

describe('the window', () => {
  it('doubles while it is full, and a large body halves it', async () => {
    await publishBodies(vhost.url, QUEUE, numbered(LIMITS.windowStart + 100));
    const recorder: Recorder = new Recorder(() => recorder.deliveries.length <= LIMITS.windowStart);
    const { queues } = open();
    const reader = await queues.consume(recorder.of(QUEUE, 4_000));
    await eventually(() => expect(recorder.deliveries).toHaveLength(LIMITS.windowStart));
    expect(reader.window()).toBe(LIMITS.windowStart);
    for (const delivery of [...recorder.deliveries]) delivery.ack();
    await eventually(() => expect(reader.window()).toBe(2 * LIMITS.windowStart));
    await publishBodies(vhost.url, QUEUE, [Buffer.alloc(LIMITS.largeBodyBytes + 1)]);
    // As many as fit, where that is less than half.
    await eventually(() => expect(reader.window()).toBeLessThanOrEqual(LIMITS.windowStart));
  });
});

describe('a queue that somebody else reads', () => {
  it('is waited for, said once, and read from the first unacknowledged message on when the other is gone', async () => {
    await publishBodies(vhost.url, QUEUE, numbered(20));
    const first = new Recorder(({ body }) => Number(body.toString()) >= 5);
    const holder = open();
    const held = await holder.queues.consume(first.of(QUEUE));
    await eventually(() => expect(first.deliveries).toHaveLength(20));

    const second = new Recorder();
    const waiter = open();
    const waiting = waiter.queues.consume(second.of(QUEUE));
    await eventually(() => expect(waiter.logger.messages('warn')).toHaveLength(1));
    expect(waiter.logger.messages('warn')).toEqual([
      'another reader holds transactions_queue: waiting until its connection is gone (a node that leaves; if it is the old processor, stop it)',
    ]);
    expect(waiter.queues.state()).toBe('connecting');
    await held.close();
    await waiting;
    await eventually(() => expect(second.deliveries).toHaveLength(15));
    expect(second.bodies).toEqual(numbered(15, 5));
    expect(waiter.queues.state()).toBe('up');
    expect(waiter.logger.messages('warn')).toHaveLength(1);
  });
});

describe.skipIf(inject('servers').brokerControl === null)('with rabbitmqctl', () => {
  const control = inject('servers').brokerControl!;

  it('comes back after its connection was closed; acknowledging on the old channel is harmless', async () => {
    await publishBodies(vhost.url, QUEUE, numbered(10));
    const recorder = new Recorder(({ redelivered }) => !redelivered);
    const { queues, logger } = open();
    const subscription = await queues.consume(recorder.of(QUEUE));
    await eventually(() => expect(recorder.deliveries).toHaveLength(10));
    const old = [...recorder.deliveries];
    const vhostName = new URL(vhost.url).pathname.slice(1);
    await controlBroker(control, ['close_all_connections', '-p', vhostName, 'test']);
    await eventually(() => expect(logger.messages('warn').length).toBeGreaterThan(0));
    for (const delivery of old) delivery.ack();
    await eventually(() => expect(recorder.deliveries).toHaveLength(20));
    for (const delivery of old) delivery.ack();
    await eventually(() => expect(subscription.unacknowledged()).toBe(0));
    expect(recorder.bodies.slice(10)).toEqual(numbered(10));
    expect(logger.messages('error')).toEqual([]);
    expect(queues.state()).toBe('up');
  });

  it('comes back after its queue was deleted', async () => {
    const recorder = new Recorder();
    const { queues, logger } = open();
    await queues.consume(recorder.of(QUEUE));
    const vhostName = new URL(vhost.url).pathname.slice(1);
    await controlBroker(control, ['delete_queue', '-p', vhostName, QUEUE]);
    await eventually(() => expect(logger.messages('warn').length).toBeGreaterThan(0));
    await eventually(async () => expect((await depth()).consumers).toBe(1));
    await publishBodies(vhost.url, QUEUE, ['again']);
    await eventually(() => expect(recorder.bodies).toEqual(['again']));
  });

  it('reads with a fixed window where queues are quorum queues by default, which refuse the other', async () => {
    const name = `quorum-${randomBytes(4).toString('hex')}`;
    await controlBroker(control, ['add_vhost', name, '--default-queue-type', 'quorum']);
    await controlBroker(control, ['set_permissions', '-p', name, control.user, '.*', '.*', '.*']);
    const url = new URL(vhost.url);
    url.pathname = `/${name}`;
    try {
      await publishBodies(url.href, QUEUE, numbered(1_500));
      const recorder = new Recorder();
      const { queues, logger } = open(url.href);
      await queues.consume(recorder.of(QUEUE));
      await eventually(() => expect(recorder.deliveries).toHaveLength(1_500));
      expect(logger.messages('warn').join()).toContain('going on with a fixed intake window');
      await queues.close();
    } finally {
      await deleteVhost(control, name);
    }
  });
});
