import { randomUUID } from 'node:crypto';
import type { Channel, ChannelModel } from 'amqplib';
import {
  decodeOrderAnswer,
  encodeOrder,
  orderKind,
  type Order,
  type OrderAnswerMail,
} from '../../contracts/order-mail.ts';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import { connect, disconnect } from './connect.ts';
import { OrderConversation, type OrderOutcome } from './order-conversation.ts';

export interface OrderClientOptions {
  /** amqp:// or amqps://, with credentials; never logged. */
  readonly url: string;
  /** How long one node has for its answer. Default `LIMITS.orderAnswerTimeoutMs`. */
  readonly answerTimeoutMs?: number;
  /** From one try to the next. Default `LIMITS.orderPauseMs`. */
  readonly pauseMs?: number;
}

export interface OrderRequest {
  /** UUID. The same order given again has the same one, and is carried out once. */
  readonly orderId: string;
  readonly order: Order;
  /** The inbox to send it to, looked up anew for every try; null: nobody's at the moment. */
  readonly inboxOf: () => Promise<string | null>;
  /** Default `LIMITS.orderDeadlineMs`. */
  readonly deadlineMs?: number;
}

/**
 * Gives orders to nodes and waits for their answers. Owns a connection, and on it an exclusive queue for the answers.
 *
 * C1. An order is sent again, under its id, until it is answered: to whoever the directory names by then.
 * C2. An answer counts whenever it comes, also one to an earlier try.
 * C3. `unasked` means that no node can have got it. Else, without an answer, nobody knows.
 */
export class OrderClient {
  readonly #model: ChannelModel;
  readonly #channel: Channel;
  readonly #options: OrderClientOptions;
  readonly #replyTo = `orders.${randomUUID()}`;
  readonly #conversations = new Map<string, OrderConversation>();
  #trouble: string | null = null;

  /** Rejects when RabbitMQ is away or refuses us. */
  static async open(options: OrderClientOptions): Promise<OrderClient> {
    const model = await connect(options.url, 'paygate/orders');
    // Shows in the calls below, and afterwards by the close that follows.
    model.on('error', () => undefined);
    try {
      const client = new OrderClient(options, model, await model.createChannel());
      await client.#listen();
      return client;
    } catch (error) {
      await disconnect(model);
      throw error;
    }
  }

  private constructor(options: OrderClientOptions, model: ChannelModel, channel: Channel) {
    this.#options = options;
    this.#model = model;
    this.#channel = channel;
  }

  /** Why nothing can be sent, or the answers do not come; null: nothing is known to be wrong. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Rejects with what `inboxOf` rejected with, as long as no node was asked. */
  async place({ orderId, order, inboxOf, deadlineMs }: OrderRequest): Promise<OrderOutcome> {
    const mail = encodeOrder({ orderId, replyTo: this.#replyTo, order });
    const conversation = new OrderConversation({
      inboxOf,
      send: (inbox) => this.#send(inbox, mail, orderId),
      answerTimeoutMs: this.#options.answerTimeoutMs ?? LIMITS.orderAnswerTimeoutMs,
      pauseMs: this.#options.pauseMs ?? LIMITS.orderPauseMs,
      deadlineMs: deadlineMs ?? LIMITS.orderDeadlineMs,
    });
    this.#conversations.set(orderId, conversation);
    try {
      return await conversation.run();
    } finally {
      this.#conversations.delete(orderId);
    }
  }

  /** Idempotent, never rejects. */
  async close(): Promise<void> {
    await disconnect(this.#model);
  }

  async #listen(): Promise<void> {
    const channel = this.#channel;
    const fate: { failure: Error | null } = { failure: null };
    channel.on('error', (error: unknown) => (fate.failure = ensureError(error)));
    channel.on('close', () =>
      this.#lost(
        `the connection to RabbitMQ was lost${fate.failure === null ? '' : `: ${fate.failure.message}`}`,
      ),
    );
    channel.on('return', (message: { readonly properties: { readonly messageId?: unknown } }) =>
      this.#conversations.get(String(message.properties.messageId))?.returned(),
    );
    this.#model.on('blocked', (reason: unknown) => {
      this.#trouble = `RabbitMQ takes no messages at the moment (${String(reason)})`;
    });
    this.#model.on('unblocked', () => (this.#trouble = null));
    await channel.assertQueue(this.#replyTo, {
      exclusive: true,
      autoDelete: true,
      durable: false,
      arguments: { 'x-queue-type': 'classic' },
    });
    const onMessage = (message: { readonly content: Buffer } | null): void => {
      if (message === null) this.#lost('the queue for the answers was deleted');
      else this.#received(message.content);
    };
    await channel.consume(this.#replyTo, onMessage, { noAck: true, exclusive: true });
  }

  #send(inbox: string, mail: Buffer, messageId: string): boolean {
    if (this.#trouble !== null) return false;
    this.#channel.publish('', inbox, mail, { persistent: false, mandatory: true, messageId });
    return true;
  }

  #received(body: Buffer): void {
    const decoded = decodeOrderAnswer(body);
    if (decoded.kind === 'order-answer') this.#answered(decoded.mail);
    else if (orderKind(body) !== null)
      for (const conversation of this.#conversations.values())
        conversation.end({ kind: 'unreadable', from: null, detail: decoded.detail });
  }

  #answered({ orderId, from, answer }: OrderAnswerMail): void {
    const conversation = this.#conversations.get(orderId);
    switch (answer.kind) {
      case 'not-owner':
        conversation?.turnedDown();
        break;
      case 'result':
        conversation?.end({ kind: 'result', from, result: answer.result });
        break;
      case 'accepted':
        conversation?.end({ kind: 'accepted', from });
        break;
      case 'unreadable':
        conversation?.end({ kind: 'unreadable', from, detail: answer.detail });
    }
  }

  #lost(detail: string): void {
    this.#trouble = detail;
    for (const conversation of this.#conversations.values()) conversation.breakOff();
  }
}
