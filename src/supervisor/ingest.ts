import { decodeMessage } from '../contracts/decode.ts';
import type { Command } from '../contracts/command.ts';
import { ROAD_OF_QUEUE } from '../contracts/queues.ts';
import type { InboundQueue } from '../contracts/queues.ts';
import { ensureError } from '../domain/errors.ts';
import { shardOf } from '../domain/shard.ts';
import { LIMITS } from '../limits.ts';
import type { Delivery } from '../ports/broker.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { Retry } from '../ports/stores.ts';
import { CommandEnvelope } from './command-envelope.ts';
import type { Origin } from './command-envelope.ts';
import type { InFlight } from './in-flight.ts';
import type { Router } from './router.ts';
import type { Settle } from './settle.ts';
import type { Tally } from './tally.ts';

export interface IngestOptions {
  readonly router: Router;
  readonly settle: Settle;
  readonly inFlight: InFlight;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The next place in the order of arrival, of one count for all that comes into the node. */
  readonly nextN: () => number;
  /** Messages in memory and not answered, whatever road they came by. */
  readonly inFlightMax: number;
  /** A delivery was left alone because of that: its channel is to be closed, so that it goes back to its place. */
  readonly onOverflow: (queue: InboundQueue) => void;
}

/**
 * The way in: bytes become an envelope on the way to its account, or a dead letter.
 *
 * I1. Never throws: a throw inside a consume callback would close the channel.
 * I2. Once closed, deliveries are left alone: unacknowledged, they go back to their places when the channel closes.
 * I3. The same with what comes beyond `inFlightMax`. The intake windows keep a node below it; only a broker that loses its
 *     connections again and again, and delivers again what is still held here, gets there.
 */
export class Ingest {
  readonly #options: IngestOptions;
  #phase: 'open' | 'closed' = 'open';

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  close(): void {
    this.#phase = 'closed';
  }

  readonly onDelivery = (delivery: Delivery): void => {
    if (this.#phase === 'closed') return;
    const { router, settle, clock, inFlight, tally, inFlightMax, onOverflow } = this.#options;
    if (inFlight.count >= inFlightMax) {
      onOverflow(delivery.queue);
      return;
    }
    const receivedAtMs = clock.now();
    inFlight.enter();
    tally.received(delivery.queue);
    try {
      const decoded = decodeMessage(delivery.queue, delivery.body);
      if (decoded.ok) router.route(this.#delivered(delivery, decoded.command, receivedAtMs));
      else settle.refuse(delivery, decoded.refusal, receivedAtMs);
    } catch (error) {
      this.#unhandled(delivery, error, receivedAtMs);
    }
  };

  /** A deferral whose time has come. `origin` is told when its outcome is durable. */
  retry(retry: Retry, origin: Origin): void {
    const { router, settle, clock, inFlight } = this.#options;
    const receivedAtMs = clock.now();
    inFlight.enter();
    try {
      const decoded = decodeMessage(retry.queue, retry.body);
      if (decoded.ok) router.route(this.#retried(retry, origin, decoded.command, receivedAtMs));
      else settle.refuse(origin, decoded.refusal, receivedAtMs, retry.transactionId);
    } catch (error) {
      this.#unhandled(origin, error, receivedAtMs, retry.transactionId);
    }
  }

  #unhandled(origin: Origin, error: unknown, receivedAtMs: number, retryOf: string | null = null): void {
    this.#options.logger.error({ err: error, queue: origin.queue }, 'a message could not be handled');
    this.#options.settle.unhandled(origin, ensureError(error).message, receivedAtMs, retryOf);
  }

  #delivered(delivery: Delivery, command: Command, receivedAtMs: number): CommandEnvelope {
    const road = ROAD_OF_QUEUE[delivery.queue];
    return new CommandEnvelope(
      {
        command,
        origin: delivery,
        road,
        shard: shardOf(command.accountId, LIMITS.shardCount),
        n: this.#options.nextN(),
        attempt: 0,
        deferredFor: null,
        mayDecideError: road === 'replay',
        receivedAtMs,
        firstSeenAtMs: receivedAtMs,
      },
      this.#options.settle,
    );
  }

  #retried(retry: Retry, origin: Origin, command: Command, receivedAtMs: number): CommandEnvelope {
    return new CommandEnvelope(
      {
        command,
        origin,
        road: 'retry',
        shard: shardOf(command.accountId, LIMITS.shardCount),
        n: this.#options.nextN(),
        attempt: retry.attempt,
        deferredFor: retry.code,
        // A message from `retry_queue` keeps its right while it waits for its retry.
        mayDecideError: retry.queue === 'retry_queue',
        receivedAtMs,
        firstSeenAtMs: retry.firstSeenAtMs,
      },
      this.#options.settle,
    );
  }
}
