import amqp from 'amqplib';
import { EVENTS_EXCHANGE, eventSchema, eventsIn } from '../../src/contracts/events.ts';
import type { EventOf, EventType, PaygateEvent } from '../../src/contracts/events.ts';

export interface ReceivedEvent {
  readonly event: PaygateEvent;
  /** As it came. */
  readonly line: string;
  /** Of its message, as the two below. */
  readonly linesInMessage: number;
  readonly routingKey: string;
  readonly properties: amqp.MessagePropertyHeaders & amqp.Message['properties'];
}

/** A durable queue that is bound to all events, as a consumer would have it; remembers everything that came, in order. */
export class EventQueue {
  readonly #url: string;
  readonly #name = 'consumer-of-events';
  readonly received: ReceivedEvent[] = [];

  private constructor(url: string) {
    this.#url = url;
  }

  static async bind(url: string): Promise<EventQueue> {
    const queue = new EventQueue(url);
    await queue.bind();
    return queue;
  }

  async bind(): Promise<void> {
    await this.#with(async (channel) => {
      await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
      await channel.assertQueue(this.#name, { durable: true });
      await channel.bindQueue(this.#name, EVENTS_EXCHANGE, '#');
    });
  }

  /** Everything so far. Throws where one is not as the contract says. */
  async events(): Promise<readonly PaygateEvent[]> {
    await this.#with(async (channel) => {
      for (;;) {
        const message = await channel.get(this.#name, { noAck: true });
        if (message === false) break;
        const lines = eventsIn(message.content);
        for (const line of lines) {
          this.received.push({
            event: eventSchema.parse(JSON.parse(line)),
            line,
            linesInMessage: lines.length,
            routingKey: message.fields.routingKey,
            properties: message.properties,
          });
        }
      }
    });
    return this.received.map(({ event }) => event);
  }

  async of<T extends EventType>(type: T): Promise<readonly EventOf<T>[]> {
    const isOfType = (event: PaygateEvent): event is EventOf<T> => event.type === type;
    return (await this.events()).filter(isOfType);
  }

  async #with(work: (channel: amqp.Channel) => Promise<void>): Promise<void> {
    const connection = await amqp.connect(this.#url);
    connection.on('error', () => undefined);
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      await work(channel);
    } finally {
      await connection.close().catch(() => undefined);
    }
  }
}
