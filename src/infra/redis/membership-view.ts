import type { Redis } from 'ioredis';
import type { LeaseName, NodeRecord } from '../../ports/cluster.ts';
import { MEMBERSHIP_KEYS } from './lease-scripts.ts';
import { NODE_RECORD_TEXT } from './node-record.ts';
import { withRedisClient } from './one-shot-client.ts';

/** The cluster as Redis has it; nothing of it entitles anybody to anything. */
export interface MembershipView {
  /** Of the ledger that this Redis serves; null: no node has ticked yet. */
  readonly clusterId: string | null;
  /** Nodes that ticked within the last lease time, by name. */
  readonly nodes: readonly NodeRecord[];
  /** Incarnation that holds the lease of a shard; null: nobody. By number of the shard. */
  readonly shardLeases: readonly (string | null)[];
  /** The same of the right to read a queue. */
  readonly ingestLeases: ReadonlyMap<string, string | null>;
}

export interface Roles {
  readonly shardCount: number;
  /** Names of the queues that are read. */
  readonly queues: readonly string[];
}

/** Changes nothing. Rejects when Redis does not answer. */
export function readMembershipView(redisUrl: string, roles: Roles): Promise<MembershipView> {
  return withRedisClient(redisUrl, (client) => membershipViewOf(client, roles));
}

/** The same on a connection that there is. */
export async function membershipViewOf(client: Redis, roles: Roles): Promise<MembershipView> {
  const { shardCount } = roles;
  const shards = Array.from({ length: shardCount }, (_, shard) => leaseKey(`shard:${shard}`));
  const queues = roles.queues.map((queue) => leaseKey(`ingest:${queue}`));
  const incarnations = await client.zrange(MEMBERSHIP_KEYS.nodes, '0', '-1');
  const [clusterId = null, ...rest] = await client.mget([
    MEMBERSHIP_KEYS.cluster,
    ...shards,
    ...queues,
    ...incarnations.map((incarnation) => MEMBERSHIP_KEYS.node + incarnation),
  ]);
  const ingest = rest.slice(shardCount, shardCount + queues.length);
  return {
    clusterId,
    shardLeases: rest.slice(0, shardCount),
    ingestLeases: new Map(roles.queues.map((queue, index) => [queue, ingest[index] ?? null])),
    nodes: nodesOf(rest.slice(shardCount + queues.length)),
  };
}

/** Of nodes that ticked within the last lease time; of one whose record cannot be read (a later version's) the incarnation. */
export async function presentNodes(client: Redis): Promise<readonly string[]> {
  const incarnations = await client.zrange(MEMBERSHIP_KEYS.nodes, '0', '-1');
  if (incarnations.length === 0) return [];
  const texts = await client.mget(incarnations.map((incarnation) => MEMBERSHIP_KEYS.node + incarnation));
  return incarnations.flatMap((incarnation, index) => {
    const text = texts[index] ?? null;
    return text === null ? [] : [NODE_RECORD_TEXT.safeParse(text).data?.nodeId ?? incarnation];
  });
}

const leaseKey = (name: LeaseName): string => MEMBERSHIP_KEYS.lease + name;

/** Records that have run out are null; one that cannot be read is left out, as the nodes do. */
function nodesOf(texts: readonly (string | null)[]): readonly NodeRecord[] {
  return texts
    .flatMap((text) => {
      const record = NODE_RECORD_TEXT.safeParse(text);
      return record.success ? [record.data] : [];
    })
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}
