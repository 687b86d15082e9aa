import { LIMITS } from '../../limits.ts';
import { balanceKey } from './balance-keys.ts';
import { withRedisClient } from './one-shot-client.ts';

/** Texts of cached balances as they stand in Redis, null where there is none; one per id, in order. */
export type ReadCachedTexts = (
  kind: 'account' | 'card',
  ids: readonly string[],
) => Promise<readonly (string | null)[]>;

/** Lends a reader of the cache, for audits and commands. Rejects when Redis does not answer. */
export async function withCacheReader<T>(
  redisUrl: string,
  use: (read: ReadCachedTexts) => Promise<T>,
): Promise<T> {
  return withRedisClient(redisUrl, (client) =>
    use(async (kind, ids) => {
      const texts: (string | null)[] = [];
      for (let first = 0; first < ids.length; first += LIMITS.cacheBatchMax) {
        const chunk = ids.slice(first, first + LIMITS.cacheBatchMax);
        texts.push(...(await client.mget(chunk.map((id) => balanceKey(kind, id)))));
      }
      return texts;
    }),
  );
}
