import { LIMITS } from '../../src/limits.ts';
import type { Consumption, InboundQueues, Subscription } from '../../src/ports/broker.ts';
import type { LinkState } from '../../src/ports/connection.ts';
import type { Chance } from '../chance.ts';
import type { SimProcess } from '../sim-process.ts';
import type { VirtualTime } from '../virtual-time.ts';
import { FirstUp } from './first-up.ts';
import type { Channel, QueuedMessage, SimBroker } from './sim-broker.ts';
import type { SimLink } from './sim-link.ts';

/** What all connections of one process to the broker share. */
export interface BrokerSide {
  readonly time: VirtualTime;
  readonly process: SimProcess;
  readonly chance: Chance;
  readonly broker: SimBroker;
  readonly link: SimLink;
}

/** RabbitMQ finds a process that says nothing after two to three of its heartbeats. */
export const HEARTBEAT_MS = 12_000;
const RECONNECT_MS = 200;

/** One reader of one queue: asks for the exclusive consumer until it gets it, again after each lost connection. */
export class SimQueueReader implements Subscription {
  readonly #side: BrokerSide;
  readonly #consumption: Consumption;
  readonly #firstUp = new FirstUp();
  #phase: 'reading' | 'quiesced' | 'closed' = 'reading';
  #channel: Channel | null = null;
  /** Of the present channel, as the process knows them. */
  #inHand = 0;
  #lastArrivalMs = 0;
  /** What goes out on a channel keeps its order: acknowledgements, then its end. */
  #sentUntilMs = 0;

  constructor(side: BrokerSide, consumption: Consumption) {
    this.#side = side;
    this.#consumption = consumption;
    this.#tryLater(this.#side.link.delayMs());
  }

  /** Rejects when the reader is closed before. */
  up(): Promise<void> {
    return this.#firstUp.promise;
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  state(): LinkState {
    return this.#channel === null ? 'connecting' : 'up';
  }

  unacknowledged(): number {
    return this.#inHand;
  }

  /** What arrives is handed out in its turn. */
  waiting(): number {
    return 0;
  }

  quiesce(): Promise<void> {
    if (this.#phase === 'reading') this.#phase = 'quiesced';
    if (this.#channel !== null) this.#channel.window = 1;
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#phase = 'closed';
    this.#firstUp.isClosed(`the reader of ${this.#consumption.queue}`);
    const channel = this.#channel;
    this.#channel = null;
    this.#inHand = 0;
    if (channel === null) return;
    const { link, broker, time } = this.#side;
    const { queue } = this.#consumption;
    // On its way already, whatever becomes of the process.
    await time.wait(this.#sentUntilMs - time.nowMs);
    try {
      await link.ask(() => broker.closeChannel(queue, channel));
    } catch {
      // The broker does not know; it finds out by the missing heartbeats.
      time.after(HEARTBEAT_MS, () => broker.closeChannel(queue, channel));
    }
  }

  /** The broker has ended the connection, or it is broken: the process finds out when it runs. */
  dropped(): void {
    const channel = this.#channel;
    if (channel === null) return;
    this.#side.broker.closeChannel(this.#consumption.queue, channel);
    this.#side.process.run(() => {
      if (this.#channel !== channel) return;
      this.#channel = null;
      this.#inHand = 0;
      this.#tryLater(RECONNECT_MS);
    });
  }

  #tryLater(delayMs: number): void {
    this.#side.process.clock.after(delayMs, () => this.#try());
  }

  #try(): void {
    if (this.#phase !== 'reading' || this.#channel !== null) return;
    const { link, broker } = this.#side;
    if (!link.isUp) {
      this.#tryLater(RECONNECT_MS);
      return;
    }
    const channel: Channel = {
      unacked: new Set(),
      window: this.#consumption.windowMax(),
      isOpen: true,
      deliver: (message) => this.#deliver(channel, message),
    };
    this.#channel = channel;
    if (broker.consume(this.#consumption.queue, channel)) this.#firstUp.isUp();
    else {
      this.#channel = null;
      this.#tryLater(LIMITS.exclusiveRetryMs);
    }
  }

  #deliver(channel: Channel, message: QueuedMessage): void {
    const { time, process, link } = this.#side;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, time.nowMs + link.delayMs());
    const { redelivered } = message;
    time.after(this.#lastArrivalMs - time.nowMs, () => {
      if (!link.isUp || !channel.isOpen) return;
      process.run(() => this.#arrived(channel, message, redelivered));
    });
  }

  #arrived(channel: Channel, message: QueuedMessage, redelivered: boolean): void {
    // A reader that is quiesced hands out nothing: what still comes has its place again when the channel closes.
    if (this.#channel !== channel || this.#phase !== 'reading') return;
    this.#inHand += 1;
    let isAcked = false;
    this.#consumption.onDelivery({
      queue: message.queue,
      body: message.body,
      redelivered,
      headers: {},
      ack: () => {
        if (isAcked || this.#channel !== channel) return;
        isAcked = true;
        this.#inHand -= 1;
        this.#acknowledge(channel, message);
      },
    });
  }

  #acknowledge(channel: Channel, message: QueuedMessage): void {
    const { time, link, broker } = this.#side;
    this.#sentUntilMs = Math.max(this.#sentUntilMs, time.nowMs + link.delayMs());
    time.after(this.#sentUntilMs - time.nowMs, () => {
      if (link.isUp) broker.acked(channel, message);
    });
  }
}

/** The readers of one process. */
export class SimInbound implements InboundQueues {
  readonly #side: BrokerSide;
  readonly #readers = new Map<string, SimQueueReader>();

  constructor(side: BrokerSide) {
    this.#side = side;
  }

  async consume(consumption: Consumption): Promise<Subscription> {
    const { queue } = consumption;
    if (this.reader(queue) !== null) throw new Error(`${queue} is being read already`);
    const reader = new SimQueueReader(this.#side, consumption);
    this.#readers.set(queue, reader);
    await reader.up();
    return reader;
  }

  reader(queue: string): SimQueueReader | null {
    const present = this.#readers.get(queue);
    return present === undefined || present.isClosed ? null : present;
  }

  dropped(): void {
    for (const reader of this.#readers.values()) reader.dropped();
  }
}
