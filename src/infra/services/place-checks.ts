import amqp from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import { DEAD_LETTER_QUEUES, INBOUND_QUEUES } from '../../contracts/queues.ts';
import type { ServerKind } from './server-kind.ts';
import { ServerError } from './server-kind.ts';

/**
 * Whether a server that somebody named is empty. Demonstration and tests write invented money, so they work in no
 * place where anything is already. Each returns null when it is empty, else what was found, in words.
 */
type PlaceCheck = (url: string) => Promise<string | null>;

const CONNECT_LIMIT_MS = 5_000;
const NOT_FOUND = 404;
const NAMES_SHOWN = 5;

async function contentsOfDatabase(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_LIMIT_MS });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
          and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
        order by 1`,
    );
    if (rows.length === 0) return null;
    const names = rows.slice(0, NAMES_SHOWN).map((row) => row.name);
    return `it has ${rows.length} tables, views or sequences (${names.join(', ')}${rows.length > NAMES_SHOWN ? ', …' : ''})`;
  } finally {
    await client.end();
  }
}

/** AMQP cannot list queues, so those of the contract are asked for by name. */
async function contentsOfVhost(url: string): Promise<string | null> {
  const connection = await amqp.connect(url, { timeout: CONNECT_LIMIT_MS });
  connection.on('error', () => undefined);
  try {
    const found: string[] = [];
    for (const queue of [...INBOUND_QUEUES, ...DEAD_LETTER_QUEUES]) {
      if (await queueExists(connection, queue)) found.push(queue);
    }
    return found.length === 0 ? null : `its vhost already has the queues ${found.join(', ')}`;
  } finally {
    await connection.close();
  }
}

async function queueExists(connection: amqp.ChannelModel, queue: string): Promise<boolean> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined); // the broker closes the channel when the queue is missing
  try {
    await channel.checkQueue(queue);
    await channel.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return false;
    throw error;
  }
}

async function contentsOfRedis(url: string): Promise<string | null> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: CONNECT_LIMIT_MS,
    commandTimeout: CONNECT_LIMIT_MS,
  });
  redis.on('error', () => undefined); // connect() rejects with it
  try {
    await redis.connect();
    const keys = await redis.dbsize();
    return keys === 0 ? null : `its database ${redis.options.db ?? 0} holds ${keys} keys`;
  } finally {
    redis.disconnect();
  }
}

const CHECKS: Readonly<Record<ServerKind, PlaceCheck>> = {
  postgres: contentsOfDatabase,
  rabbitmq: contentsOfVhost,
  redis: contentsOfRedis,
};

/** Throws `ServerError` when the server does not answer or is not empty. `variable` is what the user set. */
export async function requireEmpty(kind: ServerKind, url: string, variable: string): Promise<void> {
  let contents: string | null;
  try {
    contents = await CHECKS[kind](url);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ServerError(`the server that ${variable} names does not answer: ${reason}`, { cause: error });
  }
  if (contents === null) return;
  throw new ServerError(
    `the server that ${variable} names is not empty: ${contents}. Invented money is written only into an empty place: ` +
      `name another one, or unset ${variable} and servers are started for this run alone.`,
  );
}
