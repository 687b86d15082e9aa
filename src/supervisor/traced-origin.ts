import type { InboundQueue } from '../contracts/queues.ts';
import type { CommandTrace } from '../ports/tracing.ts';
import type { Origin } from './command-envelope.ts';

/** An origin whose trace ends with its acknowledgement. */
export class TracedOrigin implements Origin {
  readonly queue: InboundQueue;
  readonly body: Buffer;
  redelivered: boolean;
  readonly trace: CommandTrace;
  readonly #origin: Origin;

  constructor(origin: Origin, trace: CommandTrace) {
    this.queue = origin.queue;
    this.body = origin.body;
    this.redelivered = origin.redelivered;
    this.trace = trace;
    this.#origin = origin;
  }

  ack(): void {
    this.#origin.ack();
    this.trace.end();
  }
}
