import type { Channel } from 'amqplib';
import { ensureError } from '../../domain/errors.ts';
import type { Flow } from '../../ports/cluster.ts';
import { RabbitLink, type LinkOptions, type LinkSession } from './rabbit-link.ts';

/** Type of the empty messages that only ask whether an inbox is there. Their `messageId` is the sender's own inbox. */
const PING = 'ping';

export interface SenderEvents {
  readonly onReturned: (inbox: string) => void;
  readonly onFlow: (flow: Flow) => void;
}

/**
 * Sends to inboxes: non-persistent, mandatory, without confirms, through the default exchange. Owns a connection of its own,
 * because under a memory alarm the broker stops reading from whoever publishes.
 *
 * N1. Nothing is handed to a connection that is blocked or whose buffer is full: it would come out later, all at once.
 * N2. `onFlow` tells every change, once.
 */
export class InboxSender {
  readonly #link: RabbitLink;
  readonly #events: SenderEvents;
  #session: LinkSession | null = null;
  #channel: Channel | null = null;
  #isBufferFull = false;
  #isAlarmed = false;
  #flow: Flow = 'away';

  constructor(options: LinkOptions, events: SenderEvents) {
    this.#events = events;
    this.#link = new RabbitLink({ ...options, name: `${options.name}/forward` }, (session) =>
      this.#build(session),
    );
  }

  flow(): Flow {
    return this.#flow;
  }

  send(inbox: string, body: Buffer): Flow {
    return this.#publish(inbox, body, {});
  }

  ping(inbox: string, from: string): Flow {
    return this.#publish(inbox, Buffer.alloc(0), { type: PING, messageId: from });
  }

  async close(): Promise<void> {
    await this.#link.close();
    this.#end();
  }

  #publish(
    inbox: string,
    body: Buffer,
    marks: { readonly type?: string; readonly messageId?: string },
  ): Flow {
    const flow = this.#flow;
    if (flow !== 'open' || this.#channel === null) return flow;
    // False: this message is in the buffer, the next one waits for `drain`.
    const hasRoom = this.#channel.publish('', inbox, body, { ...marks, persistent: false, mandatory: true });
    if (!hasRoom) {
      this.#isBufferFull = true;
      this.#tellFlow();
    }
    return 'open';
  }

  async #build(session: LinkSession): Promise<void> {
    const { model } = session;
    // Before the first await: what happens to the connection meanwhile counts.
    this.#session = session;
    this.#isBufferFull = false;
    this.#isAlarmed = false;
    const ifPresent = (then: () => void) => (): void => {
      if (this.#session === session) then();
    };
    const setAlarm = (isAlarmed: boolean) => ifPresent(() => this.#setAlarm(isAlarmed));
    model.on('blocked', setAlarm(true));
    model.on('unblocked', setAlarm(false));
    model.on(
      'close',
      ifPresent(() => this.#end()),
    );
    const channel = await model.createChannel();
    const fate: { failure: Error | null } = { failure: null };
    channel.on('error', (error: unknown) => (fate.failure = ensureError(error)));
    channel.on(
      'close',
      ifPresent(() => {
        this.#end();
        session.lost(fate.failure ?? new Error('the forwarding channel was closed'));
      }),
    );
    channel.on(
      'drain',
      ifPresent(() => this.#drained()),
    );
    channel.on('return', (message: { readonly fields: { readonly routingKey: string } }) =>
      this.#events.onReturned(message.fields.routingKey),
    );
    this.#channel = channel;
    this.#tellFlow();
  }

  #setAlarm(isAlarmed: boolean): void {
    this.#isAlarmed = isAlarmed;
    this.#tellFlow();
  }

  #drained(): void {
    this.#isBufferFull = false;
    this.#tellFlow();
  }

  #end(): void {
    this.#session = null;
    this.#channel = null;
    this.#tellFlow();
  }

  #tellFlow(): void {
    const flow = this.#channel === null ? 'away' : this.#isAlarmed || this.#isBufferFull ? 'blocked' : 'open';
    if (flow === this.#flow) return;
    this.#flow = flow;
    this.#events.onFlow(flow);
  }
}

/** Whose ping this is: the inbox it came from; null: it is no ping. */
export function pingSender(properties: {
  readonly type?: unknown;
  readonly messageId?: unknown;
}): string | null {
  return properties.type === PING ? String(properties.messageId) : null;
}
