/**
 * Without these, a broker that is killed, frozen, out of memory or not there yet could lose messages, kill the process with an unhandled
 * error, or leave a node that never reads again. Has a broker of its own.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { RabbitInboundQueues } from '../../src/infra/rabbitmq/inbound-queues.ts';
import { RabbitPublisher } from '../../src/infra/rabbitmq/publisher.ts';
import { controlBroker, startServers, type RunningServers } from '../../src/infra/services/index.ts';
import { LIMITS } from '../../src/limits.ts';
import { linkOptions, numbered, publishBodies, Recorder } from '../support/broker-scene.ts';
import { eventually } from '../support/services.ts';

const QUEUE = 'transactions_queue';
const DEAD_LETTER = { queue: 'system_dlq', body: Buffer.from('x'), headers: {} } as const;

let servers: RunningServers<'rabbitmq'>;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  servers = await startServers({ env: process.env, kinds: ['rabbitmq'], allowInstall: true });
});

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

afterAll(() => servers.stop());

function openQueues() {
  const options = linkOptions(servers.rabbitmq.url);
  const queues = new RabbitInboundQueues(options);
  closers.push(() => queues.close());
  return { queues, logger: options.logger };
}

it('a killed broker gives everything persistent again, and reading goes on by itself', async () => {
  await publishBodies(servers.rabbitmq.url, QUEUE, numbered(300), { persistent: true });
  const recorder = new Recorder(({ redelivered }) => !redelivered);
  const { queues, logger } = openQueues();
  const publisher = new RabbitPublisher(linkOptions(servers.rabbitmq.url));
  closers.push(() => publisher.close());
  const subscription = await queues.consume(recorder.of(QUEUE, 1_000));
  await eventually(() => expect(recorder.deliveries.length).toBeGreaterThanOrEqual(LIMITS.windowStart));
  const old = [...recorder.deliveries];

  await servers.rabbitmq.stop('killed');
  await eventually(() => expect(queues.state()).not.toBe('up'));
  expect(subscription.unacknowledged()).toBe(0);
  for (const delivery of old) delivery.ack();
  await expect(publisher.publish(DEAD_LETTER)).rejects.toMatchObject({ name: 'PublishError' });
  await servers.rabbitmq.start();

  // After a crash the broker no longer knows what it had delivered: not marked as redelivered, so acknowledged here by hand.
  await eventually(() => {
    const again = recorder.deliveries.slice(old.length);
    for (const delivery of again) delivery.ack();
    expect(new Set(again.map(({ body }) => body.toString())).size).toBe(300);
  });
  await eventually(() => expect(subscription.unacknowledged()).toBe(0));
  await eventually(() => expect(publisher.state()).toBe('up'));
  await publisher.publish(DEAD_LETTER);
  expect(queues.state()).toBe('up');
  expect(logger.messages('error')).toEqual([]);
  // One line per kind of failure, not one per try: how many kinds there are depends on how the broker comes up.
  const reasons = logger.entries.map(({ fields }) => fields['reason']);
  expect(reasons.length).toBeGreaterThan(0);
  expect(reasons.filter((reason, n) => reason === reasons[n - 1])).toEqual([]);
});

it('a broker that is away at the start is waited for', async () => {
  await servers.rabbitmq.stop('orderly');
  const recorder = new Recorder();
  const { queues } = openQueues();
  const consuming = queues.consume(recorder.of(QUEUE));
  await eventually(() => expect(queues.state()).toBe('down'));
  await servers.rabbitmq.start();
  await consuming;
  await publishBodies(servers.rabbitmq.url, QUEUE, ['hello']);
  await eventually(() => expect(recorder.bodies).toContain('hello'));
});

it('a memory alarm blocks publications, which reject at once; reading and acknowledging go on', async () => {
  const control = servers.brokerControl;
  if (control === null) throw new Error('the broker of this test has a rabbitmqctl');
  await publishBodies(servers.rabbitmq.url, QUEUE, numbered(50));
  const publisher = new RabbitPublisher(linkOptions(servers.rabbitmq.url));
  closers.push(() => publisher.close());
  await eventually(() => expect(publisher.state()).toBe('up'));
  await publisher.publish(DEAD_LETTER);
  await controlBroker(control, ['set_vm_memory_high_watermark', '0.00001']);
  try {
    await eventually(async () => {
      // The broker tells a connection when it publishes; this one stays without confirm until the alarm is over.
      publisher.publish(DEAD_LETTER).catch(() => undefined);
      expect(publisher.state()).toBe('blocked');
      await expect(publisher.publish(DEAD_LETTER)).rejects.toMatchObject({ failure: 'blocked' });
    });
    const recorder = new Recorder();
    const subscription = await openQueues().queues.consume(recorder.of(QUEUE));
    await eventually(() => expect(recorder.deliveries).toHaveLength(50));
    await eventually(() => expect(subscription.unacknowledged()).toBe(0));
  } finally {
    await controlBroker(control, ['set_vm_memory_high_watermark', '0.4']);
  }
  await eventually(() => expect(publisher.state()).toBe('up'));
  await publisher.publish(DEAD_LETTER);
});

it('a frozen broker is noticed by its missing heartbeats, and closing does not wait for it', async () => {
  const { queues } = openQueues();
  await queues.consume(new Recorder().of(QUEUE));
  await servers.rabbitmq.pause();
  try {
    await eventually(() => expect(queues.state()).not.toBe('up'));
    const closing = queues.close();
    await closing;
  } finally {
    await servers.rabbitmq.resume();
  }
});
