import type pg from 'pg';
import { shardOf } from '../../domain/shard.ts';
import { LIMITS } from '../../limits.ts';
import type { SealHorizon, SealStep, SealStore } from '../../ports/seals.ts';
import { plainArray } from './array-literals.ts';
import { poolTransaction } from './pool-transaction.ts';
import * as statements from './seal-statements.ts';
import { ADVISORY_LOCKS } from './advisory-locks.ts';

export interface SealStoreOptions {
  /** How far in the past a horizon lies. */
  readonly lagMs?: number;
  readonly rowsMax?: number;
}

/** Where one seal ends and the next begins. */
interface Slice {
  /** Exclusive; null = the beginning of time. */
  readonly after: string | null;
  readonly until: string;
  /** Nothing is left before the horizon. */
  readonly last: boolean;
}

interface SliceEnd {
  readonly until: string;
  readonly cut: boolean;
  readonly last: boolean;
  readonly spanMs: number;
}

/**
 * Seals of the journal.
 *
 * S1. Each step is one commit under one advisory lock: seals of two nodes never overlap, and a node that dies leaves whole
 *     seals. What is next is read from the seals themselves.
 * S2. Nothing is committed later with a time before a horizon that was sealed: all commits that were under way when it was taken have
 *     ended, however long they took, and the horizon is older than a clock is set back.
 * S3. Rows are read and hashed by the server; through here goes one id per account, since the shard is a hash that SQL does not know.
 */
export class PostgresSealStore implements SealStore {
  readonly #pool: pg.Pool;
  readonly #lagMs: number;
  readonly #rowsMax: number;
  /** The stretch of time in which about `rowsMax` rows are expected. */
  #spanMs = LIMITS.sealSpanMs;

  constructor(
    pool: pg.Pool,
    { lagMs = LIMITS.sealLagMs, rowsMax = LIMITS.sealRowsMax }: SealStoreOptions = {},
  ) {
    this.#pool = pool;
    this.#lagMs = lagMs;
    this.#rowsMax = rowsMax;
  }

  async horizon(): Promise<SealHorizon> {
    const { rows } = await this.#pool.query<SealHorizon>(statements.HORIZON, [this.#lagMs]);
    return onlyRow(rows);
  }

  async seal(horizon: SealHorizon): Promise<SealStep> {
    return poolTransaction(this.#pool, async (client) => {
      // The index by time, whatever the statistics say.
      await client.query('set local enable_seqscan = off');
      await client.query('set local jit = off');
      const lock = await client.query<{ locked: boolean }>(statements.TRY_LOCK, [ADVISORY_LOCKS.seal]);
      if (!onlyRow(lock.rows).locked) return { kind: 'busy' };
      const commits = await client.query<{ ended: boolean }>(statements.COMMITS_ENDED, [horizon.commit]);
      if (!onlyRow(commits.rows).ended) return { kind: 'waiting' };
      return this.#sealNext(client, horizon);
    });
  }

  /** Slices without rows are passed over: of them nothing is written down. */
  async #sealNext(client: pg.PoolClient, horizon: SealHorizon): Promise<SealStep> {
    const { rows } = await client.query<{ until: string | null; rowsFrom: string | null }>(
      statements.SEALED_UNTIL,
    );
    const { until: sealedUntil, rowsFrom } = onlyRow(rows);
    if (rowsFrom === null) return { kind: 'sealed', rows: 0, more: false };
    for (let from = rowsFrom, after = sealedUntil; ;) {
      const slice = await this.#nextSlice(client, after, from, horizon);
      const sealed = await writeSeals(client, slice);
      if (sealed > 0 || slice.last) return { kind: 'sealed', rows: sealed, more: !slice.last };
      from = after = slice.until;
    }
  }

  async #nextSlice(
    client: pg.PoolClient,
    after: string | null,
    from: string,
    { through }: SealHorizon,
  ): Promise<Slice> {
    const values = [after, from, this.#spanMs, through, this.#rowsMax];
    const { rows } = await client.query<SliceEnd>(statements.SLICE_END, values);
    const { until, cut, last, spanMs } = onlyRow(rows);
    this.#spanMs = Math.min(Math.max(1, 2 * (cut ? spanMs : this.#spanMs)), SPAN_MS_MAX);
    return { after, until, last: last && !cut };
  }
}

const SPAN_MS_MAX = 10 * 365 * 86_400_000;

async function writeSeals(client: pg.PoolClient, { after, until }: Slice): Promise<number> {
  const { rows: accounts } = await client.query<{ accountId: string }>(statements.SLICE_ACCOUNTS, [
    after,
    until,
  ]);
  if (accounts.length === 0) return 0;
  const ids = accounts.map(({ accountId }) => accountId);
  const shards = ids.map((id) => shardOf(id, LIMITS.shardCount));
  const { rows } = await client.query<{ rows: number }>(statements.WRITE_SEALS, [
    after,
    until,
    plainArray(ids),
    plainArray(shards),
  ]);
  return onlyRow(rows).rows;
}

function onlyRow<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('the database gave no row');
  return row;
}
