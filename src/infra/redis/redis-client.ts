import { Redis } from 'ioredis';
import { retryDelayMs } from '../../domain/retry-policy.ts';
import { LIMITS } from '../../limits.ts';
import type { LinkState } from '../../ports/connection.ts';
import type { Logger, Random } from '../../ports/runtime.ts';
import { meaningOf } from '../server-errors.ts';
import { redisAddress } from './redis-address.ts';

export interface RedisClientOptions {
  /** redis:// or rediss://, with credentials; never logged. */
  readonly url: string;
  /** Shown by `CLIENT LIST`. */
  readonly name: string;
  readonly logger: Logger;
  readonly random: Random;
  /** Default `LIMITS.redisCommandTimeoutMs`. */
  readonly commandTimeoutMs?: number;
}

/**
 * A client that answers or rejects, and never does anything later by itself: nothing is queued while Redis is away
 * (an old balance would be written over a newer one when it is back), nothing is sent again, every command has a time limit.
 * It reconnects for ever once `connectInBackground` was called.
 */
export function createRedisClient(options: RedisClientOptions): Redis {
  const commandTimeout = options.commandTimeoutMs ?? LIMITS.redisCommandTimeoutMs;
  const { url, tls } = redisAddress(options.url);
  const client = new Redis(url, {
    ...tls,
    ...reconnecting(options),
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 1,
    commandTimeout,
    // A frozen server: the connection is given up soon after its first command was.
    socketTimeout: 2 * commandTimeout,
  });
  logConnection(client, options);
  return client;
}

/** A client whose commands wait for Redis as long as it takes: for blocking commands. Connects at once. */
export function createPatientRedisClient(options: RedisClientOptions): Redis {
  const { url, tls } = redisAddress(options.url);
  const client = new Redis(url, { ...tls, ...reconnecting(options), maxRetriesPerRequest: null });
  logConnection(client, options);
  return client;
}

interface Reconnecting {
  readonly connectionName: string;
  readonly connectTimeout: number;
  readonly retryStrategy: (times: number) => number;
}

function reconnecting({ name, random }: RedisClientOptions): Reconnecting {
  return {
    connectionName: name,
    connectTimeout: LIMITS.connectTimeoutMs,
    retryStrategy: (times) =>
      retryDelayMs(Math.min(times, LIMITS.reconnectDoublingsMax), LIMITS.reconnectBaseMs, random),
  };
}

/** Starts connecting. It goes on by itself where the first try fails; the error listener has heard why. */
export function connectInBackground(client: Redis): void {
  client.connect().catch(() => undefined);
}

export function linkStateOf(client: Redis): LinkState {
  switch (client.status) {
    case 'ready':
      return 'up';
    case 'connecting':
    case 'connect':
    case 'wait':
      return 'connecting';
    case 'close':
    case 'reconnecting':
    case 'end':
      return 'down';
  }
}

/** In good order where Redis answers in time, else at once. Idempotent, never rejects. */
export async function disconnectClient(client: Redis): Promise<void> {
  if (client.status === 'ready') {
    await client.quit().then(
      () => undefined,
      // It was going anyway.
      () => undefined,
    );
  }
  // On a socket that is gone ioredis waits two seconds for its end, and keeps the process alive for so long.
  if (client.status !== 'end') client.disconnect();
}

/** Attached before the first connection, one line per outage: without an error listener ioredis writes to the console. */
function logConnection(client: Redis, { logger, name }: RedisClientOptions): void {
  let isOut = false;
  client.on('error', (error: Error) => {
    const { category, advice } = meaningOf(error) ?? {};
    const fields = { connection: name, reason: error.message, category, advice };
    if (isOut) logger.debug(fields, 'Redis still not reachable');
    else logger.warn(fields, 'Redis connection lost or not to be had; trying again');
    isOut = true;
  });
  client.on('ready', () => {
    isOut = false;
    logger.info({ connection: name }, 'Redis connection is up');
  });
}
