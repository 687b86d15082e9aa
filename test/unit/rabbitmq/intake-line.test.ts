/**
 * Without these: what waits in a reader's line is taken for lost by whoever looks for lost messages, or counts as received only when it
 * is handed out, so that the wait is in no figure.
 */
import { EventEmitter } from 'node:events';
import type { Channel, ConsumeMessage } from 'amqplib';
import { expect, it } from 'vitest';
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

  ack(): void {
    // The broker says nothing to it.
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

async function reading() {
  const channel = new FakeChannel();
  const clock = new FakeClock();
  const deliveries: Delivery[] = [];
  const intake = new Intake(channel as unknown as Channel, {
    queue: 'transactions_queue',
    windowMax: () => 4_000,
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
