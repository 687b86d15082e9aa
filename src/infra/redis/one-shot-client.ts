import { Redis } from 'ioredis';
import { LIMITS } from '../../limits.ts';
import { redisAddress } from './redis-address.ts';

/**
 * Lends a client to audits and commands. One try: whoever asks from a terminal wants to know at once that Redis is away.
 * Rejects when it does not answer.
 */
export async function withRedisClient<T>(redisUrl: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const { url, tls } = redisAddress(redisUrl);
  const client = new Redis(url, {
    ...tls,
    connectionName: 'paygate:reader',
    lazyConnect: true,
    connectTimeout: LIMITS.connectTimeoutMs,
    commandTimeout: LIMITS.redisCommandTimeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let lost: Error | undefined;
  client.on('error', (error: Error) => (lost = error));
  try {
    await client.connect().catch((error: unknown) => {
      throw lost ?? error;
    });
    return await use(client);
  } finally {
    client.disconnect();
  }
}
