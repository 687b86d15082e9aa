import { ConfigError, loadConfig, type Config, type Environment } from '../config.ts';
import { ClusterRefusal } from '../infra/postgres/cluster.ts';
import { meaningOf, networkMeaningOf } from '../infra/server-errors.ts';
import { tlsAdviceOf } from '../infra/tls-errors.ts';
import { redact } from '../infra/redact.ts';
import { serverAddress } from '../infra/server-address.ts';
import { ServerError } from '../infra/services/index.ts';
import { CommandError, EXIT } from './exit-codes.ts';

interface Described {
  readonly message: string;
  readonly exitCode: number;
}

/** The driver of RabbitMQ has no codes for these. */
const REFUSED_IN_WORDS: readonly (readonly [RegExp, string])[] = [
  [/ACCESS[_-]REFUSED.*[Ll]ogin/, 'RabbitMQ refuses this user or password: check RABBITMQ_URL'],
  [
    /requires a valid client certificate/,
    'PostgreSQL wants a client certificate: set TLS_CERT_FILE and TLS_KEY_FILE',
  ],
  [
    /no pg_hba\.conf entry .*(?:no encryption|SSL off)/,
    'PostgreSQL refuses this user without TLS: add sslmode=verify-full to DATABASE_URL (docs/SECURITY.md)',
  ],
  [
    /does not support SSL connections/,
    'PostgreSQL does not speak TLS: switch `ssl` on at the server, or take sslmode from DATABASE_URL',
  ],
  [/Expected ConnectionOpenOk/, 'RabbitMQ refuses this user its virtual host: check RABBITMQ_URL'],
];

function textOf(error: Error, key: 'code' | 'address' | 'hostname'): string | null {
  const value: unknown = key in error ? Reflect.get(error, key) : null;
  return typeof value === 'string' ? value : null;
}

function portOf(error: Error): number | null {
  return 'port' in error && typeof error.port === 'number' ? error.port : null;
}

/** Errors hide their reason in `cause` and in `errors` (Node tries several addresses). */
function chain(error: unknown): readonly unknown[] {
  const found: unknown[] = [error];
  for (const one of found) {
    if (one instanceof AggregateError) found.push(...(one.errors as unknown[]));
    else if (one instanceof Error && one.cause !== undefined) found.push(one.cause);
    if (found.length > 20) break;
  }
  return found;
}

interface Server {
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  readonly isEncrypted: boolean;
}

/** The servers of the settings: an error of a driver tells host and port, and a person knows them by their setting. */
function servers({ databaseUrl, rabbitmqUrl, redisUrl }: Config): readonly Server[] {
  const server = (name: string, text: string, usualPort: number): Server => {
    const { hostname, port } = new URL(text);
    const isEncrypted = serverAddress(text).tls !== null;
    return { name, hostname, port: port === '' ? usualPort : Number(port), isEncrypted };
  };
  return [
    server('PostgreSQL (DATABASE_URL)', databaseUrl, 5432),
    server('RabbitMQ (RABBITMQ_URL)', rabbitmqUrl, 5672),
    server('Redis (REDIS_URL)', redisUrl, 6379),
  ];
}

/** The demonstration runs with servers of its own, whatever the settings are: wrong ones name nobody. */
function knownServers(env: Environment | undefined): readonly Server[] {
  try {
    return servers(loadConfig(env));
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
}

type NameOf = (isIt: (server: Server) => boolean) => string;

function namesFrom(env: Environment | undefined): NameOf {
  return (isIt) => {
    const [found, ...others] = knownServers(env).filter(isIt);
    return found === undefined || others.length > 0
      ? 'a server (DATABASE_URL, RABBITMQ_URL or REDIS_URL)'
      : found.name;
  };
}

/** TLS 1.3 tells of a refused certificate late, and a server that closes at once may not tell at all. */
function brokenTls(env: Environment | undefined): string {
  const uses = knownServers(env).some(({ isEncrypted }) => isEncrypted);
  return uses
    ? '. A server that does not take our client certificate (TLS_CERT_FILE), or none, ends the connection like this'
    : '';
}

function unreachable(error: Error, nameOf: NameOf, env: Environment | undefined): string {
  const port = portOf(error);
  if (port === null) return `a server cannot be reached: ${error.message}${brokenTls(env)}`;
  const name = nameOf((server) => server.port === port);
  const address = textOf(error, 'address') ?? 'its address';
  return `${name} does not answer at ${address}:${String(port)}. Is it running? \`paygate services up\` starts private ones.`;
}

function unknownHost(error: Error, nameOf: NameOf): string {
  const hostname = textOf(error, 'hostname');
  if (hostname === null) return `a server cannot be reached: ${error.message}`;
  return `nobody knows the host ${hostname} of ${nameOf((server) => server.hostname === hostname)}`;
}

/** What the surroundings refuse, in words; null for everything else. */
function refusal(error: Error, nameOf: NameOf, env: Environment | undefined): string | null {
  if (error instanceof ClusterRefusal || error instanceof ServerError) return error.message;
  if (textOf(error, 'code') === 'EADDRINUSE')
    return `port ${String(portOf(error))} is taken: set HTTP_PORT to another one`;
  const trouble = networkMeaningOf(error)?.trouble;
  if (trouble === 'unknown host') return unknownHost(error, nameOf);
  if (trouble === 'unreachable') return unreachable(error, nameOf, env);
  const inWords = REFUSED_IN_WORDS.find(([pattern]) => pattern.test(error.message))?.[1];
  const advice = meaningOf(error)?.advice;
  if (inWords !== undefined || advice === undefined) return inWords ?? null;
  // The words of TLS name the host, the certificate or the alert; those of the others are told by the advice.
  return tlsAdviceOf(textOf(error, 'code') ?? '') === null ? advice : `${advice} (${error.message})`;
}

/** What to tell the person at the terminal, and the exit code. Unknown errors keep their stack: they are bugs. */
export function describeError(thrown: unknown, env?: Environment): Described {
  const { message, exitCode } = describe(thrown, env);
  // Drivers quote what they were given.
  return { message: redact(message), exitCode };
}

function describe(thrown: unknown, env: Environment | undefined): Described {
  const nameOf = namesFrom(env);
  if (thrown instanceof CommandError)
    return { message: `paygate: ${thrown.message}`, exitCode: thrown.exitCode };
  if (thrown instanceof ConfigError) return { message: `paygate: ${thrown.message}`, exitCode: EXIT.usage };
  for (const error of chain(thrown)) {
    const words = error instanceof Error ? refusal(error, nameOf, env) : null;
    if (words !== null) return { message: `paygate: ${words}`, exitCode: EXIT.unavailable };
  }
  if (!(thrown instanceof Error)) return { message: `paygate: ${String(thrown)}`, exitCode: EXIT.finding };
  return { message: `paygate: ${thrown.stack ?? thrown.message}`, exitCode: EXIT.finding };
}
