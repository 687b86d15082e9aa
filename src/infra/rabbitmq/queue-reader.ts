import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Consumption, Subscription } from '../../ports/broker.ts';
import type { LinkState } from '../../ports/connection.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import { Intake, type PrefetchMode } from './intake.ts';
import { RabbitLink, type LinkOptions, type LinkSession } from './rabbit-link.ts';
import { isExclusiveRefusal, isGlobalPrefetchRefusal } from './refusals.ts';

/**
 * The one reader of one queue, over all generations of its connection.
 *
 * Q1. The consumer is exclusive. Where somebody else has the queue this one asks again on the same connection; on a classic queue it
 *     gets in only when the other's unacknowledged messages are back in their places, which keeps their order.
 * Q2. A reader that was quiesced never consumes again, not even after its connection broke.
 * Q3. `firstUp` is settled exactly once.
 */

/** `name` is the node's; the queue is added to it for each connection. */
export interface ReaderOptions extends LinkOptions {
  readonly clock: Pick<Clock, 'now'>;
}

export class QueueReader implements Subscription {
  /** Resolves when the consumer was up for the first time; rejects when the reader was closed before. */
  readonly firstUp: Promise<void>;
  readonly #consumption: Consumption;
  /** Of the queue that is read. */
  readonly #name: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #logger: Logger;
  readonly #link: RabbitLink;
  #settleFirstUp: { readonly resolve: () => void; readonly reject: (reason: Error) => void } | null = null;
  #phase: 'reading' | 'quiesced' | 'closed' = 'reading';
  #prefetch: PrefetchMode = 'live';
  #intake: Intake | null = null;
  #saidWaiting = false;

  constructor(options: ReaderOptions, consumption: Consumption) {
    this.#consumption = consumption;
    this.#name = consumption.partition ?? consumption.queue;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.firstUp = new Promise((resolve, reject) => {
      this.#settleFirstUp = { resolve, reject };
    });
    this.#link = new RabbitLink({ ...options, name: `${options.name}/${this.#name}` }, (session) =>
      this.#build(session),
    );
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  state(): LinkState {
    return this.#link.state();
  }

  /** Present size of the intake window, in messages; 0 without a consumer. */
  window(): number {
    return this.#intake?.window ?? 0;
  }

  unacknowledged(): number {
    return this.#intake?.unacknowledged ?? 0;
  }

  waiting(): number {
    return this.#intake?.waiting ?? 0;
  }

  quiesce(): Promise<void> {
    if (this.#phase === 'reading') this.#phase = 'quiesced';
    this.#intake?.quiesce();
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#phase = 'closed';
    this.#settleFirstUp?.reject(new Error(`the reader of ${this.#name} was closed before it was up`));
    await this.#intake?.close();
    await this.#link.close();
  }

  async #build(session: LinkSession): Promise<void> {
    while (this.#phase === 'reading') {
      const intake = await this.#tryToConsume(session);
      if (intake !== null) {
        this.#becomeReader(intake);
        return;
      }
      this.#sayWaiting();
      await delay(LIMITS.exclusiveRetryMs, undefined, { signal: session.signal });
    }
  }

  /** Null where somebody else reads the queue. */
  async #tryToConsume(session: LinkSession): Promise<Intake | null> {
    const channel = await session.model.createChannel();
    const intake = new Intake(channel, {
      ...this.#consumption,
      clock: this.#clock,
      logger: this.#logger,
      prefetch: this.#prefetch,
      lost: (reason) => session.lost(reason),
    });
    const channelIsReading = this.#watch(channel, intake, session);
    try {
      await intake.start();
    } catch (error) {
      intake.abandon();
      const reason = ensureError(error);
      if (isExclusiveRefusal(reason)) return null;
      this.#noteRefusal(session.failure() ?? reason);
      throw reason;
    }
    channelIsReading();
    return intake;
  }

  /** Ends the generation when the channel closes, once it is reading; before that, `start` rejects. */
  #watch(channel: Channel, intake: Intake, session: LinkSession): () => void {
    let isReading = false;
    let failure: Error | null = null;
    channel.on('error', (error: unknown) => {
      failure = ensureError(error);
    });
    channel.on('close', () => {
      intake.abandon();
      if (this.#phase === 'closed') return;
      if (isReading) session.lost(failure ?? new Error(`the channel of ${this.#name} was closed`));
      failure ??= new Error('the channel was closed');
    });
    return () => {
      isReading = true;
      if (failure !== null) session.lost(failure);
    };
  }

  #becomeReader(intake: Intake): void {
    this.#intake = intake;
    if (this.#phase !== 'reading') intake.quiesce();
    if (this.#saidWaiting) {
      this.#logger.info({ queue: this.#name }, 'the other reader is gone; reading now');
      this.#saidWaiting = false;
    }
    this.#settleFirstUp?.resolve();
  }

  #sayWaiting(): void {
    if (this.#saidWaiting) return;
    this.#saidWaiting = true;
    this.#logger.warn(
      { queue: this.#name },
      `another reader holds ${this.#name}: waiting until its connection is gone (a node that leaves; if it is the old processor, stop it)`,
    );
  }

  #noteRefusal(reason: Error): void {
    if (this.#prefetch === 'fixed' || !isGlobalPrefetchRefusal(reason)) return;
    this.#prefetch = 'fixed';
    this.#logger.warn(
      { queue: this.#name, window: LIMITS.windowFixed, reason: reason.message },
      'the broker refuses a prefetch limit per channel; going on with a fixed intake window',
    );
  }
}
