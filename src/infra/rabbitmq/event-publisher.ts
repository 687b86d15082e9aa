import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { TRACEPARENT } from '../../contracts/traceparent.ts';
import { EVENTS_CONTENT_TYPE, EVENTS_EXCHANGE } from '../../contracts/events.ts';
import type { WrittenEvent } from '../../contracts/events.ts';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { EventPublisher } from '../../ports/broker.ts';
import type { LinkState } from '../../ports/connection.ts';
import { gatherWrites } from './connect.ts';
import { eventMessages } from './event-messages.ts';
import type { EventsMessage } from './event-messages.ts';
import { PublishError } from './publish-error.ts';
import { RabbitLink, type LinkOptions, type LinkSession } from './rabbit-link.ts';

/**
 * Publishes events to the topic exchange, which it declares: persistent, with confirms, not mandatory. On a connection of its
 * own: a broker that slows down whoever publishes much shall not slow down dead letters.
 * Keeps no event: whoever publishes tries again when `publish` rejects.
 */
export class RabbitEventPublisher implements EventPublisher {
  readonly #link: RabbitLink;
  #session: { readonly model: ChannelModel; readonly channel: ConfirmChannel } | null = null;

  constructor(options: LinkOptions) {
    this.#link = new RabbitLink({ ...options, name: `${options.name}/events` }, (session) =>
      this.#build(session),
    );
  }

  state(): LinkState {
    return this.#link.state();
  }

  /** Rejects with `PublishError`, at once while the broker is away or blocks publications. Does not keep what it is given. */
  publish(events: readonly WrittenEvent[]): Promise<void> {
    if (events.length === 0) return Promise.resolve();
    const state = this.#link.state();
    if (state === 'blocked') return Promise.reject(new PublishError('blocked', EVENTS_EXCHANGE));
    if (state !== 'up' || this.#session === null)
      return Promise.reject(new PublishError('disconnected', EVENTS_EXCHANGE));
    const { model, channel } = this.#session;
    gatherWrites(model);
    return publishAll(channel, eventMessages(events));
  }

  /** Publications still without confirm reject. Idempotent. */
  async close(): Promise<void> {
    await this.#link.close();
  }

  async #build(session: LinkSession): Promise<void> {
    const channel = await session.model.createConfirmChannel();
    const fate: { failure: Error | null } = { failure: null };
    channel.on('error', (error: unknown) => (fate.failure = ensureError(error)));
    channel.on('close', () => {
      if (this.#session?.channel === channel) this.#session = null;
      session.lost(fate.failure ?? new Error('the channel for events was closed'));
    });
    await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
    this.#session = { model: session.model, channel };
  }
}

function publishAll(channel: ConfirmChannel, messages: readonly EventsMessage[]): Promise<void> {
  const confirms = new Confirms(messages.length);
  try {
    for (const message of messages) send(channel, message, confirms.answered);
  } catch {
    // The channel was closed in between.
    confirms.end('unconfirmed');
  }
  return confirms.all;
}

/** The broker's answers to several messages. One callback for all of them: a promise each would cost as much as the publication. */
class Confirms {
  /** Rejects with `PublishError`. */
  readonly all: Promise<void>;
  readonly #deadline: NodeJS.Timeout;
  #left: number;
  #resolve: () => void = () => undefined;
  #reject: (error: PublishError) => void = () => undefined;

  constructor(count: number) {
    this.#left = count;
    this.all = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#deadline = setTimeout(() => this.end('unconfirmed'), LIMITS.publishTimeoutMs);
  }

  readonly answered = (error: unknown): void => {
    this.#left -= 1;
    if (error !== null) this.end('unconfirmed');
    else if (this.#left === 0) this.end('none');
  };

  end(failure: 'none' | 'unconfirmed'): void {
    clearTimeout(this.#deadline);
    if (failure === 'none') this.#resolve();
    else this.#reject(new PublishError(failure, EVENTS_EXCHANGE));
  }
}

function send(
  channel: ConfirmChannel,
  { type, traceparent, lines }: EventsMessage,
  answered: (error: unknown) => void,
): void {
  const options = {
    persistent: true,
    contentType: EVENTS_CONTENT_TYPE,
    ...(traceparent === undefined ? {} : { headers: { [TRACEPARENT]: traceparent } }),
  };
  channel.publish(EVENTS_EXCHANGE, type, Buffer.from(lines.join('\n')), options, answered);
}
