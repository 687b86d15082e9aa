import type { z } from 'zod';
import { integer } from './setting-types.ts';

/**
 * URLs of the servers made of the parts that a running installation has (contract section 6). Where a URL itself is set, its
 * parts are not looked at: they may be other programs'.
 */

type Environment = Readonly<Record<string, string | undefined>>;

const port = (byDefault: number): z.ZodType<number> => integer(1, 65_535).default(byDefault);

/** The parts that are more than text, by variable. */
export const SERVER_PORTS = {
  POSTGRES_PORT: port(5432),
  RABBITMQ_PORT: port(5672),
  REDIS_PORT: port(6379),
} as const;

export interface ServerUrls {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
}

interface FoundUrls extends ServerUrls {
  /** `<variable>: <what is wrong>` */
  readonly issues: readonly string[];
}

/** The URLs that are set, and those that their parts make. Says what is wrong with parts that are used. */
export function serverUrls(env: Environment): FoundUrls {
  const issues: string[] = [];
  const portOf = (variable: keyof typeof SERVER_PORTS): string => {
    const parsed = SERVER_PORTS[variable].safeParse(env[variable]);
    if (parsed.success) return String(parsed.data);
    issues.push(`${variable}: ${parsed.error.issues[0]?.message ?? 'not usable'}`);
    return '1';
  };
  return {
    databaseUrl: env['DATABASE_URL'] ?? databaseUrl(env, portOf),
    rabbitmqUrl: env['RABBITMQ_URL'] ?? rabbitmqUrl(env, portOf),
    redisUrl: env['REDIS_URL'] ?? redisUrl(env, portOf),
    issues,
  };
}

type PortOf = (variable: keyof typeof SERVER_PORTS) => string;

function databaseUrl(env: Environment, portOf: PortOf): string {
  const at = credentials(env['POSTGRES_USER'] ?? 'postgres', env['POSTGRES_PASSWORD']);
  const place = `${env['POSTGRES_HOST'] ?? '127.0.0.1'}:${portOf('POSTGRES_PORT')}`;
  return `postgres://${at}${place}/${encoded(env['POSTGRES_DB'] ?? 'postgres')}`;
}

function rabbitmqUrl(env: Environment, portOf: PortOf): string {
  const user = env['RABBITMQ_USER'] ?? env['RABBITMQ_DEFAULT_USER'] ?? 'guest';
  const password = env['RABBITMQ_PASS'] ?? env['RABBITMQ_DEFAULT_PASS'] ?? 'guest';
  return `amqp://${credentials(user, password)}${env['RABBITMQ_HOST'] ?? '127.0.0.1'}:${portOf('RABBITMQ_PORT')}`;
}

function redisUrl(env: Environment, portOf: PortOf): string {
  const at = credentials(env['WRITER_REDIS_USER'], env['WRITER_REDIS_PASSWORD']);
  return `redis://${at}${env['REDIS_HOST'] ?? '127.0.0.1'}:${portOf('REDIS_PORT')}`;
}

function credentials(user: string | undefined, password: string | undefined): string {
  if (user === undefined) return '';
  return `${encoded(user)}${password === undefined ? '' : `:${encoded(password)}`}@`;
}

/** Half a surrogate pair has no encoding; no server takes it for a password either. */
function encoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\uFFFD'));
}
