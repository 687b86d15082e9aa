import type pg from 'pg';
import { liftTimeouts } from './history.ts';
import { poolTransaction } from './pool-transaction.ts';
import { READ_COSTS, SELECT_ADJUSTMENTS } from './way-back-statements.ts';

/**
 * What going back to the old processor costs: the accounts whose balance it sees otherwise, since it counts a CHARGE, and a refund
 * of one, as 0; and what only this ledger knows.
 *
 * B1. One snapshot, which is only read.
 * B2. Memory is bounded by one page of accounts.
 */

/** Cents. */
export interface Adjustment {
  readonly accountId: string;
  /** As this ledger has it, which is the contract's formula. */
  readonly balanceCents: bigint;
  /** As the old processor would count. */
  readonly oldBalanceCents: bigint;
  /** What has to be added to the old processor's balance; below zero: it shows too much. */
  readonly adjustCents: bigint;
}

/** Counts. */
export interface BackCosts {
  /** Acknowledged messages that wait in our tables alone: no queue has them. */
  readonly retries: number;
  readonly parked: number;
  /** Open ones. */
  readonly deadLetters: number;
  /** Balances that are not brought to Redis yet, in rows of the outbox. */
  readonly outbox: number;
  readonly pending: number;
  /** Transactions refunded in part: the old processor refuses every further refund of them. */
  readonly partlyRefunded: number;
  /** The old processor knows neither a status nor an overdraft. */
  readonly frozen: number;
  readonly closed: number;
  readonly quarantined: number;
  readonly overdrafts: number;
}

const PAGE_ACCOUNTS = 2_000;

/** When this database was taken over; null: never, so that there is nothing to go back from. */
export async function takenOverAt(pool: pg.Pool): Promise<Date | null> {
  const { rows: there } = await pool.query<{ isThere: boolean }>(
    `select to_regclass('processor.cluster') is not null as "isThere"`,
  );
  if (there[0]?.isThere !== true) return null;
  const { rows } = await pool.query<{ openedAt: Date | null }>(
    'select opened_at as "openedAt" from processor.cluster',
  );
  return rows[0]?.openedAt ?? null;
}

/** Hands over the accounts to adjust page by page, by id, and gives the costs. */
export async function readWayBack(
  pool: pg.Pool,
  onAccounts: (page: readonly Adjustment[]) => Promise<void> | void,
): Promise<BackCosts> {
  return poolTransaction(
    pool,
    async (client) => {
      await liftTimeouts(client);
      await client.query('set transaction read only');
      await client.query(`declare adjustments no scroll cursor for ${SELECT_ADJUSTMENTS}`);
      for (;;) {
        const { rows } = await client.query<AdjustmentRow>(`fetch ${PAGE_ACCOUNTS} from adjustments`);
        if (rows.length === 0) break;
        await onAccounts(rows.map(adjustmentOf));
      }
      const { rows } = await client.query<BackCosts>(READ_COSTS);
      const [costs] = rows;
      if (costs === undefined) throw new Error('PostgreSQL counted nothing');
      return costs;
    },
    'begin isolation level repeatable read',
  );
}

interface AdjustmentRow {
  readonly accountId: string;
  readonly balanceCents: string;
  readonly uncountedCents: string;
}

function adjustmentOf({ accountId, balanceCents, uncountedCents }: AdjustmentRow): Adjustment {
  const balance = BigInt(balanceCents);
  const uncounted = BigInt(uncountedCents);
  return {
    accountId,
    balanceCents: balance,
    oldBalanceCents: balance - uncounted,
    adjustCents: uncounted,
  };
}
