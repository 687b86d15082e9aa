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

  /** Rejects with `PublishError`, at once while the broker is away or blocks publications. */
  async publish(events: readonly WrittenEvent[]): Promise<void> {
    if (events.length === 0) return;
    const state = this.#link.state();
    if (state === 'blocked') throw new PublishError('blocked', EVENTS_EXCHANGE);
    if (state !== 'up' || this.#session === null) throw new PublishError('disconnected', EVENTS_EXCHANGE);
    const { model, channel } = this.#session;
    gatherWrites(model);
    await confirmed(channel, eventMessages(events));
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

/** One callback for all of them: a promise each would cost as much as the publication. */
function confirmed(channel: ConfirmChannel, messages: readonly EventsMessage[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = messages.length;
    const end = (failure: 'none' | 'unconfirmed'): void => {
      clearTimeout(deadline);
      if (failure === 'none') resolve();
      else reject(new PublishError(failure, EVENTS_EXCHANGE));
    };
    const deadline = setTimeout(() => end('unconfirmed'), LIMITS.publishTimeoutMs);
    const answered = (error: unknown): void => {
      left -= 1;
      if (error !== null) end('unconfirmed');
      else if (left === 0) end('none');
    };
    try {
      for (const message of messages) send(channel, message, answered);
    } catch {
      // The channel was closed in between.
      end('unconfirmed');
    }
  });
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
