import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, SpanContext, Tracer } from '@opentelemetry/api';
import { formatTraceparent } from '../../contracts/traceparent.ts';
import type { CommandTrace, TraceFacts, TraceStep } from '../../ports/tracing.ts';

/**
 * The spans of one message: `receive` over all of its time on this node, and below it one span per step, one after the other.
 * What is not sampled has an id to be sent on, and nothing else.
 *
 * All of them take their times from one clock, so that a step begins where the one before ends: the SDK would round each start to
 * a millisecond by itself. It is set anew for each message, since the monotonic clock and the wall's drift apart.
 */
export class CommandSpans implements CommandTrace {
  readonly #tracer: Tracer;
  readonly #receive: Span;
  readonly #below: Context;
  /** Of the monotonic clock's zero, milliseconds since the epoch. */
  readonly #zeroMs: number;
  #step: { readonly name: TraceStep; readonly span: Span } | null = null;
  #ended = false;

  constructor(tracer: Tracer, name: string, attributes: Attributes, parent: Context) {
    this.#zeroMs = Date.now() - performance.now();
    this.#tracer = tracer;
    const options = { kind: SpanKind.CONSUMER, attributes, startTime: this.#nowMs() };
    const receive = tracer.startSpan(name, options, parent);
    this.#receive = receive;
    this.#below = trace.setSpan(ROOT_CONTEXT, receive);
  }

  get traceId(): string {
    return this.#receive.spanContext().traceId;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.present;
    return formatTraceparent({ traceId, spanId, flags: traceFlags & TraceFlags.SAMPLED });
  }

  /** Whether it will be exported. */
  get isSampled(): boolean {
    return (this.#receive.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
  }

  /** Of the present step, else of the whole. */
  get present(): SpanContext {
    return (this.#step?.span ?? this.#receive).spanContext();
  }

  /** Names a span of another trace that had to do with the present step. */
  link(context: SpanContext): void {
    this.#step?.span.addLink({ context });
  }

  note(facts: TraceFacts): void {
    this.#receive.setAttributes({ ...facts });
  }

  fail(detail: string): void {
    this.#receive.setStatus({ code: SpanStatusCode.ERROR, message: detail });
  }

  enter(name: TraceStep): void {
    if (!this.isSampled || this.#ended || this.#step?.name === name) return;
    const startTime = this.#nowMs();
    this.#step?.span.end(startTime);
    const kind = name === 'forward' ? SpanKind.PRODUCER : SpanKind.INTERNAL;
    this.#step = { name, span: this.#tracer.startSpan(name, { kind, startTime }, this.#below) };
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const endTime = this.#nowMs();
    this.#step?.span.end(endTime);
    this.#receive.end(endTime);
  }

  #nowMs(): number {
    return this.#zeroMs + performance.now();
  }
}
