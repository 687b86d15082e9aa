import type { Config } from '../../config.ts';
import { shardOf } from '../../domain/shard.ts';
import { readShardOwner } from '../../infra/postgres/cluster-view.ts';
import { addressesOfNode } from '../../infra/redis/node-address.ts';
import { LIMITS } from '../../limits.ts';
import { withPool } from '../with-pool.ts';

/** Where to look. `not-yet`: it may be found a little later. */
export type OwnerAddress =
  /** Not empty; any of them may be the one that leads there from here. */
  | { readonly kind: 'found'; readonly addresses: readonly string[] }
  | { readonly kind: 'not-yet'; readonly why: string };

/** Asks PostgreSQL who owns the account, and Redis where that node is. Rejects with their errors. */
export async function ownerAddress(config: Config, accountId: string): Promise<OwnerAddress> {
  const shard = shardOf(accountId, LIMITS.shardCount);
  const owner = await withPool(config, (pool) => readShardOwner(pool, shard));
  if (owner === null) return { kind: 'not-yet', why: `nobody owns shard ${shard}` };
  const addresses = await addressesOfNode(config.redisUrl, owner.incarnation);
  if (addresses.length > 0) return { kind: 'found', addresses };
  return {
    kind: 'not-yet',
    why: `${owner.nodeId} owns it and does not say where its admin port is: name it with --node`,
  };
}
