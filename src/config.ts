import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { LOG_LEVELS } from './contracts/log-levels.ts';
import { integer, oneOf, span, url } from './config/setting-types.ts';
import { inboundQueues } from './config/inbound-queues.ts';
import { readHttpTls } from './config/http-tls.ts';
import type { HttpTls } from './config/http-tls.ts';
import { serverUrls } from './config/server-urls.ts';
import type { ServerUrls } from './config/server-urls.ts';
import { withTls } from './config/tls-settings.ts';
import { readTracingSettings } from './config/tracing-settings.ts';
import type { TracingSettings } from './config/tracing-settings.ts';
import { sourceQueues } from './contracts/queues.ts';
import { WEBHOOK_PERMITS } from './contracts/webhooks.ts';

/**
 * Settings of a node and of the `paygate` commands. The only reader of the environment.
 *
 * Names are the users' habit (contract section 6). `.env` in the working directory is read too (by the CLI, before this).
 */

/**
 * What can be switched off. Nothing of the ledger is among it: deciding, committing, retries, dead letters and the cluster are
 * always there. What is off is not loaded.
 */
export const FEATURES = ['cache', 'metrics', 'tracing', 'console', 'events', 'rules', 'webhooks'] as const;
export type Feature = (typeof FEATURES)[number];
const FEATURES_DEFAULT = FEATURES.filter((feature) => feature !== 'tracing');

/** Words separated by commas. They may repeat; case and blanks do not matter. */
function words(): z.ZodType<string[]> {
  return z.string().transform((text) =>
    text
      .toLowerCase()
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  );
}

function names<const T extends readonly [string, ...string[]]>(
  choices: T,
): z.ZodType<ReadonlySet<T[number]>> {
  const error = `expected names out of ${choices.join(', ')}, separated by commas`;
  return words()
    .pipe(z.array(z.enum(choices, { error })))
    .transform((list): ReadonlySet<T[number]> => new Set(list));
}

/** `cache,metrics`, `minimal` (none), `all`. */
function features(): z.ZodType<ReadonlySet<Feature>> {
  const error = `expected names out of ${FEATURES.join(', ')}, separated by commas, or minimal, or all`;
  const named = words().pipe(z.array(z.enum(FEATURES, { error })));
  const alone = (word: string, list: readonly Feature[]) =>
    z
      .string()
      .refine((text) => text.trim().toLowerCase() === word)
      .transform(() => list);
  return z
    .union([alone('minimal', []), alone('all', FEATURES), named], { error })
    .transform((list): ReadonlySet<Feature> => new Set(list));
}

/** Kinds, bounds and defaults. What each setting means is in `config/meanings.ts`; here stands only what it does not say. */
export const CONFIG_SCHEMA = z.object({
  databaseUrl: url('postgres', 'postgresql'),
  databaseRuntimeRole: z
    .string()
    .trim()
    .max(63, 'expected a role, at most 63 characters')
    .nullable()
    .default(null),
  rabbitmqUrl: url('amqp', 'amqps'),
  redisUrl: url('redis', 'rediss'),
  nodeId: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'expected letters, digits, dot, dash and underscore, at most 64'),
  httpHost: z.string().trim().default('127.0.0.1'),
  httpPort: integer(0, 65_535).default(9464),
  httpAdvertisedUrl: url('http', 'https')
    .transform((text) => new URL(text).origin)
    .nullable()
    .default(null),
  httpPeerUrl: url('http', 'https')
    .transform((text) => new URL(text).origin)
    .nullable()
    .default(null),
  consoleToken: z.string().trim().min(16, 'expected at least 16 characters').nullable().default(null),
  logLevel: oneOf(LOG_LEVELS).default('info'),
  /** One lane writes 22,000/s, more than a node decides, and its commits are twice those of two: decision 33 has the figures. */
  commitLanes: integer(1, 16).default(1),
  intakeWindowMax: integer(1, 20_000).default(4_000),
  inboundQueues: inboundQueues().default(sourceQueues()),
  retryAttempts: integer(0, 100).default(3),
  retryDelayMs: integer(1, 3_600_000).default(1_000),
  refundWaitMs: integer(1_000, 86_400_000).default(900_000),
  databasePoolSize: integer(2, 100).default(10),
  queueBufferSize: integer(1, 1_000_000).default(1_000),
  refundAmount: oneOf(['message', 'original']).default('message'),
  /** Whether `REFUND_AMOUNT` was set at all: history with refunds demands that. */
  refundAmountSet: z.boolean().default(false),
  /** An account that comes back costs a read and about 60 us of CPU. */
  activeAccountsMax: integer(100, 10_000_000).default(10_000),
  accountIdleMs: integer(100, 86_400_000).default(60_000),
  drainTimeoutMs: integer(100, 600_000).default(25_000),
  clusterGraceMs: integer(0, 60_000).default(3_000),
  sweepAgeMinMs: span(100, 86_400_000).default(30_000),
  sweepAgeMaxMs: span(1_000, 365 * 86_400_000).default(86_400_000),
  sweepPollMs: span(10, 15_000).default(5_000),
  sealIntervalMs: integer(1_000, 86_400_000).default(60_000),
  features: features().default(new Set(FEATURES_DEFAULT)),
  webhookKey: z.string().trim().min(32, 'expected at least 32 characters').nullable().default(null),
  webhookAttempts: integer(1, 100).default(20),
  webhookRetryDelayMs: span(10, 3_600_000).default(5_000),
  webhookTimeoutMs: span(100, 60_000).default(10_000),
  webhookDisableFailures: integer(1, 1_000).default(12),
  webhookDisableAfterMs: span(0, 7 * 86_400_000).default(7_200_000),
  webhookPermits: names(WEBHOOK_PERMITS).default(new Set()),
  redisPoolSize: integer(1, 1_000).default(8),
});

export type Config = Readonly<z.infer<typeof CONFIG_SCHEMA>> & {
  /** null: tracing is off. */
  readonly tracing: TracingSettings | null;
  readonly httpTls: HttpTls;
};
export type Environment = Readonly<Record<string, string | undefined>>;

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Variable behind each setting, for messages and documentation. */
export const VARIABLES = {
  databaseUrl: 'DATABASE_URL',
  databaseRuntimeRole: 'DATABASE_RUNTIME_ROLE',
  rabbitmqUrl: 'RABBITMQ_URL',
  redisUrl: 'REDIS_URL',
  nodeId: 'NODE_ID',
  httpHost: 'HTTP_HOST',
  httpPort: 'HTTP_PORT',
  httpAdvertisedUrl: 'HTTP_ADVERTISED_URL',
  httpPeerUrl: 'HTTP_PEER_URL',
  consoleToken: 'CONSOLE_TOKEN',
  logLevel: 'LOG_LEVEL',
  commitLanes: 'PROCESSOR_WORKERS',
  intakeWindowMax: 'PROCESSOR_PREFETCH',
  inboundQueues: 'INBOUND_QUEUES',
  retryAttempts: 'RETRY_ATTEMPTS',
  retryDelayMs: 'RETRY_DELAY_MS',
  refundWaitMs: 'REFUND_WAIT_MS',
  databasePoolSize: 'DB_POOL_SIZE',
  queueBufferSize: 'QUEUE_BUFFER_SIZE',
  refundAmount: 'REFUND_AMOUNT',
  activeAccountsMax: 'ACTIVE_ACCOUNTS_MAX',
  accountIdleMs: 'ACCOUNT_IDLE_MS',
  drainTimeoutMs: 'DRAIN_TIMEOUT_MS',
  clusterGraceMs: 'CLUSTER_GRACE_MS',
  sweepAgeMinMs: 'SWEEP_AGE_MIN',
  sweepAgeMaxMs: 'SWEEP_AGE_MAX',
  sweepPollMs: 'SWEEP_POLL',
  sealIntervalMs: 'SEAL_INTERVAL_MS',
  features: 'FEATURES',
  webhookKey: 'WEBHOOK_KEY',
  webhookAttempts: 'WEBHOOK_ATTEMPTS',
  webhookRetryDelayMs: 'WEBHOOK_RETRY_DELAY',
  webhookTimeoutMs: 'WEBHOOK_TIMEOUT',
  webhookDisableFailures: 'WEBHOOK_DISABLE_FAILURES',
  webhookDisableAfterMs: 'WEBHOOK_DISABLE_AFTER',
  webhookPermits: 'WEBHOOK_ALLOW',
  redisPoolSize: 'REDIS_POOL_SIZE',
} as const;

/** Names of all variables that are settings, but the parts of URLs and OpenTelemetry's own. */
export const SETTING_NAMES: ReadonlySet<string> = new Set(Object.values(VARIABLES));

/** The environment as it is, for what starts other programs. */
export function environment(): Environment {
  return process.env;
}

/** Empty counts as absent. */
function withoutBlanks(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
}

/** Throws `ConfigError` naming every variable that is wrong and what it should be. */
export function loadConfig(environment: Environment = process.env): Config {
  const env = withoutBlanks(environment);
  const present = Object.entries(VARIABLES).flatMap(([setting, variable]) =>
    env[variable] === undefined ? [] : [[setting, env[variable]] as const],
  );
  const { issues, ...urls } = serverUrls(env);
  const parsed = CONFIG_SCHEMA.safeParse({
    nodeId: `${hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 48)}-${randomBytes(3).toString('hex')}`,
    ...Object.fromEntries(present),
    ...urls,
    refundAmountSet: present.some(([setting]) => setting === 'refundAmount'),
  });
  if (!parsed.success || issues.length > 0) {
    const lines = (parsed.error?.issues ?? []).map((issue) => {
      const setting = String(issue.path[0]) as keyof typeof VARIABLES;
      return `${VARIABLES[setting]}: ${issue.message}`;
    });
    throw unusable([...issues, ...lines]);
  }
  return Object.freeze({
    ...parsed.data,
    ...tlsOf(parsed.data, env),
    tracing: tracingOf(parsed.data.features, env),
  });
}

/** The servers' URLs say how TLS is done; the admin port has files of its own. */
function tlsOf(given: ServerUrls, env: Environment): ServerUrls & { readonly httpTls: HttpTls } {
  const servers = withTls(
    [
      { server: 'DATABASE', url: given.databaseUrl },
      { server: 'RABBITMQ', url: given.rabbitmqUrl },
      { server: 'REDIS', url: given.redisUrl },
    ],
    env,
  );
  const { httpTls, issues } = readHttpTls(env);
  const [databaseUrl = '', rabbitmqUrl = '', redisUrl = ''] = servers.urls;
  if (servers.issues.length + issues.length > 0) throw unusable([...new Set([...servers.issues, ...issues])]);
  return { databaseUrl, rabbitmqUrl, redisUrl, httpTls };
}

/** Of a node that does not trace the settings are not even looked at: they may be other programs'. */
function tracingOf(features: ReadonlySet<Feature>, env: Environment): TracingSettings | null {
  if (!features.has('tracing')) return null;
  const read = readTracingSettings(env);
  if (!read.ok) throw unusable(read.issues);
  return read.settings;
}

function unusable(lines: readonly string[]): ConfigError {
  return new ConfigError(`these settings are not usable:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
