import type { InboundQueue } from '../../contracts/queues.ts';
import type { CommandTrace } from '../../ports/tracing.ts';
import type { Origin } from '../command-envelope.ts';
import type { Forward } from './forward.ts';
import type { ForwardLane } from './forward-lane.ts';

/** Another node, which holds the command until it is told that the outcome is durable. */
export class ForwardedOrigin implements Origin {
  readonly queue: InboundQueue;
  readonly body: Buffer;
  redelivered: boolean;
  readonly lane: ForwardLane;
  readonly epoch: bigint;
  readonly stream: number;
  readonly n: number;
  readonly trace: CommandTrace | null;
  readonly #onAck: (origin: ForwardedOrigin) => void;

  constructor(
    lane: ForwardLane,
    forward: Forward,
    trace: CommandTrace | null,
    onAck: (origin: ForwardedOrigin) => void,
  ) {
    this.queue = forward.queue;
    this.body = forward.body;
    this.redelivered = forward.redelivered;
    this.lane = lane;
    this.epoch = forward.epoch;
    this.stream = forward.stream;
    this.n = forward.n;
    this.trace = trace;
    this.#onAck = onAck;
  }

  ack(): void {
    this.#onAck(this);
    this.trace?.end();
  }
}
