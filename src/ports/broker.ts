import type { WrittenEvent } from '../contracts/events.ts';
import type { DeadLetterQueue, InboundQueue } from '../contracts/queues.ts';
import type { LinkState } from './connection.ts';

/** One message as it came. */
export interface Delivery {
  readonly queue: InboundQueue;
  /** The queue that it came from, where that is not `queue` itself but counts as it. */
  readonly partition?: string | undefined;
  readonly body: Buffer;
  readonly redelivered: boolean;
  readonly headers: Readonly<Record<string, unknown>>;
  /** When it came into the process, by the node's clock: it may have waited since. Absent: it comes now. */
  readonly receivedAtMs?: number;
  /** Acknowledges once; a no-op when the channel it came on is gone (the broker will deliver it again). Never throws. */
  ack(): void;
}

export interface Subscription {
  /** Asks the broker to send nothing new while what came before is still unacknowledged. Idempotent. */
  quiesce(): Promise<void>;
  /** Stops intake by closing the channel: whatever is unacknowledged returns to its place in the queue. Idempotent. */
  close(): Promise<void>;
  /** Deliveries that came and are not acknowledged yet. */
  unacknowledged(): number;
  /** Of those, how many have not been handed out yet. */
  waiting(): number;
}

export interface Consumption {
  /** What the messages count as, and the queue that is read unless `partition` names another. */
  readonly queue: InboundQueue;
  readonly partition?: string | undefined;
  /** Upper bound of the intake window, in messages, as of now: asked for each turn of the window. */
  readonly windowMax: () => number;
  /** Must not throw and must not block. */
  readonly onDelivery: (delivery: Delivery) => void;
}

/** Reads queues. Reconnects by itself, with backoff; a queue is declared before it is read, durable and with no arguments. */
export interface InboundQueues {
  /** Resolves once the first consumer is up. Consumes exclusively: one reader per queue in the whole cluster. */
  consume(consumption: Consumption): Promise<Subscription>;
  /** The reader of a queue, also while it is not up; null: there is none, or it is closed. */
  reader(queue: string): Subscription | null;
}

export interface OutboundMessage {
  /** An inbound queue gets what an operator sends again. */
  readonly queue: DeadLetterQueue | InboundQueue;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | number>>;
  /** Where it is known: dead letters may be any bytes. */
  readonly contentType?: string;
}

/** Publishes events, persistent, with confirms; nobody need listen. */
export interface EventPublisher {
  state(): LinkState;
  /** Those of a type in this order. Rejects when the broker is not known to have taken all of them: some may have been published. */
  publish(events: readonly WrittenEvent[]): Promise<void>;
}

/** Publishes with confirms, persistent and mandatory. Rejects when the broker did not take the message. */
export interface Publisher {
  publish(message: OutboundMessage): Promise<void>;
}
