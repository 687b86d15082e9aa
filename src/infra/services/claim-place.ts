import type { Environment } from '../../config.ts';
import type { BrokerControl } from './broker-control.ts';
import type { MachineProbe } from './choose-road.ts';
import { requireEmpty } from './place-checks.ts';
import type { Progress, ServerHandle, ServerKind } from './server-kind.ts';
import { SERVER_KINDS } from './server-kind.ts';
import { startServers } from './start-servers.ts';

/** Whose variables are read: `PAYGATE_TEST_DATABASE_URL`, `PAYGATE_DEMO_REDIS_URL`, … */
export type PlacePrefix = 'PAYGATE_TEST' | 'PAYGATE_DEMO';

export interface PlaceOptions {
  readonly env: Environment;
  readonly prefix: PlacePrefix;
  readonly onProgress?: Progress;
  readonly allowInstall?: boolean;
  readonly probe?: MachineProbe;
}

/** An empty database, vhost and Redis database to work in. */
export interface Place {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
  /** The servers that were started for this place; one that a variable names is not among them. */
  readonly started: Readonly<Partial<Record<ServerKind, ServerHandle>>>;
  readonly brokerControl: BrokerControl | null;
  /** Ends what was started; leaves named servers as they are. */
  release(): Promise<void>;
}

const VARIABLES: Readonly<Record<ServerKind, string>> = {
  postgres: 'DATABASE_URL',
  rabbitmq: 'RABBITMQ_URL',
  redis: 'REDIS_URL',
};

/**
 * Takes the servers that the prefix's variables name, if they are empty, and starts the others.
 *
 * Throws `ServerError`. The plain `DATABASE_URL`, `RABBITMQ_URL` and `REDIS_URL` are never looked at.
 */
export async function claimPlace(options: PlaceOptions): Promise<Place> {
  const { env, prefix, ...rest } = options;
  const named = new Map<ServerKind, string>();
  for (const kind of SERVER_KINDS) {
    const variable = `${prefix}_${VARIABLES[kind]}`;
    const url = env[variable]?.trim() ?? '';
    if (url === '') continue;
    await requireEmpty(kind, url, variable);
    named.set(kind, url);
  }
  const kinds = SERVER_KINDS.filter((kind) => !named.has(kind));
  if (kinds.length === 0) return placeOf(named, {}, null, () => Promise.resolve());
  const servers = await startServers({ env, kinds, ...rest });
  const started = Object.fromEntries(kinds.map((kind) => [kind, servers[kind]]));
  return placeOf(named, started, servers.brokerControl, () => servers.stop());
}

function placeOf(
  named: ReadonlyMap<ServerKind, string>,
  started: Place['started'],
  brokerControl: BrokerControl | null,
  release: () => Promise<void>,
): Place {
  const url = (kind: ServerKind): string => named.get(kind) ?? started[kind]?.url ?? '';
  return {
    databaseUrl: url('postgres'),
    rabbitmqUrl: url('rabbitmq'),
    redisUrl: url('redis'),
    started,
    brokerControl,
    release,
  };
}
