import type { DirectoryView, ShardStanding } from '../postgres/cluster-view.ts';
import type { MembershipView } from '../redis/membership-view.ts';
import type { IntakePause } from '../../ports/cluster.ts';

/** What Redis said, or why it did not. */
export type Membership =
  | { readonly kind: 'known'; readonly view: MembershipView }
  | { readonly kind: 'away'; readonly detail: string };

export type NodeState =
  /** It ticked within the last lease time. */
  | 'working'
  | 'draining'
  /** The directory names it, Redis does not know it: dead, or cut off from Redis. */
  | 'absent'
  /** Redis cannot be asked. */
  | 'unknown';

export interface NodeStanding {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly inbox: string;
  readonly state: NodeState;
  /** RFC 3339; null: Redis would know. */
  readonly startedAt: string | null;
  /** Base URL of its admin port; null: not known. */
  readonly address: string | null;
  readonly shards: number;
  /** Queues that it may read. */
  readonly ingest: readonly string[];
}

/** Shards whose lease and row in the directory name different incarnations; null: nobody. */
export interface Misfit {
  readonly lease: string | null;
  readonly directory: string | null;
  readonly shards: readonly number[];
}

export interface ClusterOverview {
  readonly clusterId: string;
  /** null: messages are read. */
  readonly intakePause: IntakePause | null;
  readonly redis:
    | { readonly kind: 'answers' }
    | { readonly kind: 'away'; readonly detail: string }
    /** Its nodes and leases are none of ours. */
    | { readonly kind: 'another-cluster'; readonly clusterId: string };
  /** By name. */
  readonly nodes: readonly NodeStanding[];
  readonly shardCount: number;
  /** `since` (RFC 3339): the longest; null: some never had an owner. */
  readonly unowned: { readonly shards: readonly number[]; readonly since: string | null };
  readonly epochs: { readonly lowest: bigint; readonly highest: bigint };
  /** Incarnation that may read the queue, null = nobody; empty while Redis is away. */
  readonly ingest: Readonly<Record<string, string | null>>;
  /** Empty while Redis is away. */
  readonly misfits: readonly Misfit[];
}

/** What the ledger and Redis say, put together. The ledger is right; Redis says who is alive. */
export function clusterOverview(directory: DirectoryView, membership: Membership): ClusterOverview {
  const { clusterId, shards, pause } = directory;
  const view = ofThisCluster(clusterId, membership);
  const epochs = shards.map(({ epoch }) => epoch);
  return {
    clusterId,
    intakePause: pause,
    redis: redisOf(clusterId, membership),
    nodes: nodesOf(shards, view),
    shardCount: shards.length,
    unowned: unownedOf(shards),
    epochs: { lowest: extreme(epochs, (a, b) => a < b), highest: extreme(epochs, (a, b) => a > b) },
    ingest: Object.fromEntries(view?.ingestLeases ?? []),
    misfits: view === null ? [] : misfitsOf(shards, view.shardLeases),
  };
}

function redisOf(clusterId: string, membership: Membership): ClusterOverview['redis'] {
  if (membership.kind === 'away') return membership;
  const other = membership.view.clusterId;
  return other === null || other === clusterId
    ? { kind: 'answers' }
    : { kind: 'another-cluster', clusterId: other };
}

function ofThisCluster(clusterId: string, membership: Membership): MembershipView | null {
  if (membership.kind === 'away') return null;
  const { view } = membership;
  return view.clusterId === null || view.clusterId === clusterId ? view : null;
}

function nodesOf(shards: readonly ShardStanding[], view: MembershipView | null): readonly NodeStanding[] {
  const counts = new Map<string, number>();
  const nodes = new Map<string, Omit<NodeStanding, 'shards' | 'ingest'>>();
  for (const { owner } of shards) {
    if (owner === null) continue;
    counts.set(owner.incarnation, (counts.get(owner.incarnation) ?? 0) + 1);
    const state = view === null ? 'unknown' : 'absent';
    nodes.set(owner.incarnation, { ...owner, state, startedAt: null, address: null });
  }
  for (const { nodeId, incarnation, inbox, draining, startedAtMs, address = null } of view?.nodes ?? []) {
    const startedAt = new Date(startedAtMs).toISOString();
    nodes.set(incarnation, {
      nodeId,
      incarnation,
      inbox,
      startedAt,
      address,
      state: draining ? 'draining' : 'working',
    });
  }
  const roles = [...(view?.ingestLeases ?? [])];
  return [...nodes.values()]
    .map((node) => ({
      ...node,
      shards: counts.get(node.incarnation) ?? 0,
      ingest: roles.flatMap(([queue, holder]) => (holder === node.incarnation ? [queue] : [])),
    }))
    .sort((a, b) => a.nodeId.localeCompare(b.nodeId));
}

function unownedOf(shards: readonly ShardStanding[]): ClusterOverview['unowned'] {
  const unowned = shards.filter(({ owner }) => owner === null);
  const [first = null, ...others] = unowned.map(({ since }) => since);
  // RFC 3339 in UTC: the order of the texts is that of the times.
  const earlier = (a: string | null, b: string | null): string | null =>
    a === null || b === null ? null : a < b ? a : b;
  return { shards: unowned.map(({ shard }) => shard), since: others.reduce(earlier, first) };
}

function misfitsOf(shards: readonly ShardStanding[], leases: readonly (string | null)[]): readonly Misfit[] {
  const misfits = new Map<string, Misfit & { readonly shards: number[] }>();
  for (const { shard, owner } of shards) {
    const lease = leases[shard] ?? null;
    const directory = owner?.incarnation ?? null;
    if (lease === directory) continue;
    const key = `${lease ?? ''} ${directory ?? ''}`;
    const misfit = misfits.get(key) ?? { lease, directory, shards: [] };
    misfits.set(key, misfit);
    misfit.shards.push(shard);
  }
  return [...misfits.values()];
}

function extreme(values: readonly bigint[], isBeyond: (a: bigint, b: bigint) => boolean): bigint {
  return values.reduce((best, value) => (isBeyond(value, best) ? value : best), values[0] ?? 0n);
}
