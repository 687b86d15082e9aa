import { decodeMessage } from '../contracts/decode.ts';
import { glanceAt } from '../contracts/glance.ts';
import type { Glance } from '../contracts/glance.ts';
import type { Command, TransactionCommand } from '../contracts/command.ts';
import { TRACEPARENT } from '../contracts/traceparent.ts';
import { ROAD_OF_QUEUE } from '../contracts/queues.ts';
import type { InboundQueue } from '../contracts/queues.ts';
import { ensureError } from '../domain/errors.ts';
import { shardOf } from '../domain/shard.ts';
import { LIMITS } from '../limits.ts';
import type { Delivery } from '../ports/broker.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { Retry } from '../ports/stores.ts';
import { traceId } from '../ports/tracing.ts';
import type { CommandTrace, ReceivedMessage, Tracing } from '../ports/tracing.ts';
import { CommandEnvelope } from './command-envelope.ts';
import type { Origin, Unread } from './command-envelope.ts';
import type { Letter } from './dead-letter.ts';
import type { InFlight } from './in-flight.ts';
import type { Router } from './router.ts';
import type { Settle } from './settle.ts';
import type { ShardTable } from './shard-table.ts';
import type { Tally } from './tally.ts';
import { TracedOrigin } from './traced-origin.ts';

export interface IngestOptions {
  readonly router: Router;
  readonly shards: Pick<ShardTable, 'ownsAll'>;
  readonly settle: Settle;
  readonly inFlight: InFlight;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracing?: Tracing | null;
  /** The next place in the order of arrival, of one count for all that comes into the node. */
  readonly nextN: () => number;
  /** Messages in memory and not answered, whatever road they came by. */
  readonly inFlightMax: number;
  /** A delivery was left alone because of that: its channel is to be closed, so that it goes back to its place. */
  readonly onOverflow: (queue: string) => void;
}

/**
 * The way in: bytes become an envelope on the way to its account, or a dead letter.
 *
 * I1. Never throws: a throw inside a consume callback would close the channel.
 * I2. Once closed, deliveries are left alone: unacknowledged, they go back to their places when the channel closes.
 * I3. The same with what comes beyond `inFlightMax`. The intake windows keep a node below it; only a broker that loses its
 *     connections again and again, and delivers again what is still held here, gets there.
 * I4. A message whose account shows at a glance goes to the router undecoded: it may be another node's to decide, and would be decoded
 *     twice. Not where it is traced: what a trace says of it stands in the message; and not while all shards are ours, since a glance
 *     costs half of what decoding does.
 * I5. It knows which transactions have a delivery at work here, for whoever looks for those that have none.
 */
export class Ingest {
  readonly #options: IngestOptions;
  readonly #atWork = new Set<string>();
  #phase: 'open' | 'closed' = 'open';
  #newestDeliveredAt: string | null = null;
  /** Came later than that, and has not been looked into. */
  #newestUnread: Buffer | null = null;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  close(): void {
    this.#phase = 'closed';
  }

  /** `created_at` of the live message that `transactions_queue` delivered last; null: none so far. */
  get newestDeliveredAt(): string | null {
    if (this.#newestUnread !== null) {
      const decoded = decodeMessage('transactions_queue', this.#newestUnread);
      if (decoded.ok) this.#noteNewest(decoded.command);
      this.#newestUnread = null;
    }
    return this.#newestDeliveredAt;
  }

  /** Whether a delivery of the transaction is here and not answered. */
  isAtWork(transactionId: string): boolean {
    return this.#atWork.has(transactionId);
  }

  readonly onDelivery = (delivery: Delivery): void => {
    if (this.#phase === 'closed') return;
    const { router, settle, clock, inFlight, tally, inFlightMax, onOverflow } = this.#options;
    if (inFlight.count >= inFlightMax) {
      onOverflow(delivery.partition ?? delivery.queue);
      return;
    }
    const receivedAtMs = delivery.receivedAtMs ?? clock.now();
    inFlight.enter();
    tally.received(delivery.partition ?? delivery.queue);
    let origin = this.#traced(delivery, delivery.queue, delivery.headers);
    try {
      const glance = this.#glanceAt(delivery, origin);
      if (glance !== null) {
        origin = this.#notedUnread(origin, glance, delivery.partition ?? delivery.queue);
        router.route(this.#delivered(origin, { kind: 'unread', accountId: glance.accountId }, receivedAtMs));
        return;
      }
      const decoded = decodeMessage(delivery.queue, delivery.body);
      if (decoded.ok) {
        origin = this.#noted(origin, decoded.command, delivery.partition ?? delivery.queue);
        router.route(this.#delivered(origin, decoded.command, receivedAtMs));
      } else settle.refuse(origin, decoded.refusal, receivedAtMs);
    } catch (error) {
      this.#unhandled(origin, error, receivedAtMs);
    }
  };

  /** A deferral whose time has come. `source` is told when its outcome is durable. */
  retry(retry: Retry, source: Origin): void {
    const { router, settle, clock, inFlight } = this.#options;
    const receivedAtMs = clock.now();
    inFlight.enter();
    const origin = this.#traced(source, 'retry');
    try {
      const decoded = decodeMessage(retry.queue, retry.body);
      if (decoded.ok) router.route(this.#retried(retry, origin, decoded.command, receivedAtMs));
      else settle.refuse(origin, decoded.refusal, receivedAtMs, retry.transactionId);
    } catch (error) {
      this.#unhandled(origin, error, receivedAtMs, retry.transactionId);
    }
  }

  /** A transaction whose message was lost. `source` is told when its outcome is durable. */
  sweep(command: TransactionCommand, source: Origin): void {
    const { router, clock, inFlight } = this.#options;
    const receivedAtMs = clock.now();
    inFlight.enter();
    const origin = this.#traced(source, 'sweep');
    try {
      router.route(this.#swept(command, origin, receivedAtMs));
    } catch (error) {
      this.#unhandled(origin, error, receivedAtMs);
    }
  }

  /** A row that cannot be driven. `origin` is told when the letter is recorded and published. */
  giveUpRow(letter: Letter, origin: Origin): void {
    const { settle, clock, inFlight } = this.#options;
    inFlight.enter();
    settle.giveUpRow(letter, origin, clock.now());
  }

  #glanceAt({ queue, body }: Delivery, { trace }: Origin): Glance | null {
    return trace == null && !this.#options.shards.ownsAll ? glanceAt(queue, body) : null;
  }

  #unhandled(origin: Origin, error: unknown, receivedAtMs: number, retryOf: string | null = null): void {
    const fields = { err: error, queue: origin.queue, ...traceId(origin.trace) };
    this.#options.logger.error(fields, 'a message could not be handled');
    this.#options.settle.unhandled(origin, ensureError(error).message, receivedAtMs, retryOf);
  }

  #delivered(origin: Origin, command: Command | Unread, receivedAtMs: number): CommandEnvelope {
    const road = ROAD_OF_QUEUE[origin.queue];
    return new CommandEnvelope(
      {
        command,
        origin,
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

  #traced(origin: Origin, from: ReceivedMessage['from'], headers?: Delivery['headers']): Origin {
    const { tracing } = this.#options;
    if (tracing == null) return origin;
    return new TracedOrigin(origin, tracing.received({ from, traceparent: headers?.[TRACEPARENT] }));
  }

  /** Only the live shape has a row that waits for its message. */
  #noted(origin: Origin, command: Command, source: string): Origin {
    if (command.kind !== 'transaction' || command.shape !== 'live') return origin;
    if (source === 'transactions_queue') {
      this.#newestUnread = null;
      this.#noteNewest(command);
    }
    this.#atWork.add(command.transactionId);
    return new NotedDelivery(origin, command.transactionId, this.#atWork);
  }

  #notedUnread(origin: Origin, { shape, transactionId }: Glance, source: string): Origin {
    if (shape !== 'live') return origin;
    if (source === 'transactions_queue') this.#newestUnread = origin.body;
    this.#atWork.add(transactionId);
    return new NotedDelivery(origin, transactionId, this.#atWork);
  }

  #noteNewest(command: Command): void {
    if (command.kind === 'transaction') this.#newestDeliveredAt = command.occurredAt;
  }

  #swept(command: TransactionCommand, origin: Origin, receivedAtMs: number): CommandEnvelope {
    return new CommandEnvelope(
      {
        command,
        origin,
        road: 'sweep',
        shard: shardOf(command.accountId, LIMITS.shardCount),
        n: this.#options.nextN(),
        attempt: 0,
        deferredFor: null,
        mayDecideError: false,
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

/** A delivery whose transaction counts as at work until it is answered. */
class NotedDelivery implements Origin {
  readonly queue: InboundQueue;
  readonly body: Buffer;
  redelivered: boolean;
  readonly trace: CommandTrace | null;
  readonly #delivery: Origin;
  readonly #transactionId: string;
  readonly #atWork: Set<string>;

  constructor(delivery: Origin, transactionId: string, atWork: Set<string>) {
    this.queue = delivery.queue;
    this.body = delivery.body;
    this.redelivered = delivery.redelivered;
    this.trace = delivery.trace ?? null;
    this.#delivery = delivery;
    this.#transactionId = transactionId;
    this.#atWork = atWork;
  }

  ack(): void {
    this.#atWork.delete(this.#transactionId);
    this.#delivery.ack();
  }
}
