import { gunzipSync } from 'node:zlib';
import { fastify } from 'fastify';
import { z } from 'zod';

const attributes = z.array(
  z.object({
    key: z.string(),
    value: z.object({
      stringValue: z.string().optional(),
      intValue: z.union([z.number(), z.string()]).optional(),
      doubleValue: z.number().optional(),
      boolValue: z.boolean().optional(),
    }),
  }),
);

const posted = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string().regex(/^[\da-f]{32}$/),
              spanId: z.string().regex(/^[\da-f]{16}$/),
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.int(),
              startTimeUnixNano: z.string(),
              endTimeUnixNano: z.string(),
              attributes,
              status: z.object({ code: z.int() }),
              links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
            }),
          ),
        }),
      ),
    }),
  ),
});

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** null: it has none. */
  readonly parentSpanId: string | null;
  readonly name: string;
  /** Nanoseconds since the epoch. */
  readonly startedAt: bigint;
  readonly endedAt: bigint;
  readonly isError: boolean;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly facts: Readonly<Record<string, unknown>>;
  /** Of the node that sent it. */
  readonly node: string;
}

export interface OtlpCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Headers of what was posted. */
  readonly headers: readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

/** Takes OTLP over HTTP in its JSON encoding and keeps it; what is not OTLP is refused, and is an error of the test's. */
export async function startCollector(port = 0): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const headers: Readonly<Record<string, unknown>>[] = [];
  const server = fastify({ bodyLimit: 64 * 1024 * 1024 });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const isZipped = request.headers['content-encoding'] === 'gzip';
    done(null, JSON.parse((isZipped ? gunzipSync(body) : body).toString()));
  });
  server.post('/v1/traces', (request) => {
    headers.push(request.headers);
    for (const { resource, scopeSpans } of posted.parse(request.body).resourceSpans)
      for (const scope of scopeSpans)
        for (const span of scope.spans)
          spans.push({
            traceId: span.traceId,
            spanId: span.spanId,
            parentSpanId: span.parentSpanId ?? null,
            name: span.name,
            startedAt: BigInt(span.startTimeUnixNano),
            endedAt: BigInt(span.endTimeUnixNano),
            isError: span.status.code === 2,
            links: span.links,
            facts: factsOf(span.attributes),
            node: String(factsOf(resource.attributes)['paygate.node']),
          });
    return {};
  });
  const url = await server.listen({ port, host: '127.0.0.1' });
  return { url, spans, headers, close: () => server.close() };
}

function factsOf(list: z.infer<typeof attributes>): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}
