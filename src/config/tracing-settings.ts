import { z } from 'zod';
import { integer, oneOf, url } from './setting-types.ts';

/** Where spans go and which ones, from the variables that OpenTelemetry has names for. */
export interface TracingSettings {
  /** Takes `POST` of OTLP as JSON. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: 'none' | 'gzip';
  readonly sampler: Sampling;
  /** Share of the traces that begin here, 0 … 1, for the samplers by ratio. */
  readonly samplerRatio: number;
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** Spans that wait for export; those beyond it are dropped. */
  readonly queueMax: number;
  readonly batchMax: number;
  readonly delayMs: number;
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type Sampling = (typeof SAMPLERS)[number];

/** `key=value,key=value`, values percent-encoded, as W3C Baggage has it. */
function pairs(): z.ZodType<Readonly<Record<string, string>>> {
  return z.string().transform((text, context) => {
    const entries = text
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(pair);
    const sound = entries.filter((entry) => entry !== null);
    // The text itself may hold a secret and is not repeated.
    if (sound.length < entries.length)
      context.addIssue('expected key=value,key=value with percent-encoded values');
    return Object.fromEntries(sound);
  });
}

function pair(text: string): readonly [string, string] | null {
  const [key = '', ...rest] = text.split('=');
  if (key.trim() === '' || rest.length === 0) return null;
  try {
    return [key.trim(), decodeURIComponent(rest.join('=').trim())];
  } catch {
    return null;
  }
}

const timeout = integer(1, 60_000);
const endpoint = url('http', 'https');

/** By variable. */
export const TRACING_SCHEMA = z.object({
  OTEL_SDK_DISABLED: z
    .string()
    .transform((text) => text.toLowerCase() === 'true')
    .default(false),
  OTEL_TRACES_EXPORTER: oneOf(['otlp', 'none']).default('otlp'),
  /** Both are accepted where the former is spoken: a collector takes either at one address. */
  OTEL_EXPORTER_OTLP_PROTOCOL: oneOf(['http/json', 'http/protobuf']).default('http/json'),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: oneOf(['http/json', 'http/protobuf']).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.default('http://localhost:4318'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs().default({}),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs().optional(),
  /** The specification says 10 s. A node that ends while the collector is away waits so long for its last spans. */
  OTEL_EXPORTER_OTLP_TIMEOUT: timeout.default(3_000),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: timeout.optional(),
  OTEL_EXPORTER_OTLP_COMPRESSION: oneOf(['none', 'gzip']).default('none'),
  OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: oneOf(['none', 'gzip']).optional(),
  OTEL_TRACES_SAMPLER: oneOf(SAMPLERS).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number('expected a number from 0 to 1')
    .min(0, 'expected a number from 0 to 1')
    .max(1, 'expected a number from 0 to 1')
    .default(1),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs().default({}),
  /** The specification says 2,048: less than the spans of one large commit. 8,192 hold some 12 MB. */
  OTEL_BSP_MAX_QUEUE_SIZE: integer(1, 1_000_000).default(8_192),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: integer(1, 100_000).default(512),
  OTEL_BSP_SCHEDULE_DELAY: integer(1, 3_600_000).default(5_000),
});

export type ReadTracingSettings =
  | { readonly ok: true; readonly settings: TracingSettings | null }
  /** `<variable>: <what was expected>` */
  | { readonly ok: false; readonly issues: readonly string[] };

/** Empty counts as absent. `settings` null: OpenTelemetry's own variables switch it off. */
export function readTracingSettings(env: Readonly<Record<string, string | undefined>>): ReadTracingSettings {
  const present = Object.keys(TRACING_SCHEMA.shape).flatMap((variable) => {
    const value = env[variable]?.trim() ?? '';
    return value === '' ? [] : [[variable, value] as const];
  });
  const parsed = TRACING_SCHEMA.safeParse(Object.fromEntries(present));
  if (!parsed.success)
    return {
      ok: false,
      issues: parsed.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`),
    };
  const given = parsed.data;
  const isOff = given.OTEL_SDK_DISABLED || given.OTEL_TRACES_EXPORTER === 'none';
  return { ok: true, settings: isOff ? null : settingsOf(given) };
}

function settingsOf(given: z.infer<typeof TRACING_SCHEMA>): TracingSettings {
  const resourceAttributes = given.OTEL_RESOURCE_ATTRIBUTES;
  return {
    url: given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? tracesBelow(given.OTEL_EXPORTER_OTLP_ENDPOINT),
    headers: given.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? given.OTEL_EXPORTER_OTLP_HEADERS,
    timeoutMs: given.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? given.OTEL_EXPORTER_OTLP_TIMEOUT,
    compression: given.OTEL_EXPORTER_OTLP_TRACES_COMPRESSION ?? given.OTEL_EXPORTER_OTLP_COMPRESSION,
    sampler: given.OTEL_TRACES_SAMPLER,
    samplerRatio: given.OTEL_TRACES_SAMPLER_ARG,
    serviceName: given.OTEL_SERVICE_NAME ?? resourceAttributes['service.name'] ?? 'paygate-processor',
    resourceAttributes,
    queueMax: given.OTEL_BSP_MAX_QUEUE_SIZE,
    batchMax: Math.min(given.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, given.OTEL_BSP_MAX_QUEUE_SIZE),
    delayMs: given.OTEL_BSP_SCHEDULE_DELAY,
  };
}

function tracesBelow(endpoint: string): string {
  return `${endpoint.replace(/\/+$/, '')}/v1/traces`;
}
