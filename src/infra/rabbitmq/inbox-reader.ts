import type { Channel } from 'amqplib';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { LinkState } from '../../ports/connection.ts';
import type { Clock } from '../../ports/runtime.ts';
import { pingSender } from './inbox-sender.ts';
import { RabbitLink, type LinkOptions, type LinkSession } from './rabbit-link.ts';
import { TurnLine } from './turn-line.ts';

interface Arrival {
  readonly body: Buffer;
  readonly receivedAtMs: number;
}

export interface ReaderEvents {
  /** @param receivedAtMs when it came, which may be some turns ago. */
  readonly onMessage: (body: Buffer, receivedAtMs: number) => void;
  /** A ping from this inbox. */
  readonly onPing: (from: string) => void;
  /** The inbox is there, again. */
  readonly onUp: () => void;
}

/**
 * Reads our inbox. Owns a connection that never publishes, and on it the queue: exclusive, so that it is gone at the
 * moment this connection is, and nobody else can read what is meant for us.
 *
 * Where an earlier connection of ours still has the queue (a half-open socket) the broker refuses it (405), and the
 * link tries again. A ping is answered for at once, whatever waits in the line. Nothing is acknowledged: a forward that is lost here is sent again by whoever waits for its answer.
 */
export class InboxReader {
  readonly #link: RabbitLink;
  readonly #name: string;
  readonly #events: ReaderEvents;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #line: TurnLine<Arrival>;
  #session: LinkSession | null = null;

  constructor(
    options: LinkOptions & { readonly clock: Pick<Clock, 'now'> },
    name: string,
    events: ReaderEvents,
  ) {
    this.#name = name;
    this.#events = events;
    this.#clock = options.clock;
    this.#line = new TurnLine(LIMITS.inboxMessagesPerTurnMax, ({ body, receivedAtMs }) =>
      events.onMessage(body, receivedAtMs),
    );
    this.#link = new RabbitLink({ ...options, name: `${options.name}/inbox` }, (session) =>
      this.#build(session),
    );
  }

  state(): LinkState {
    return this.#link.state();
  }

  /** Gives the connection up and makes connection and queue again. */
  rebuild(reason: Error): void {
    this.#session?.lost(reason);
  }

  async close(): Promise<void> {
    this.#line.clear();
    await this.#link.close();
    // What came meanwhile.
    this.#line.clear();
  }

  async #build(session: LinkSession): Promise<void> {
    const channel = await session.model.createChannel();
    const fate: { failure: Error | null } = { failure: null };
    channel.on('error', (error: unknown) => (fate.failure = ensureError(error)));
    channel.on('close', () => session.lost(fate.failure ?? new Error('the channel of the inbox was closed')));
    try {
      await this.#consume(channel, session);
    } catch (error) {
      throw fate.failure ?? ensureError(error);
    }
    this.#session = session;
    this.#events.onUp();
  }

  async #consume(channel: Channel, session: LinkSession): Promise<void> {
    await channel.assertQueue(this.#name, {
      exclusive: true,
      autoDelete: true,
      durable: false,
      // Whatever the vhost's default is: only classic queues are exclusive.
      arguments: { 'x-queue-type': 'classic' },
    });
    const onMessage = (message: { readonly content: Buffer; readonly properties: object } | null): void => {
      if (message === null) {
        session.lost(new Error('the inbox was deleted'));
        return;
      }
      const from = pingSender(message.properties);
      if (from === null) this.#line.add({ body: message.content, receivedAtMs: this.#clock.now() });
      else this.#events.onPing(from);
    };
    await channel.consume(this.#name, onMessage, { noAck: true, exclusive: true });
  }
}
