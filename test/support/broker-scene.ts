import amqp from 'amqplib';
import { SystemClock, systemRandom } from '../../src/infra/system-clock.ts';
import type { InboundQueue } from '../../src/contracts/queues.ts';
import type { ReaderOptions } from '../../src/infra/rabbitmq/queue-reader.ts';
import { startConnection } from '../../src/machines/connection-machine.ts';
import type { Consumption, Delivery } from '../../src/ports/broker.ts';
import { QuietLogger } from './fakes/quiet.ts';

/** What the tests of the RabbitMQ adapters share: options, a producer like the Go API, a consumer that remembers. */

export function linkOptions(
  url: string,
  name = 'test-node',
): ReaderOptions & { readonly logger: QuietLogger } {
  return {
    url,
    name,
    logger: new QuietLogger(),
    clock: new SystemClock(),
    random: systemRandom,
    startConnection,
  };
}

/** Declares the queue as the Go API does and publishes these bodies, confirmed. */
export async function publishBodies(
  url: string,
  queue: string,
  bodies: readonly (string | Buffer)[],
  options: { readonly persistent: boolean } = { persistent: false },
): Promise<void> {
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true });
  for (const body of bodies) {
    const hasRoom = channel.sendToQueue(queue, Buffer.from(body), options);
    if (!hasRoom) await new Promise((resolve) => channel.once('drain', resolve));
  }
  await channel.waitForConfirms();
  await channel.close();
  await connection.close();
}

export function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index));
}

/** Remembers deliveries in order; acknowledges them unless told to keep them. */
export class Recorder {
  readonly deliveries: Delivery[] = [];
  readonly #keeps: (delivery: Delivery) => boolean;

  constructor(keeps: (delivery: Delivery) => boolean = () => false) {
    this.#keeps = keeps;
  }

  get bodies(): string[] {
    return this.deliveries.map((delivery) => delivery.body.toString());
  }

  of(queue: InboundQueue, windowMax = 2_000): Consumption {
    return {
      queue,
      windowMax: () => windowMax,
      onDelivery: (delivery) => {
        this.deliveries.push(delivery);
        if (!this.#keeps(delivery)) delivery.ack();
      },
    };
  }
}
