import { LIMITS } from '../../limits.ts';
import { MEMBERSHIP_KEYS } from './lease-scripts.ts';
import { readMembershipView } from './membership-view.ts';
import { NODE_RECORD_TEXT } from './node-record.ts';
import { withRedisClient } from './one-shot-client.ts';

/**
 * Base URLs of the admin port of a node, by its incarnation: as its peers reach it, and as everybody does. Who asks may be beside the
 * nodes or elsewhere, and tries both. Empty: it does not say. Rejects when Redis does not answer.
 */
export async function addressesOfNode(redisUrl: string, incarnation: string): Promise<readonly string[]> {
  const text = await withRedisClient(redisUrl, (client) => client.get(MEMBERSHIP_KEYS.node + incarnation));
  const record = NODE_RECORD_TEXT.safeParse(text).data;
  return [record?.peerAddress, record?.address].flatMap((address) => address ?? []);
}

/** Of all nodes that are there, for people. */
export async function readNodeAddresses(redisUrl: string): Promise<readonly string[]> {
  const { nodes } = await readMembershipView(redisUrl, { shardCount: LIMITS.shardCount, queues: [] });
  return nodes.flatMap(({ address }) => address ?? []).sort();
}
