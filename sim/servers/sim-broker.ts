import { INBOUND_QUEUES } from '../../src/contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../../src/contracts/queues.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Consumption, OutboundMessage, Publisher, Subscription } from '../../src/ports/broker.ts';
import type { LinkState } from '../../src/ports/connection.ts';
import type { Chance } from '../chance.ts';
import type { SimProcess } from '../sim-process.ts';
import type { VirtualTime } from '../virtual-time.ts';
import type { ServerState, SimLink } from './sim-link.ts';

export interface QueuedMessage {
  /** Place in its queue: it keeps it for ever. */
  readonly position: number;
  readonly queue: InboundQueue;
  readonly body: Buffer;
  /** `transient`: gone after a restart of the broker, as all that the Go API publishes. */
  readonly kind: 'transient' | 'persistent';
  redelivered: boolean;
}

/** Where messages between nodes and operators come out. */
export interface InboxEnd {
  arrive(from: string, body: Buffer): void;
  /** The broker takes no publications any more, or takes them again. */
  alarmed(): void;
}

/** A consumer's channel, as the broker has it. */
interface Channel {
  readonly unacked: Set<QueuedMessage>;
  window: number;
  isOpen: boolean;
  readonly deliver: (message: QueuedMessage) => void;
}

interface Queue {
  ready: QueuedMessage[];
  reader: Channel | null;
}

/**
 * The simulated RabbitMQ: classic queues with one exclusive consumer each, prefetch, and unacknowledged messages that go back to
 * their places when the channel closes. Inboxes exist while their connection does.
 */
export class SimBroker implements ServerState {
  isUp = true;
  readonly inboxes = new Map<string, InboxEnd>();
  readonly letters: { readonly queue: DeadLetterQueue | InboundQueue; readonly body: Buffer }[] = [];
  /** Lost with a restart before they were acknowledged. */
  readonly lost: QueuedMessage[] = [];
  readonly published: QueuedMessage[] = [];
  onAck: (message: QueuedMessage) => void = () => undefined;
  readonly #queues: ReadonlyMap<InboundQueue, Queue>;
  readonly #heldBack: (() => void)[] = [];
  #positions = 0;
  #isAlarmed = false;

  constructor() {
    this.#queues = new Map(INBOUND_QUEUES.map((queue) => [queue, { ready: [], reader: null }]));
  }

  get isAlarmed(): boolean {
    return this.#isAlarmed;
  }

  /** A memory alarm: whoever publishes waits, whoever reads goes on. */
  setAlarm(isAlarmed: boolean): void {
    this.#isAlarmed = isAlarmed;
    for (const inbox of this.inboxes.values()) inbox.alarmed();
    if (!isAlarmed) for (const publish of this.#heldBack.splice(0)) publish();
  }

  publish(queue: InboundQueue, body: Buffer, kind: QueuedMessage['kind']): void {
    if (this.#isAlarmed) {
      this.#heldBack.push(() => this.publish(queue, body, kind));
      return;
    }
    const message = { position: (this.#positions += 1), queue, body, kind, redelivered: false };
    this.published.push(message);
    if (!this.isUp) {
      this.lost.push(message);
      return;
    }
    this.#of(queue).ready.push(message);
    this.#pump(this.#of(queue));
  }

  /** Waiting or unacknowledged. */
  get openCount(): number {
    return [...this.#queues.values()].reduce(
      (sum, { ready, reader }) => sum + ready.length + (reader?.unacked.size ?? 0),
      this.#heldBack.length,
    );
  }

  depth(queue: InboundQueue): number {
    return this.#of(queue).ready.length;
  }

  /** False: somebody else reads the queue. */
  consume(name: InboundQueue, channel: Channel): boolean {
    const queue = this.#of(name);
    if (queue.reader !== null) return false;
    queue.reader = channel;
    this.#pump(queue);
    return true;
  }

  acked(channel: Channel, message: QueuedMessage): void {
    if (!channel.isOpen || !channel.unacked.delete(message)) return;
    this.onAck(message);
    this.#pump(this.#of(message.queue));
  }

  /** What is unacknowledged goes back to its place. */
  closeChannel(name: InboundQueue, channel: Channel): void {
    if (!channel.isOpen) return;
    channel.isOpen = false;
    const queue = this.#of(name);
    for (const message of channel.unacked) message.redelivered = true;
    queue.ready = [...channel.unacked, ...queue.ready].sort((a, b) => a.position - b.position);
    channel.unacked.clear();
    if (queue.reader === channel) queue.reader = null;
  }

  /** After all channels are closed. */
  forgetTransient(): void {
    for (const queue of this.#queues.values()) {
      this.lost.push(...queue.ready.filter(({ kind }) => kind === 'transient'));
      queue.ready = queue.ready.filter(({ kind }) => kind === 'persistent');
    }
  }

  #of(name: InboundQueue): Queue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new Error(`no queue ${name}`);
    return queue;
  }

  #pump({ ready, reader }: Queue): void {
    while (reader !== null && reader.unacked.size < reader.window) {
      const message = ready.shift();
      if (message === undefined) return;
      reader.unacked.add(message);
      reader.deliver(message);
    }
  }
}

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
  readonly #resolveUp: () => void;
  readonly up: Promise<void>;
  #phase: 'reading' | 'quiesced' | 'closed' = 'reading';
  #channel: Channel | null = null;
  /** Of the present channel, as the process knows them. */
  #inHand = 0;
  #lastArrivalMs = 0;

  constructor(side: BrokerSide, consumption: Consumption) {
    this.#side = side;
    this.#consumption = consumption;
    let resolveUp = (): void => undefined;
    this.up = new Promise((resolve) => {
      resolveUp = resolve;
    });
    this.#resolveUp = resolveUp;
    this.#tryLater(this.#side.link.delayMs());
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

  quiesce(): Promise<void> {
    if (this.#phase === 'reading') this.#phase = 'quiesced';
    if (this.#channel !== null) this.#channel.window = 1;
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#phase = 'closed';
    const channel = this.#channel;
    this.#channel = null;
    this.#inHand = 0;
    if (channel === null) return;
    const { link, broker, time } = this.#side;
    const { queue } = this.#consumption;
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
      window: this.#consumption.windowMax,
      isOpen: true,
      deliver: (message) => this.#deliver(channel, message),
    };
    this.#channel = channel;
    if (broker.consume(this.#consumption.queue, channel)) this.#resolveUp();
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
    if (this.#channel !== channel) return;
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
    time.after(link.delayMs(), () => {
      if (link.isUp) broker.acked(channel, message);
    });
  }
}

/** The readers of one process. */
export class SimInbound {
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
    await reader.up;
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

/** Publishes with confirms. */
export class SimPublisher implements Publisher {
  readonly #side: BrokerSide;

  constructor(side: BrokerSide) {
    this.#side = side;
  }

  publish({ queue, body }: OutboundMessage): Promise<void> {
    const { link, broker } = this.#side;
    return link.ask(() => {
      if (broker.isAlarmed) throw new Error('the broker takes no publications');
      broker.letters.push({ queue, body });
    });
  }

  queueStatus(
    queues: readonly InboundQueue[],
  ): Promise<ReadonlyMap<InboundQueue, { readonly messages: number } | null>> {
    const { link, broker } = this.#side;
    return link.ask(() => new Map(queues.map((queue) => [queue, { messages: broker.depth(queue) }])));
  }
}
