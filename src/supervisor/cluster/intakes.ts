import { sourceQueues } from '../../contracts/queues.ts';
import type { SourceQueue } from '../../contracts/queues.ts';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Consumption, Delivery, InboundQueues } from '../../ports/broker.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { IntakeCallbacks } from './ingest-keeper.ts';

export interface IntakesOptions {
  readonly inbound: InboundQueues;
  /** What is read; the contract's queues unless given. */
  readonly sources?: readonly SourceQueue[];
  readonly onDelivery: (delivery: Delivery) => void;
  /** Of each queue, in messages, as of now. */
  readonly windowMax: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The readers of the queues whose ingest roles are ours. Owns which queues are to be read, not why.
 *
 * N1. A reader ends by closing its channel, so that what is unacknowledged returns to its place. Before that it takes
 *     nothing new and has `intakeFinishMs` to finish what it has, since the next reader gets all the rest once more.
 * N2. An overflow closes the channel as well; the queue is read again after a pause, while it is still ours to read.
 */
export class Intakes implements IntakeCallbacks {
  readonly #options: IntakesOptions;
  readonly #wanted = new Set<string>();
  readonly #restarting = new Set<string>();

  constructor(options: IntakesOptions) {
    this.#options = options;
  }

  readonly openIntake = (queue: string): void => {
    this.#wanted.add(queue);
    this.#read(queue);
  };

  readonly closeIntake = async (queue: string): Promise<void> => {
    this.#wanted.delete(queue);
    const reader = this.#options.inbound.reader(queue);
    if (reader === null) return;
    const { clock, logger } = this.#options;
    const untilMs = clock.now() + LIMITS.intakeFinishMs;
    await reader.quiesce();
    while (reader.unacknowledged() > 0 && clock.now() < untilMs) await this.#pause(LIMITS.handOffPollMs);
    await reader.close();
    logger.info({ queue }, 'this node does not read the queue any more');
  };

  /** More came than a node may hold. */
  readonly overflow = (queue: string): void => {
    if (this.#restarting.has(queue)) return;
    this.#restarting.add(queue);
    this.#options.logger.warn({ queue }, 'more messages came than this node may hold: reading again later');
    void this.#restart(queue);
  };

  async #restart(queue: string): Promise<void> {
    try {
      await this.#options.inbound.reader(queue)?.close();
    } catch (error) {
      this.#options.logger.error({ err: ensureError(error), queue }, 'a reader did not close');
    }
    await this.#pause(LIMITS.intakeRestartMs);
    this.#restarting.delete(queue);
    if (this.#wanted.has(queue)) this.#read(queue);
  }

  #read(queue: string): void {
    const { inbound, windowMax, onDelivery, logger } = this.#options;
    if (this.#restarting.has(queue) || inbound.reader(queue) !== null) return;
    logger.info({ queue }, 'this node reads the queue');
    inbound.consume({ ...this.#partitionOf(queue), windowMax, onDelivery }).catch((error: unknown) => {
      logger.debug({ err: error, queue }, 'the reader was closed before it was up');
    });
  }

  #partitionOf(name: string): Pick<Consumption, 'queue' | 'partition'> {
    const source = (this.#options.sources ?? sourceQueues()).find((one) => one.name === name);
    if (source === undefined) throw new Error(`${name} is no queue that is read`);
    return source.as === name ? { queue: source.as } : { queue: source.as, partition: name };
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(delayMs, resolve));
  }
}
