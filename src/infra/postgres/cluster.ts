import type pg from 'pg';
import { LOCK_NOT_AVAILABLE, sqlStateOf } from '../server-errors.ts';
import type { RefundsFromBefore } from './history.ts';
import { MigrationError, pendingMigrations } from './migrate.ts';

export interface ClusterSettings {
  readonly refundAmount: RefundAmount;
  /** Whether somebody chose `refundAmount`, or it is only the default. */
  readonly refundAmountSet: boolean;
  readonly shardCount: number;
}

export type RefundAmount = 'message' | 'original';

export const CLUSTER_PROBLEMS = [
  'not-migrated',
  'migration-changed',
  'program-too-old',
  'not-opened',
  'shard-count',
  'refund-amount',
  'refund-amount-unset',
  'other-cluster',
] as const;
export type ClusterProblem = (typeof CLUSTER_PROBLEMS)[number];

/** A reason for not starting a node on this database. The message says what to do. */
export class ClusterRefusal extends Error {
  override readonly name = 'ClusterRefusal';
  readonly problem: ClusterProblem;

  constructor(problem: ClusterProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

/**
 * Whether a node with these settings may work on this database. Marks a database without history as opened, and
 * writes down the refund setting of the first node. Gives the id of the cluster that works on it.
 *
 * Throws `ClusterRefusal`, or the driver's error when the database cannot be reached.
 */
export async function checkCluster(pool: pg.Pool, settings: ClusterSettings): Promise<string> {
  await checkMigrated(pool);
  await checkShardCount(pool, settings.shardCount);
  await checkOpened(pool);
  await checkRefundAmount(pool, settings);
  return clusterId(pool);
}

async function clusterId(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ clusterId: string }>(
    'select cluster_id as "clusterId" from processor.cluster',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('processor.cluster is empty');
  return row.clusterId;
}

async function checkMigrated(pool: pg.Pool): Promise<void> {
  let pending: readonly string[];
  try {
    pending = await pendingMigrations(pool);
  } catch (error) {
    if (error instanceof MigrationError)
      throw new ClusterRefusal(
        error.problem === 'program-too-old' ? 'program-too-old' : 'migration-changed',
        error.message,
        { cause: error },
      );
    throw error;
  }
  if (pending.length > 0)
    throw new ClusterRefusal(
      'not-migrated',
      `this database lacks ${pending.join(', ')}: run "paygate migrate" first`,
    );
}

async function checkShardCount(pool: pg.Pool, shardCount: number): Promise<void> {
  const { rows } = await pool.query<{ shardCount: number; shards: number }>(
    `select shard_count as "shardCount", (select count(*)::int from processor.shards) as shards from processor.cluster`,
  );
  const stored = rows[0];
  if (stored?.shardCount !== shardCount || stored.shards !== shardCount)
    throw new ClusterRefusal(
      'shard-count',
      `this database divides its accounts into ${stored?.shardCount ?? 'no'} shards (${stored?.shards ?? 0} rows), this program into ` +
        `${shardCount}: use the version of the program that the other nodes run`,
    );
}

const OPEN_WITHOUT_HISTORY = `
update processor.cluster set opened_at = clock_timestamp()
 where opened_at is null and not exists (select from public.transactions where status = 'APPROVED')`;

async function checkOpened(pool: pg.Pool): Promise<void> {
  if (await isOpened(pool)) return;
  try {
    await pool.query(OPEN_WITHOUT_HISTORY);
  } catch (error) {
    if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE) throw error;
    throw new ClusterRefusal(
      'not-opened',
      'the history from before is being taken over right now: start the node again when "paygate migrate" has ended',
      { cause: error },
    );
  }
  if (await isOpened(pool)) return;
  throw new ClusterRefusal(
    'not-opened',
    'this database holds approved transactions from before the first start, and they have not been taken over: ' +
      'stop whatever else reads transactions_queue and run "paygate migrate"',
  );
}

async function isOpened(pool: pg.Pool): Promise<boolean> {
  const { rowCount } = await pool.query('select from processor.cluster where opened_at is not null');
  return rowCount === 1;
}

async function checkRefundAmount(pool: pg.Pool, settings: ClusterSettings): Promise<void> {
  const stored = await storedRefundAmount(pool);
  if (stored === null) {
    if (!settings.refundAmountSet) await demandNoRefundsFromBefore(pool);
    await pool.query('update processor.cluster set refund_amount = $1 where refund_amount is null', [
      settings.refundAmount,
    ]);
  }
  // Read again: of two first nodes the other one may have been faster.
  const valid = stored ?? (await storedRefundAmount(pool));
  if (valid !== null && valid !== settings.refundAmount)
    throw new ClusterRefusal(
      'refund-amount',
      `this database is run with REFUND_AMOUNT=${valid}, this node has ` +
        `${settings.refundAmountSet ? '' : 'the default, '}REFUND_AMOUNT=${settings.refundAmount}: set REFUND_AMOUNT=${valid}`,
    );
}

async function storedRefundAmount(pool: pg.Pool): Promise<RefundAmount | null> {
  const { rows } = await pool.query<{ refundAmount: RefundAmount | null }>(
    'select refund_amount as "refundAmount" from processor.cluster',
  );
  return rows[0]?.refundAmount ?? null;
}

const REFUNDS_FROM_BEFORE = `
select count(*)::int as originals, count(*) filter (where r.refunded_cents = t.amount_cents)::int as whole
  from processor.opening_refunds r join public.transactions t on t.id = r.original_id`;

async function demandNoRefundsFromBefore(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<RefundsFromBefore>(REFUNDS_FROM_BEFORE);
  const { originals, whole } = rows[0] ?? { originals: 0, whole: 0 };
  if (originals === 0) return;
  throw new ClusterRefusal('refund-amount-unset', describeUnsetRefundAmount({ originals, whole }));
}

/** Why `REFUND_AMOUNT` has to be set, and how what is there was made. */
export function describeUnsetRefundAmount({ originals, whole }: RefundsFromBefore): string {
  return (
    `this database holds refunds from before the first start, of ${originals} transactions, and REFUND_AMOUNT is not set. ` +
    (whole === originals
      ? 'Every one of them was refunded whole, as the old processor does whatever amount a refund names: ' +
        'with producers that rely on that set REFUND_AMOUNT=original, with producers that send the true amount REFUND_AMOUNT=message'
      : `${whole} were refunded whole and ${originals - whole} in part, so amounts in messages counted: ` +
        'most likely REFUND_AMOUNT=message; REFUND_AMOUNT=original refunds what is left of the original, whatever the message says')
  );
}
