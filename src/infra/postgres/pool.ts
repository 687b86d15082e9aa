import pg from 'pg';
import { LIMITS } from '../../limits.ts';
import type { Logger } from '../../ports/runtime.ts';
import { serverAddress } from '../server-address.ts';

/** Connections that load and store beside the commit lanes. Waits are bounded on the server, where they end for certain. */
export interface PoolSettings {
  readonly databaseUrl: string;
  /** As `pg_stat_activity` shows it; `connectionName` makes it for a node. */
  readonly applicationName: string;
  readonly connectionsMax: number;
  /** `read-only`: the server refuses whatever would change something. Default: `read-write`. */
  readonly access?: 'read-only' | 'read-write';
  /** The four waits: `LIMITS.pool…` where they are left out; 0 = no bound. */
  readonly connectTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
  readonly idleInTransactionTimeoutMs?: number;
}

/** PostgreSQL cuts `application_name` after this many bytes. */
const APPLICATION_NAME_BYTES_MAX = 63;
const NODE_IN_NAME_CHARS_MAX = 11;

/**
 * `paygate:<node>:<incarnation>:<role>`. The node's name is cut rather than the incarnation, because a takeover finds
 * the connections of a dead owner by its incarnation (`connectionsOf`).
 */
export function connectionName(nodeId: string, incarnation: string, role: string): string {
  const name = `paygate:${nodeId.slice(0, NODE_IN_NAME_CHARS_MAX)}:${incarnation}:${role}`;
  return name.slice(0, APPLICATION_NAME_BYTES_MAX);
}

/** Pattern for `application_name LIKE` that finds every connection of one incarnation and of no other. */
export function connectionsOf(incarnation: string): string {
  return `paygate:%:${incarnation.replace(/[\\%_]/g, '\\$&')}:%`;
}

/**
 * Settings for `pg.Client` and `pg.Pool`. Takes our own settings out of the URL first: `pg` lets those in the URL win,
 * and a connection that is not called by its incarnation would survive the takeover of its shards.
 */
export function connectionSettings(settings: Omit<PoolSettings, 'connectionsMax'>): pg.ClientConfig {
  const { url, tls } = serverAddress(settings.databaseUrl);
  return {
    connectionString: withoutOurSettings(url),
    ...(tls === null ? {} : { ssl: tls }),
    application_name: settings.applicationName,
    connectionTimeoutMillis: settings.connectTimeoutMs ?? LIMITS.poolConnectTimeoutMs,
    statement_timeout: settings.statementTimeoutMs ?? LIMITS.poolStatementTimeoutMs,
    lock_timeout: settings.lockTimeoutMs ?? LIMITS.poolLockTimeoutMs,
    idle_in_transaction_session_timeout:
      settings.idleInTransactionTimeoutMs ?? LIMITS.poolIdleInTransactionTimeoutMs,
    // A message is acknowledged on the word of a commit: it must be on disk whatever the database's default says.
    options: `-c synchronous_commit=on${settings.access === 'read-only' ? ' -c default_transaction_read_only=on' : ''}`,
    keepAlive: true,
  };
}

const OUR_SETTINGS = [
  'application_name',
  'options',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
];

function withoutOurSettings(databaseUrl: string): string {
  const queryAt = databaseUrl.indexOf('?');
  if (queryAt < 0) return databaseUrl;
  const query = new URLSearchParams(databaseUrl.slice(queryAt + 1));
  for (const name of OUR_SETTINGS) query.delete(name);
  return query.size === 0
    ? databaseUrl.slice(0, queryAt)
    : `${databaseUrl.slice(0, queryAt)}?${query.toString()}`;
}

/** A pool whose lost connections are a log line, never an uncaught `error` event: whoever queries next gets a new one. */
export function createPool(settings: PoolSettings, logger: Pick<Logger, 'warn'>): pg.Pool {
  const pool = new pg.Pool({
    ...connectionSettings(settings),
    max: settings.connectionsMax,
    idleTimeoutMillis: 30_000,
  });
  const report = (error: Error): void =>
    logger.warn({ err: error, application_name: settings.applicationName }, 'lost a database connection');
  // On each client as well: the pool listens only while a client is idle in it, not while it is lent.
  pool.on('connect', (client) => client.on('error', report));
  pool.on('error', () => undefined);
  return pool;
}
