import { randomUUID } from 'node:crypto';
import type { ConfirmChannel } from 'amqplib';
import { DEAD_LETTER_QUEUES } from '../../contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../../contracts/queues.ts';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { OutboundMessage } from '../../ports/broker.ts';
import { within } from '../within.ts';
import { PublishError, type PublishFailure } from './publish-error.ts';

/**
 * One confirm channel and what is unconfirmed on it.
 *
 * P1. Every publication settles: by its confirm, its return, a refusal, the end of the channel, or `LIMITS.publishTimeoutMs`.
 * P2. A returned message is confirmed as well (the return comes first): it counts as not published.
 * P3. While the channel's buffer is full nothing is fed into it.
 */
export class ConfirmSession {
  readonly #channel: ConfirmChannel;
  readonly #queues: readonly (DeadLetterQueue | InboundQueue)[];
  /** By message id. */
  readonly #unconfirmed = new Map<string, (failure: PublishFailure | null) => void>();
  /** Those who wait for room in the channel's buffer; null = there is room. */
  #waitingForRoom: Set<() => void> | null = null;
  #phase: 'open' | 'closing' | 'ended' = 'open';

  /** @param queues that it publishes to, and declares. */
  constructor(
    channel: ConfirmChannel,
    lost: (reason: Error) => void,
    queues: readonly (DeadLetterQueue | InboundQueue)[] = DEAD_LETTER_QUEUES,
  ) {
    this.#channel = channel;
    this.#queues = queues;
    const fate: { failure: Error | null } = { failure: null };
    channel.on('error', (error: unknown) => {
      fate.failure = ensureError(error);
    });
    channel.on('close', () => {
      const wasClosing = this.#phase === 'closing';
      this.#end();
      if (!wasClosing) lost(fate.failure ?? new Error('the publishing channel was closed'));
    });
    channel.on('return', (message: { readonly properties: { readonly messageId?: unknown } }) => {
      this.#settle(String(message.properties.messageId), 'returned');
      // Somebody deleted the queue.
      this.declareQueues().catch((error: unknown) => lost(ensureError(error)));
    });
    channel.on('drain', () => this.#letIn());
  }

  async declareQueues(): Promise<void> {
    for (const queue of this.#queues) await this.#channel.assertQueue(queue, { durable: true });
  }

  /** Rejects with `PublishError`. */
  async publish(message: OutboundMessage): Promise<void> {
    const deadline = AbortSignal.timeout(LIMITS.publishTimeoutMs);
    while (this.#waitingForRoom !== null && !deadline.aborted) await this.#room(deadline);
    const failure = deadline.aborted ? 'blocked' : await this.#send(message, deadline);
    if (failure !== null) throw new PublishError(failure, message.queue);
  }

  /** Closes the channel; what is unconfirmed by then rejects. Never rejects itself. */
  async close(): Promise<void> {
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    await within(LIMITS.closeTimeoutMs, () => this.#channel.close());
  }

  #send(message: OutboundMessage, deadline: AbortSignal): Promise<PublishFailure | null> {
    if (this.#phase !== 'open') return Promise.resolve('disconnected');
    return new Promise((resolve) => {
      const messageId = randomUUID();
      const giveUp = (): void => this.#settle(messageId, 'unconfirmed');
      this.#unconfirmed.set(messageId, (failure) => {
        this.#unconfirmed.delete(messageId);
        deadline.removeEventListener('abort', giveUp);
        resolve(failure);
      });
      deadline.addEventListener('abort', giveUp, { once: true });
      const hasRoom = this.#channel.sendToQueue(
        message.queue,
        message.body,
        {
          persistent: true,
          mandatory: true,
          messageId,
          ...(message.contentType === undefined ? {} : { contentType: message.contentType }),
          headers: { ...message.headers },
        },
        (error: unknown) => this.#settle(messageId, error === null ? null : 'unconfirmed'),
      );
      if (!hasRoom) this.#waitingForRoom ??= new Set();
    });
  }

  #settle(messageId: string, failure: PublishFailure | null): void {
    this.#unconfirmed.get(messageId)?.(failure);
  }

  #room(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waitingForRoom?.add(resolve);
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #letIn(): void {
    const waiting = this.#waitingForRoom ?? [];
    this.#waitingForRoom = null;
    for (const enter of waiting) enter();
  }

  /** The channel is gone: nothing of it will be confirmed any more. */
  #end(): void {
    this.#phase = 'ended';
    this.#letIn();
    for (const settle of [...this.#unconfirmed.values()]) settle('unconfirmed');
  }
}
