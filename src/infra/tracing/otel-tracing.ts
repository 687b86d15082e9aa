import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import type { Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { TracingSettings } from '../../config/tracing-settings.ts';
import { parseTraceparent } from '../../contracts/traceparent.ts';
import { LIMITS } from '../../limits.ts';
import type { Logger } from '../../ports/runtime.ts';
import type { CommandTrace, CommitSize, CommitTrace, ReceivedMessage, Tracing } from '../../ports/tracing.ts';
import { within } from '../within.ts';
import { CommandSpans } from './command-spans.ts';
import { SpanOutlet } from './span-outlet.ts';
import { SpanSampler } from './span-sampler.ts';

export interface TracingOptions {
  readonly settings: TracingSettings;
  readonly nodeId: string;
  /** Of this run of the node. */
  readonly incarnation: string;
  readonly logger: Logger;
}

/** Added to the timeout of an export, which ends by itself: the processor's own is a last resort. */
const EXPORT_GRACE_MS = 1_000;

/**
 * Spans by OpenTelemetry, without its globals: nodes that share a process share nothing.
 *
 * Owns the spans that have ended until they are exported, a bounded number; what comes beyond is dropped.
 * T1. Nothing of the node waits for an export, and no failure of one gets out of here.
 * T2. A commit is a trace of its own. It names the commands it is made of, and they name it.
 */
export class OtelTracing implements Tracing {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;

  constructor({ settings, nodeId, incarnation, logger }: TracingOptions) {
    const { queueMax, batchMax, delayMs, timeoutMs } = settings;
    this.#provider = new TracerProvider({
      resource: resourceOf(settings, nodeId, incarnation),
      sampler: new SpanSampler(settings),
      spanLimits: { linkCountLimit: LIMITS.commitCommandsMax },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new SpanOutlet(settings, logger),
          maxQueueSize: queueMax,
          maxExportBatchSize: batchMax,
          scheduledDelayMillis: delayMs,
          exportTimeoutMillis: timeoutMs + EXPORT_GRACE_MS,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer('paygate-processor');
  }

  received({ from, traceparent }: ReceivedMessage): CommandTrace {
    const attributes = {
      'messaging.system': 'rabbitmq',
      'messaging.operation.type': 'receive',
      'messaging.operation.name': 'receive',
      'messaging.destination.name': from,
    };
    return new CommandSpans(this.#tracer, `receive ${from}`, attributes, parentOf(traceparent));
  }

  commit(commands: readonly CommandTrace[], size: CommitSize): CommitTrace | null {
    const linked = commands.filter(isSampled);
    if (linked.length === 0) return null;
    const span = this.#tracer.startSpan(
      'commit batch',
      {
        kind: SpanKind.CLIENT,
        root: true,
        links: linked.map(({ present }) => ({ context: present })),
        attributes: {
          'db.system.name': 'postgresql',
          'db.operation.batch.size': size.commands,
          'paygate.accounts': size.accounts,
        },
      },
      ROOT_CONTEXT,
    );
    for (const command of linked) command.link(span.spanContext());
    return new CommitSpan(span);
  }

  /** Sends what has ended, within `closeTimeoutMs`. Never rejects. */
  async close(): Promise<void> {
    await within(LIMITS.closeTimeoutMs, () => this.#provider.shutdown());
  }
}

class CommitSpan implements CommitTrace {
  readonly traceId: string;
  readonly #span: Span;

  constructor(span: Span) {
    this.traceId = span.spanContext().traceId;
    this.#span = span;
  }

  end(result: 'committed' | 'failed', detail = ''): void {
    if (result === 'failed') this.#span.setStatus({ code: SpanStatusCode.ERROR, message: detail });
    this.#span.end();
  }
}

function isSampled(command: CommandTrace): command is CommandSpans {
  return command instanceof CommandSpans && command.isSampled;
}

function parentOf(traceparent: unknown): Context {
  const parent = parseTraceparent(traceparent);
  if (parent === null) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true });
}

function resourceOf(
  { serviceName, resourceAttributes }: TracingSettings,
  nodeId: string,
  incarnation: string,
): Resource {
  return defaultResource().merge(
    resourceFromAttributes({
      'service.instance.id': incarnation,
      'paygate.node': nodeId,
      ...resourceAttributes,
      'service.name': serviceName,
    }),
  );
}
