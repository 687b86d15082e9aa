import amqp from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { ServerKind } from './server-kind.ts';

const CONNECT_LIMIT_MS = 3_000;

async function postgresAnswers(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_LIMIT_MS });
  // A server that goes away while we say goodbye is no reason to end.
  client.on('error', () => undefined);
  await client.connect();
  await client.end();
}

async function rabbitmqAnswers(url: string): Promise<void> {
  const connection = await amqp.connect(url, { timeout: CONNECT_LIMIT_MS });
  connection.on('error', () => undefined);
  await connection.close();
}

async function redisAnswers(url: string): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: CONNECT_LIMIT_MS,
    commandTimeout: CONNECT_LIMIT_MS,
    maxRetriesPerRequest: 0,
  });
  redis.on('error', () => undefined); // connect() rejects with it
  try {
    await redis.connect();
    await redis.ping(); // an error while the append-only file is being loaded
  } finally {
    redis.disconnect();
  }
}

/** One attempt to connect and log in. Rejects with the client's error, within three seconds, when that does not work. */
export const serverAnswers: Readonly<Record<ServerKind, (url: string) => Promise<void>>> = {
  postgres: postgresAnswers,
  rabbitmq: rabbitmqAnswers,
  redis: redisAnswers,
};
