import type { ShardRow } from '../../ports/cluster.ts';
import type { LeaseTrust, Situation, Standing } from './peers.ts';

/** How a lease is asked for; `none`: Redis is away, the epoch alone decides. */
export type LeaseMode = 'acquire' | 'reassert' | 'overwrite' | 'none';

type RowOwner = 'nobody' | Standing;

/**
 * How to go about a shard that has no owner at work; null: not now.
 *
 * - `self`: a takeover of ours whose outcome stayed unknown. It is ours by PostgreSQL, and nobody else may take it.
 * - `live`: it hands the shard off, or puts its lease back; a lease that is free for a moment is no invitation.
 * - `gone`: no longer seen, which only counts while leases are settled.
 */
const LEASE_MODES: Readonly<Record<RowOwner, Readonly<Record<LeaseTrust, LeaseMode | null>>>> = {
  self: { settled: 'reassert', young: 'reassert', unknown: 'none' },
  nobody: { settled: 'acquire', young: 'reassert', unknown: 'none' },
  'proven-dead': { settled: 'overwrite', young: null, unknown: 'none' },
  gone: { settled: 'acquire', young: null, unknown: null },
  live: { settled: null, young: null, unknown: null },
};

/** What is asked for in one go: shards of one former owner, so that one whose rows stay locked delays no other's. */
export interface Claim {
  readonly mode: LeaseMode;
  /** Shard → epoch seen. */
  readonly seen: ReadonlyMap<number, bigint>;
}

/**
 * Which shards to take now, and how.
 *
 * @param free rows of the shards that this node has nothing to do with, as read since it last had.
 * @param isDesired whether the shard belongs here by placement.
 */
export function claimsOf(
  free: readonly ShardRow[],
  isDesired: (shard: number) => boolean,
  situation: Situation,
): readonly Claim[] {
  const claims = new Map<string, { mode: LeaseMode; seen: Map<number, bigint> }>();
  for (const { shard, epoch, owner } of free) {
    const standing = owner === null ? 'nobody' : situation.standingOf(owner.incarnation);
    if (standing !== 'self' && !isDesired(shard)) continue;
    const mode = LEASE_MODES[standing][situation.trust];
    if (mode === null) continue;
    const key = owner?.incarnation ?? '';
    const claim = claims.get(key) ?? { mode, seen: new Map<number, bigint>() };
    claims.set(key, claim);
    claim.seen.set(shard, epoch);
  }
  return [...claims.values()];
}
