/**
 * Without these: what waits in a reader's line is taken for lost by whoever looks for lost messages, or counts as received only when it
 * is handed out, so that the wait is in no figure. Or acknowledgements go out one by one, hold up a broker that waits for them, or not at all.
 */
import { EventEmitter } from 'node:events';
import type { Channel, ConsumeMessage } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Intake } from '../../../src/infra/rabbitmq/intake.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { Delivery } from '../../../src/ports/broker.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';

/** As much of amqplib's channel as an intake uses. */
class FakeChannel extends EventEmitter {
  #onMessage: (message: ConsumeMessage) => void = () => undefined;
  #tag = 0;

  assertQueue(): Promise<void> {
    return Promise.resolve();
  }

  prefetch(): Promise<void> {
    return Promise.resolve();
  }

  consume(_queue: string, onMessage: (message: ConsumeMessage) => void): Promise<void> {
    this.#onMessage = onMessage;
    return Promise.resolve();
  }

  /** The highest tag acknowledged with all before it, each time. */
  readonly acknowledged: number[] = [];

  ack({ fields }: { readonly fields: { readonly deliveryTag: number } }): void {
    this.acknowledged.push(fields.deliveryTag);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  deliver(): void {
    this.#tag += 1;
    const fields = { deliveryTag: this.#tag, redelivered: false };
    this.#onMessage({ content: Buffer.from('{}'), fields, properties: {} } as unknown as ConsumeMessage);
  }
}

async function reading(windowMax = 4_000) {
  const channel = new FakeChannel();
  const clock = new FakeClock();
  const deliveries: Delivery[] = [];
  const intake = new Intake(channel as unknown as Channel, {
    queue: 'transactions_queue',
    windowMax: () => windowMax,
    prefetch: 'live',
    clock,
    logger: new QuietLogger(),
    onDelivery: (delivery) => deliveries.push(delivery),
    lost: (reason) => {
      throw reason;
    },
  });
  await intake.start();
  return { channel, clock, intake, deliveries };
}

const BURST = LIMITS.deliveriesPerTurnMax + 3;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('what came and has not been handed out is counted, until it is', async () => {
  const { channel, intake, deliveries } = await reading();
  for (let n = 0; n < BURST; n += 1) channel.deliver();
  expect([deliveries.length, intake.waiting, intake.unacknowledged]).toEqual([BURST - 3, 3, BURST]);
  await turn();
  expect([deliveries.length, intake.waiting]).toEqual([BURST, 0]);
});

it('a delivery is received when it comes, however long it waits in the line', async () => {
  const { channel, clock, deliveries } = await reading();
  const cameAtMs = clock.now();
  for (let n = 0; n < BURST; n += 1) channel.deliver();
  clock.advance(120);
  await turn();
  expect(new Set(deliveries.map(({ receivedAtMs }) => receivedAtMs))).toEqual(new Set([cameAtMs]));
});

describe('acknowledgements', () => {
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function settled(count: number, world: Awaited<ReturnType<typeof reading>>): Promise<void> {
    const before = world.deliveries.length;
    for (let n = 0; n < count; n += 1) world.channel.deliver();
    for (const delivery of world.deliveries.slice(before)) delivery.ack();
    await vi.advanceTimersByTimeAsync(0);
  }

  it('go out together, soon where there are few, and gather after many', async () => {
    const world = await reading();
    await settled(1, world);
    await settled(50, world);
    expect(world.channel.acknowledged).toEqual([1, 51]);
    await settled(1, world);
    await settled(1, world);
    expect(world.channel.acknowledged).toEqual([1, 51]);
    await vi.advanceTimersByTimeAsync(LIMITS.ackGatherMsMax);
    expect(world.channel.acknowledged).toEqual([1, 51, 53]);
  });

  it('go at once where the broker has delivered all it may', async () => {
    const world = await reading(60);
    await settled(50, world);
    for (let n = 0; n < 60; n += 1) world.channel.deliver();
    world.deliveries[50]?.ack();
    await vi.advanceTimersByTimeAsync(0);
    expect(world.channel.acknowledged).toEqual([50, 51]);
  });

  it('go before the channel closes, and never after it', async () => {
    const world = await reading();
    await settled(50, world);
    await settled(1, world);
    await world.intake.close();
    expect(world.channel.acknowledged).toEqual([50, 51]);
    const other = await reading();
    await settled(50, other);
    await settled(1, other);
    other.intake.abandon();
    await vi.advanceTimersByTimeAsync(LIMITS.ackGatherMsMax);
    expect(other.channel.acknowledged).toEqual([50]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
