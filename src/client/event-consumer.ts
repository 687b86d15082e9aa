import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { EVENTS_EXCHANGE, eventSchema, eventsIn } from '../contracts/events.ts';
import type { EventType, PaygateEvent } from '../contracts/events.ts';
import { ensureError } from '../domain/errors.ts';
import { connect, disconnect, disconnectBehind } from '../infra/rabbitmq/connect.ts';

const PREFETCH = 100;

const OF_THIS_CONSUMER = {
  exclusive: true,
  autoDelete: true,
  durable: false,
  // Whatever the vhost's default is: only classic queues are exclusive.
  arguments: { 'x-queue-type': 'classic' },
};

export interface EventConsumerOptions {
  /** amqp:// or amqps://, with credentials. */
  readonly url: string;
  /**
   * A durable queue of your own, made where it is not there: it keeps events while nobody reads it. Without it: one that is for this
   * consumer alone and gone with it, for whoever only looks.
   */
  readonly queue?: string;
  /** Without it: all of them, also those that later versions add. A queue keeps what it was once bound to. */
  readonly types?: readonly EventType[];
  /** One at a time. A message is acknowledged when this is done for all its events; where it fails, the consumer ends. */
  readonly onEvent: (event: PaygateEvent) => Promise<void> | void;
  /** A line of a message that is no event that this version knows; passed over when this is done. Without it the consumer ends. */
  readonly onUnreadable?: (line: string, why: string) => Promise<void> | void;
  /** Name of the connection in the broker's list. */
  readonly name?: string;
}

/**
 * Reads events through a queue.
 *
 * Owns one connection and does not renew it. At least once: keep the ids you have seen. Order only by `seq`, within an account.
 *
 * E1. An event that was not handled to its end stays in the queue, and comes again, with those of its message that were.
 * E2. A consumer that goes wrong ends: it never goes on behind a failed event.
 */
export interface EventConsumer {
  /**
   * Resolves after `close`; rejects when the connection was lost or a handler failed. Node ends a process that does not look at it: better
   * than one that reads no more and does not know it.
   */
  readonly closed: Promise<void>;
  /** Finishes the message at hand and leaves the rest in the queue. Idempotent. */
  close(): Promise<void>;
}

/** Rejects where the broker cannot be reached, refuses us, or has the queue with other properties. */
export async function consumeEvents(options: EventConsumerOptions): Promise<EventConsumer> {
  const model = await connect(options.url, options.name ?? 'paygate/events consumer');
  const reader = await readerOn(model, options);
  try {
    await reader.start();
    return reader;
  } catch (error) {
    // Nobody has it to look at.
    reader.closed.catch(() => undefined);
    await disconnect(model);
    throw error;
  }
}

async function readerOn(model: ChannelModel, options: EventConsumerOptions): Promise<EventReader> {
  try {
    return new EventReader(model, await model.createChannel(), options);
  } catch (error) {
    await disconnect(model);
    throw error;
  }
}

class EventReader implements EventConsumer {
  readonly closed: Promise<void>;
  readonly #model: ChannelModel;
  readonly #channel: Channel;
  readonly #options: EventConsumerOptions;
  #phase: 'reading' | 'ending' = 'reading';
  #reason: Error | null = null;
  #isGone = false;
  /** The message at hand, and those that were delivered behind it. */
  #work: Promise<void> = Promise.resolve();

  constructor(model: ChannelModel, channel: Channel, options: EventConsumerOptions) {
    this.#model = model;
    this.#channel = channel;
    this.#options = options;
    model.on('error', (error: unknown) => (this.#reason ??= ensureError(error)));
    channel.on('error', (error: unknown) => this.#fail(error));
    const gone = new Promise<void>((resolve) => {
      model.on('close', () => {
        this.#isGone = true;
        resolve();
      });
    });
    this.closed = gone.then(() => {
      if (this.#phase === 'reading') this.#reason ??= new Error('the connection to RabbitMQ was closed');
      if (this.#reason !== null) throw this.#reason;
    });
  }

  async start(): Promise<void> {
    const { types } = this.#options;
    await this.#channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
    const queue = await this.#assertQueue();
    for (const key of types ?? ['#']) await this.#channel.bindQueue(queue, EVENTS_EXCHANGE, key);
    await this.#channel.prefetch(PREFETCH);
    await this.#channel.consume(queue, (message) => {
      if (message === null) this.#fail(new Error(`the queue ${queue} was deleted`));
      else this.#work = this.#work.then(() => this.#handle(message));
    });
  }

  /** Resolves with its name. */
  async #assertQueue(): Promise<string> {
    const { queue } = this.#options;
    if (queue === undefined) return (await this.#channel.assertQueue('', OF_THIS_CONSUMER)).queue;
    await this.#channel.assertQueue(queue, { durable: true });
    return queue;
  }

  async close(): Promise<void> {
    this.#phase = 'ending';
    await this.#work;
    await disconnectBehind(this.#channel, this.#model);
  }

  async #handle(message: ConsumeMessage): Promise<void> {
    if (this.#phase === 'ending') return;
    try {
      for (const line of eventsIn(message.content)) {
        // The message comes again: whoever reads next begins with it.
        if (this.#isGone) return;
        await this.#hand(line);
      }
      this.#channel.ack(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #hand(line: string): Promise<void> {
    const read = readEvent(line);
    if (read.ok) return this.#options.onEvent(read.event);
    if (this.#options.onUnreadable === undefined)
      throw new Error(`a message has what is no event: ${read.why}`);
    return this.#options.onUnreadable(line, read.why);
  }

  #fail(error: unknown): void {
    this.#reason ??= ensureError(error);
    this.#phase = 'ending';
    void disconnectBehind(this.#channel, this.#model);
  }
}

type ReadEvent =
  { readonly ok: true; readonly event: PaygateEvent } | { readonly ok: false; readonly why: string };

function readEvent(line: string): ReadEvent {
  try {
    const parsed = eventSchema.safeParse(JSON.parse(line));
    if (parsed.success) return { ok: true, event: parsed.data };
    const issues = parsed.error.issues.map(({ path, message }) => `${['$', ...path].join('.')}: ${message}`);
    return { ok: false, why: issues.join('; ') };
  } catch {
    return { ok: false, why: 'it is not JSON' };
  }
}
