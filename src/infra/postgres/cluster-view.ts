import type pg from 'pg';
import type { IntakePause, ShardOwner } from '../../ports/cluster.ts';
import { readIntakePause } from './intake-pause.ts';
import { isoTime } from './journal-entry.ts';
import { ownerOf } from './shard-directory.ts';

export interface ShardStanding {
  readonly shard: number;
  readonly epoch: bigint;
  /** null: nobody. */
  readonly owner: ShardOwner | null;
  /** Since when it is this owner, or nobody; RFC 3339. null: nobody ever had it. */
  readonly since: string | null;
}

/** The cluster as the ledger has it. */
export interface DirectoryView {
  readonly clusterId: string;
  /** By number. */
  readonly shards: readonly ShardStanding[];
  /** null: messages are read. */
  readonly pause: IntakePause | null;
}

/** Rejects with the driver's error. */
export async function readDirectoryView(pool: pg.Pool): Promise<DirectoryView> {
  const [clusters, shards, pause] = await Promise.all([
    pool.query<{ clusterId: string }>(CLUSTER),
    pool.query<StandingRow>(SHARDS),
    readIntakePause(pool),
  ]);
  const [cluster] = clusters.rows;
  if (cluster === undefined) throw new Error('processor.cluster has no row');
  return { clusterId: cluster.clusterId, shards: shards.rows.map(standingOf), pause };
}

/** Whom an order for an account of this shard is sent to; null: nobody owns it. Rejects with the driver's error. */
export async function readShardOwner(pool: pg.Pool, shard: number): Promise<ShardOwner | null> {
  const { rows } = await pool.query<StandingRow>(`${SHARD_FIELDS} where shard = $1`, [shard]);
  const [row] = rows;
  if (row === undefined) throw new RangeError(`processor.shards has no row for shard ${shard}`);
  return standingOf(row).owner;
}

/** What an operator did that is no row of the journal. Rejects with the driver's error. */
export async function logOperatorAction(
  pool: pg.Pool,
  entry: {
    readonly operator: string;
    readonly action: string;
    readonly subject: string;
    readonly why: string | null;
  },
): Promise<void> {
  await pool.query(LOG, [entry.operator, entry.action, entry.subject, entry.why]);
}

interface StandingRow {
  readonly shard: number;
  readonly epoch: string;
  readonly owner: string | null;
  readonly inbox: string | null;
  readonly since: string | null;
}

function standingOf({ shard, epoch, owner, inbox, since }: StandingRow): ShardStanding {
  return {
    shard,
    epoch: BigInt(epoch),
    owner: owner === null ? null : { ...ownerOf(owner), inbox: inbox ?? '' },
    since,
  };
}

const CLUSTER = 'select cluster_id as "clusterId" from processor.cluster';

const SHARD_FIELDS = `
select shard, epoch::text as epoch, owner, inbox, ${isoTime('taken_at')} as since from processor.shards`;

const SHARDS = `${SHARD_FIELDS} order by shard`;

const LOG = `
insert into processor.operator_log (operator, action, subject, why) values ($1::text, $2::text, $3::text, $4::text)`;
