import type { Channel, ConsumeMessage, Message } from 'amqplib';
import type { InboundQueue } from '../../contracts/queues.ts';
import { ensureError } from '../../domain/errors.ts';
import { gatherRestMs, NO_PORTION } from '../../domain/gather-rest.ts';
import { LIMITS } from '../../limits.ts';
import type { Consumption, Delivery } from '../../ports/broker.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import { within } from '../within.ts';
import { Acker } from './acker.ts';
import { IntakeWindow } from './intake-window.ts';
import { TurnLine } from './turn-line.ts';

/**
 * One consumer on one channel: from the delivery to its acknowledgement. Owns the channel's tags and its window.
 *
 * I1. Tags never leave the channel they came on: after `abandon` or `close` acknowledging is a no-op.
 * I2. Acknowledgements gather for a turn of the event loop, under load for up to `ackGatherMsMax`, since broker and node pay for each; not where
 *     the broker has delivered all it may and waits for them. `close` sends what is due before the channel closes.
 * I3. What comes after `quiesce` is not handed out: it stays unacknowledged and returns to its place
 *     when the channel closes, as does what `close` finds in the line. Nothing is ever requeued singly, so the order of the queue survives.
 * I4. A consumer that throws loses nothing: its message stays unacknowledged.
 * I5. What came before the channel was lost is handed out all the same, at once: of a broker that restarts we may have the only
 *     copy, and later nobody would know any more which of it may still be taken.
 */

export type PrefetchMode =
  /** One limit per channel, which the broker lets us change while it runs. */
  | 'live'
  /** A limit per consumer, fixed: for queues and brokers that refuse the other. */
  | 'fixed';

export interface IntakeOptions extends Consumption {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  readonly prefetch: PrefetchMode;
  readonly lost: (reason: Error) => void;
}

/** With a window of this size every gap holds back half of it. */
const NOTHING_HELD_BACK = 0;

const GATHERING = { growthMs: LIMITS.ackGatherGrowthMs, mostMs: LIMITS.ackGatherMsMax };

const NO_HEADERS: Readonly<Record<string, unknown>> = Object.freeze({});

export class Intake {
  readonly #channel: Channel;
  readonly #options: IntakeOptions;
  readonly #acker: Acker;
  readonly #window: IntakeWindow;
  readonly #line: TurnLine<ChannelDelivery>;
  readonly #flush = (): void => this.#sendAcknowledgements();
  #phase: 'open' | 'quiesced' | 'closed' = 'open';
  /** Settled since acknowledgements went out, and when and how many those were. */
  #due = 0;
  #last = NO_PORTION;
  #flushing: 'no' | 'with the turn' | NodeJS.Timeout = 'no';
  #gapTimer: NodeJS.Timeout | null = null;

  constructor(channel: Channel, options: IntakeOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#acker = new Acker(options.windowMax());
    this.#window = new IntakeWindow(options.windowMax);
    this.#line = new TurnLine(LIMITS.deliveriesPerTurnMax, (delivery) => this.#handOut(delivery));
  }

  /** Rejects with the broker's refusal; the channel is then closed by the broker. */
  async start(): Promise<void> {
    const { prefetch, windowMax } = this.#options;
    const queue = this.#name;
    await this.#channel.assertQueue(queue, { durable: true });
    if (prefetch === 'live') await this.#channel.prefetch(this.#window.size, true);
    else await this.#channel.prefetch(Math.min(windowMax(), LIMITS.windowFixed), false);
    await this.#channel.consume(queue, (message) => this.#onMessage(message), { exclusive: true });
  }

  /** Of the queue that is read. */
  get #name(): string {
    return this.#options.partition ?? this.#options.queue;
  }

  get unacknowledged(): number {
    return this.#phase === 'closed' ? 0 : this.#acker.unacknowledged;
  }

  /** Came, and not handed out yet. */
  get waiting(): number {
    return this.#line.waiting;
  }

  get window(): number {
    return this.#window.size;
  }

  quiesce(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'quiesced';
    this.#applyWindow(1);
  }

  /** The channel is gone: forget its tags. */
  abandon(): void {
    this.#phase = 'closed';
    if (this.#gapTimer !== null) clearTimeout(this.#gapTimer);
    this.#gapTimer = null;
    this.#endRest();
    this.#line.flush();
  }

  /** Acknowledges what is settled, then closes the channel. Never rejects. */
  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#sendAcknowledgements(NOTHING_HELD_BACK);
    this.#line.clear();
    this.abandon();
    await within(LIMITS.closeTimeoutMs, () => this.#channel.close());
  }

  /** Called by a delivery; never throws. */
  settle(tag: number, bytes: number): void {
    if (this.#phase === 'closed' || !this.#acker.settle(tag)) return;
    if (this.#window.settled(bytes)) this.#applyWindow(this.#window.size);
    this.#due += 1;
    this.#scheduleFlush();
  }

  /** How much the broker delivers before it waits for acknowledgements. */
  get #limit(): number {
    const { size } = this.#window;
    return this.#options.prefetch === 'fixed' ? Math.min(size, LIMITS.windowFixed) : size;
  }

  #scheduleFlush(): void {
    if (this.#flushing === 'with the turn') return;
    const isAwaited = this.#acker.unacknowledged >= this.#limit;
    if (this.#flushing !== 'no' && !isAwaited) return;
    const restMs = isAwaited ? 0 : gatherRestMs(this.#last, GATHERING, performance.now());
    this.#endRest();
    if (restMs > 0) this.#flushing = setTimeout(this.#flush, restMs);
    else {
      this.#flushing = 'with the turn';
      setImmediate(this.#flush);
    }
  }

  #endRest(): void {
    if (typeof this.#flushing === 'object') clearTimeout(this.#flushing);
    this.#flushing = 'no';
  }

  #onMessage(message: ConsumeMessage | null): void {
    if (message === null) {
      this.#options.lost(new Error(`the broker cancelled the consumer of ${this.#name}`));
      return;
    }
    if (this.#phase !== 'open') return;
    const tag = message.fields.deliveryTag;
    this.#acker.delivered(tag, performance.now());
    if (this.#window.delivered(message.content.length, this.#acker.unacknowledged)) {
      this.#applyWindow(this.#window.size);
    }
    this.#line.add(new ChannelDelivery(this, tag, this.#options, message));
  }

  #handOut(delivery: ChannelDelivery): void {
    try {
      this.#options.onDelivery(delivery);
    } catch (error) {
      this.#options.logger.error(
        { queue: this.#name, error: ensureError(error) },
        'a delivery was not taken; it stays unacknowledged',
      );
    }
  }

  #sendAcknowledgements(window = this.#limit): void {
    this.#endRest();
    if (this.#phase === 'closed') return;
    const nowMs = performance.now();
    this.#last = { count: this.#due, atMs: nowMs };
    this.#due = 0;
    const { upTo, singles } = this.#acker.take(nowMs, window);
    try {
      if (upTo !== null) this.#channel.ack(tagged(upTo), true);
      for (const tag of singles) this.#channel.ack(tagged(tag), false);
    } catch (error) {
      // The channel closed under us: the broker will deliver all of it again.
      this.abandon();
      this.#options.lost(ensureError(error));
      return;
    }
    if (this.#acker.holdsBack) this.#comeBackForTheGap();
  }

  #comeBackForTheGap(): void {
    this.#gapTimer ??= setTimeout(() => {
      this.#gapTimer = null;
      this.#sendAcknowledgements();
    }, LIMITS.ackGapMsMax);
  }

  #applyWindow(size: number): void {
    if (this.#options.prefetch === 'fixed' || this.#phase === 'closed') return;
    // What is settled after that must not open it again.
    if (this.#phase === 'quiesced' && size !== 1) return;
    this.#channel.prefetch(size, true).catch((error: unknown) => {
      // One that we have closed ourselves answers nothing any more.
      if (this.#phase !== 'closed') this.#options.lost(ensureError(error));
    });
  }
}

class ChannelDelivery implements Delivery {
  readonly queue: InboundQueue;
  readonly partition: string | undefined;
  readonly body: Buffer;
  readonly redelivered: boolean;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly receivedAtMs: number;
  readonly #intake: Intake;
  readonly #tag: number;

  constructor(
    intake: Intake,
    tag: number,
    { queue, partition, clock }: IntakeOptions,
    message: ConsumeMessage,
  ) {
    this.#intake = intake;
    this.#tag = tag;
    this.queue = queue;
    this.partition = partition;
    this.body = ownCopy(message.content);
    this.redelivered = message.fields.redelivered;
    this.headers = message.properties.headers ?? NO_HEADERS;
    this.receivedAtMs = clock.now();
  }

  ack(): void {
    this.#intake.settle(this.#tag, this.body.length);
  }
}

/**
 * amqplib's body is a view of what one read of the socket brought, 64 kB as a rule: a command that has to wait would keep that
 * of a hundred others. A copy of a small body is in a block of 8 kB, a large body has been put together from several reads.
 */
function ownCopy(body: Buffer): Buffer {
  return body.length < Buffer.poolSize / 2 ? Buffer.from(body) : body;
}

/** amqplib reads nothing else of a message it acknowledges. */
function tagged(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as Message;
}
