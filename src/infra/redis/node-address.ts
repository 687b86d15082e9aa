import { LIMITS } from '../../limits.ts';
import { MEMBERSHIP_KEYS } from './lease-scripts.ts';
import { readMembershipView } from './membership-view.ts';
import { NODE_RECORD_TEXT } from './node-record.ts';
import { withRedisClient } from './one-shot-client.ts';

/** Base URL of the admin port of a node, by its incarnation; null: it does not say. Rejects when Redis does not answer. */
export async function readNodeAddress(redisUrl: string, incarnation: string): Promise<string | null> {
  const text = await withRedisClient(redisUrl, (client) => client.get(MEMBERSHIP_KEYS.node + incarnation));
  return NODE_RECORD_TEXT.safeParse(text).data?.address ?? null;
}

/** The same of all nodes that are there. */
export async function readNodeAddresses(redisUrl: string): Promise<readonly string[]> {
  const { nodes } = await readMembershipView(redisUrl, { shardCount: LIMITS.shardCount, queues: [] });
  return nodes.flatMap(({ address }) => address ?? []).sort();
}
