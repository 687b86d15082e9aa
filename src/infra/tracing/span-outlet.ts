import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { TracingSettings } from '../../config/tracing-settings.ts';
import type { Logger } from '../../ports/runtime.ts';

type Exported = Parameters<SpanExporter['export']>[1];

/**
 * Sends spans as OTLP over HTTP. Says once that they do not arrive, and once, with how many were lost, that they do again:
 * nothing else in the node waits for them or hears of it.
 */
export class SpanOutlet implements SpanExporter {
  readonly #exporter: OTLPTraceExporter;
  readonly #logger: Logger;
  readonly #url: string;
  #lostCount = 0;

  constructor(settings: TracingSettings, logger: Logger) {
    const { url, headers, timeoutMs, compression, queueMax, batchMax } = settings;
    this.#logger = logger;
    this.#url = withoutSecrets(url);
    this.#exporter = new OTLPTraceExporter({
      url,
      headers: { ...headers },
      timeoutMillis: timeoutMs,
      compression: compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
      // All that waits goes out together at the end.
      concurrencyLimit: Math.ceil(queueMax / batchMax) + 1,
    });
  }

  export(spans: ReadableSpan[], done: Exported): void {
    this.#exporter.export(spans, ({ code, error }) => {
      if (code === ExportResultCode.SUCCESS) this.#arrived();
      else this.#lost(spans.length, error);
      // Said already; the processor would tell a handler that is the whole process's.
      done({ code: ExportResultCode.SUCCESS });
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #lost(count: number, error: Error | undefined): void {
    const isNews = this.#lostCount === 0;
    this.#lostCount += count;
    if (isNews)
      this.#logger.warn(
        { err: error, url: this.#url },
        'spans do not arrive; they are dropped until they do',
      );
  }

  #arrived(): void {
    if (this.#lostCount === 0) return;
    this.#logger.info({ url: this.#url, lost: this.#lostCount }, 'spans arrive again');
    this.#lostCount = 0;
  }
}

function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
