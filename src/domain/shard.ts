/**
 * The shard of an account: FNV-1a over the characters of its lower-case UUID, then murmur3's finaliser.
 *
 * FNV alone leaves the low bits of ids that differ in their last digits correlated, and sequential ids are what
 * tests and bulk imports make; the finaliser spreads them. There is no seed: every node, of every version, must
 * agree for ever, since the shard decides who may write. Changing a single result is a migration of the cluster.
 *
 * @param accountId lower-case UUID text, 36 characters.
 * @param shardCount 1 or more.
 * @returns 0 … shardCount − 1.
 */
export function shardOf(accountId: string, shardCount: number): number {
  return textHash(accountId) % shardCount;
}

/** The hash behind it, of any text: 0 … 2^32 − 1, well spread even where texts differ in one character. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
