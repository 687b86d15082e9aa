import type { Consumption, InboundQueues } from '../../ports/broker.ts';
import type { LinkState } from '../../ports/connection.ts';
import { QueueReader, type ReaderOptions } from './queue-reader.ts';

/** From the least to the most able to work. */
const BY_HEALTH: readonly LinkState[] = ['down', 'connecting', 'blocked', 'up'];

/**
 * Reads the inbound queues, each on a connection of its own: a queue that is lost, refused or handed on
 * disturbs no other, and nothing is published here, so that a memory alarm of the broker does not stop acknowledgements.
 */
export class RabbitInboundQueues implements InboundQueues {
  readonly #options: ReaderOptions;
  readonly #readers = new Map<string, QueueReader>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /**
   * Resolves once the consumer is up for the first time, however long the broker is away or somebody else reads the
   * queue; rejects only when `close` was called meanwhile, and when this node reads the queue already. Need not be waited for.
   */
  consume(consumption: Consumption): Promise<QueueReader> {
    const queue = consumption.partition ?? consumption.queue;
    const present = this.#readers.get(queue);
    if (present !== undefined && !present.isClosed) {
      return Promise.reject(new Error(`${queue} is being read already`));
    }
    const reader = new QueueReader(this.#options, consumption);
    this.#readers.set(queue, reader);
    const up = reader.firstUp.then(() => reader);
    // Whoever does not wait must not get an unhandled rejection for it.
    up.catch(() => undefined);
    return up;
  }

  reader(queue: string): QueueReader | null {
    const present = this.#readers.get(queue);
    return present === undefined || present.isClosed ? null : present;
  }

  /** Connections that are up. */
  get openCount(): number {
    return [...this.#readers.values()].filter((reader) => reader.state() === 'up').length;
  }

  /** The least healthy of the readers; `connecting` also while somebody else reads a queue. */
  state(): LinkState {
    const states = new Set([...this.#readers.values()].map((reader) => reader.state()));
    return BY_HEALTH.find((state) => states.has(state)) ?? 'down';
  }

  /** Closes every subscription, also those that are not up yet. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#readers.values()].map((reader) => reader.close()));
  }
}
