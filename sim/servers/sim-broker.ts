import { INBOUND_QUEUES } from '../../src/contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../../src/contracts/queues.ts';
import type { ServerState } from './sim-link.ts';

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
export interface Channel {
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
  readonly letters: { readonly queue: DeadLetterQueue; readonly body: Buffer }[] = [];
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
