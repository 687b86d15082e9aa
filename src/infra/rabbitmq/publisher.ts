import type { OutboundMessage, Publisher } from '../../ports/broker.ts';
import type { LinkState } from '../../ports/connection.ts';
import { ConfirmSession } from './confirm-session.ts';
import { PublishError } from './publish-error.ts';
import { readQueues, type QueueStatus } from './queue-status.ts';
import { RabbitLink, type LinkOptions, type LinkSession } from './rabbit-link.ts';

/**
 * Publishes dead letters: persistent, mandatory, with confirms, on a connection of its own. Declares their queues.
 * Keeps no message: whoever publishes tries again when `publish` rejects.
 */
export class RabbitPublisher implements Publisher {
  readonly #link: RabbitLink;
  #generation: Generation | null = null;

  constructor(options: LinkOptions) {
    this.#link = new RabbitLink({ ...options, name: `${options.name}/publisher` }, (session) =>
      this.#build(session),
    );
  }

  state(): LinkState {
    return this.#link.state();
  }

  /** Rejects with `PublishError`, at once while the broker is away or blocks publications. */
  async publish(message: OutboundMessage): Promise<void> {
    const state = this.#link.state();
    if (state === 'blocked') throw new PublishError('blocked', message.queue);
    if (state !== 'up' || this.#generation === null) throw new PublishError('disconnected', message.queue);
    await this.#generation.confirms.publish(message);
  }

  /**
   * Depth and readers of queues, over this connection; null for a queue that does not exist. Rejects while the
   * broker is away, blocks, or does not answer within `LIMITS.connectTimeoutMs`.
   */
  async queueStatus<Q extends string>(queues: readonly Q[]): Promise<ReadonlyMap<Q, QueueStatus | null>> {
    if (this.#link.state() !== 'up' || this.#generation === null) {
      throw new Error(`queue depths cannot be read: RabbitMQ is ${this.#link.state()}`);
    }
    return readQueues(this.#generation.session.model, queues);
  }

  /** Publications still without confirm reject. Idempotent. */
  async close(): Promise<void> {
    await this.#generation?.confirms.close();
    await this.#link.close();
  }

  async #build(session: LinkSession): Promise<void> {
    const channel = await session.model.createConfirmChannel();
    const confirms = new ConfirmSession(channel, (reason) => session.lost(reason));
    await confirms.declareQueues();
    this.#generation = { session, confirms };
  }
}

interface Generation {
  readonly session: LinkSession;
  readonly confirms: ConfirmSession;
}
