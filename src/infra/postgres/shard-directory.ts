import type pg from 'pg';
import { LIMITS } from '../../limits.ts';
import type { ClusterDirectory, IntakePause, ShardOwner, ShardRow } from '../../ports/cluster.ts';
import { LOCK_NOT_AVAILABLE, sqlStateOf } from '../server-errors.ts';
import { readIntakePause } from './intake-pause.ts';
import { connectionsOf } from './pool.ts';

export interface TakeoverOptions {
  /** How long a commit of the old owner may hold its shard before the old owner's connections are ended. */
  readonly lockTimeoutMs: number;
  readonly attemptsMax: number;
}

const DEFAULTS: TakeoverOptions = {
  lockTimeoutMs: LIMITS.takeoverLockTimeoutMs,
  attemptsMax: LIMITS.takeoverAttemptsMax,
};

/** A shard row stayed locked, and not by its owner. */
export class ShardsLocked extends Error {
  override readonly name = 'ShardsLocked';
}

/**
 * `processor.shards`: who may write which shard, and where its commands are sent. Owns the epochs that this incarnation holds.
 *
 * S1. An epoch is handed out only after the commit that raised it; balances are read after that, in new statements.
 * S2. A shard that somebody else took since we looked is left out, not taken from them.
 * S3. Connections are ended only if they belong to the present owner of a shard that is locked and still has the epoch seen,
 *     and never our own: of two claimants the slower one does not end the faster one's.
 * S4. What is no longer ours (owner or epoch changed) is never released by us.
 */
export class PostgresShardDirectory implements ClusterDirectory {
  readonly #pool: pg.Pool;
  readonly #claimant: ShardOwner;
  readonly #owner: string;
  readonly #options: TakeoverOptions;
  readonly #held = new Map<number, bigint>();

  constructor(pool: pg.Pool, claimant: ShardOwner, options: Partial<TakeoverOptions> = {}) {
    this.#pool = pool;
    this.#claimant = claimant;
    this.#owner = ownerName(claimant);
    this.#options = { ...DEFAULTS, ...options };
  }

  async read(): Promise<readonly ShardRow[]> {
    const { rows } = await this.#pool.query<DirectoryRow>(READ);
    return rows.map(({ shard, epoch, owner, inbox }) => ({
      shard,
      epoch: BigInt(epoch),
      owner: owner === null ? null : { ...ownerOf(owner), inbox: inbox ?? '' },
    }));
  }

  paused(): Promise<IntakePause | null> {
    return readIntakePause(this.#pool);
  }

  async takeOverSeen(seen: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<number, bigint>> {
    if (seen.size === 0) return new Map();
    const taken = await this.#raiseEpochs(
      [...seen].map(([shard, epoch]) => ({ shard, epoch: String(epoch) })),
    );
    for (const [shard, epoch] of taken) this.#held.set(shard, epoch);
    return taken;
  }

  async release(shards: readonly number[]): Promise<void> {
    const held = shards.flatMap((shard) => {
      const epoch = this.#held.get(shard);
      return epoch === undefined ? [] : [{ shard, epoch }];
    });
    if (held.length === 0) return;
    await this.#pool.query(RELEASE, [
      held.map(({ shard }) => shard),
      held.map(({ epoch }) => String(epoch)),
      this.#owner,
    ]);
    // Not if they were taken again while the release was under way.
    for (const { shard, epoch } of held) if (this.#held.get(shard) === epoch) this.#held.delete(shard);
  }

  async #raiseEpochs(seen: readonly SeenRow[]): Promise<ReadonlyMap<number, bigint>> {
    const shards = seen.map((row) => row.shard);
    const { nodeId, incarnation, inbox } = this.#claimant;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { rows } = await this.#pool.query<TakenRow>(TAKE, [
          shards,
          seen.map((row) => row.epoch),
          this.#owner,
          inbox,
          this.#options.lockTimeoutMs,
        ]);
        return new Map(rows.map((row) => [row.taken_shard, BigInt(row.taken_epoch)]));
      } catch (error) {
        if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE) throw error;
        if (attempt >= this.#options.attemptsMax)
          throw new ShardsLocked(
            `node ${nodeId} (${incarnation}) cannot take its shards: ${await this.#describeLock(shards)}`,
            { cause: error },
          );
        await this.#endLockingOwners(seen);
      }
    }
  }

  async #endLockingOwners(seen: readonly SeenRow[]): Promise<void> {
    const { rows } = await this.#pool.query<{ owner: string }>(LOCKED_OWNERS, [
      seen.map((row) => row.shard),
      seen.map((row) => row.epoch),
    ]);
    const patterns = rows
      .filter((row) => row.owner !== this.#owner)
      .map((row) => connectionsOf(ownerOf(row.owner).incarnation));
    if (patterns.length > 0) await this.#pool.query(TERMINATE, [patterns, LIMITS.terminateTimeoutMs]);
  }

  async #describeLock(shards: readonly number[]): Promise<string> {
    const { rows } = await this.#pool.query<{ holder: string }>(HOLDERS);
    const holders = rows.map((row) => row.holder).join(', ');
    return `rows of processor.shards (${String(shards.length)} asked for) stay locked; open transactions: ${holders || 'none seen'}`;
  }
}

/**
 * What `processor.shards.owner` holds: `<node>:<incarnation>`. An incarnation owns a shard, not a node: a node that is
 * started again under its old name is somebody else.
 */
export function ownerName(claimant: Pick<ShardOwner, 'nodeId' | 'incarnation'>): string {
  return `${claimant.nodeId}:${claimant.incarnation}`;
}

/** A node's name has no colon. */
export function ownerOf(owner: string): Pick<ShardOwner, 'nodeId' | 'incarnation'> {
  const colonAt = owner.indexOf(':');
  return { nodeId: owner.slice(0, colonAt), incarnation: owner.slice(colonAt + 1) };
}

interface DirectoryRow {
  readonly shard: number;
  readonly epoch: string;
  readonly owner: string | null;
  readonly inbox: string | null;
}

interface SeenRow {
  readonly shard: number;
  readonly epoch: string;
}

interface TakenRow {
  readonly taken_shard: number;
  readonly taken_epoch: string;
}

/** Named: it is asked for every second or so on every node. */
/** Nodes in whose name shards stand, whether or not they are there. */
export async function namedOwners(pool: pg.Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ readonly owner: string }>(
    'select distinct owner from processor.shards where owner is not null',
  );
  return rows.map(({ owner }) => ownerOf(owner).nodeId);
}

const READ = {
  name: 'read_shard_directory',
  text: 'select shard, epoch, owner, inbox from processor.shards order by shard',
};

const TAKE = `
select taken_shard, taken_epoch from processor.take_over_shards($1::int[], $2::bigint[], $3::text, $4::text, $5::int)`;

/** `taken_at` is since when the row names whom it names. */
const RELEASE = `
with ours as (
  select s.shard
    from processor.shards s
    join unnest($1::int[], $2::bigint[]) as g (shard, epoch) on s.shard = g.shard and s.epoch = g.epoch
   where s.owner = $3
   order by s.shard
     for no key update of s
)
update processor.shards s set owner = null, inbox = null, taken_at = clock_timestamp()
  from ours where s.shard = ours.shard`;

/** Owners of those of the shards that somebody holds a lock on at this moment, where the epoch is still the one seen. */
const LOCKED_OWNERS = `
with free as materialized (
  select shard from processor.shards where shard = any ($1::int[]) for no key update skip locked
)
select distinct s.owner
  from processor.shards s
  join unnest($1::int[], $2::bigint[]) as g (shard, epoch) on s.shard = g.shard and s.epoch = g.epoch
 where s.owner is not null and s.shard not in (select shard from free)`;

const TERMINATE = `
select pg_terminate_backend(pid, $2)
  from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and application_name like any ($1::text[])`;

const HOLDERS = `
select distinct application_name || ' (pid ' || a.pid || ', ' || a.state || ')' as holder
  from pg_locks l join pg_stat_activity a using (pid)
 where l.relation = 'processor.shards'::regclass and a.pid <> pg_backend_pid()`;
