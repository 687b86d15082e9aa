import type pg from 'pg';
import { LIMITS } from '../../limits.ts';
import type { Progress } from './migrate.ts';
import * as statements from './opening-statements.ts';

/**
 * Reads the history from before our first start: what approved transactions add up to, and which of them cannot be counted.
 *
 * H1. One pass over `transactions`, in ranges of its blocks, on the snapshot of the caller's transaction.
 * H2. What it adds up stands in temporary tables, gone with that transaction; nothing else is written.
 */

export interface HistoryReading {
  readonly onProgress?: (progress: Progress) => void;
  /** Blocks of `transactions` read in one statement. */
  readonly blocksPerStep?: number;
}

export interface HistorySummary {
  readonly accounts: number;
  /** Approved transactions that the opening rows stand for. */
  readonly transactions: number;
  readonly negativeAccounts: number;
}

/** Rows left `PENDING`, and since when the oldest has been waiting for a decision. */
export interface PendingRows {
  readonly count: number;
  readonly oldestCreatedAtMs: number | null;
}

/** Transactions with approved refunds, and how many of them were refunded whole. */
export interface RefundsFromBefore {
  readonly originals: number;
  readonly whole: number;
}

export const UNCLEAR_PROBLEMS = {
  'account-missing': 'an approved transaction without an account',
  'balance-out-of-range': 'an account whose balance is 2^53 cents or more, or as far below zero',
  'card-total-out-of-range': 'an account with a card whose total is 2^53 cents or more',
  'refund-of-refund': 'an approved refund of a refund',
  'refund-without-target': 'an approved refund that does not say what it refunds',
  'type-unknown':
    'an approved transaction of a type (or refunding one of a type) that is none of DEPOSIT, PURCHASE, CHARGE, REFUND',
} as const;
export type UnclearProblem = keyof typeof UNCLEAR_PROBLEMS;

export interface UnclearRow {
  readonly problem: UnclearProblem;
  /** null where an account as a whole is at fault. */
  readonly transactionId: string | null;
  readonly accountId: string | null;
}

export interface Unclear {
  readonly counts: readonly { readonly problem: UnclearProblem; readonly count: string }[];
  /** The first of them, at most `LIMITS.openingExamplesMax`. */
  readonly examples: readonly UnclearRow[];
}

export interface History {
  readonly summary: HistorySummary;
  readonly pending: PendingRows;
  readonly unclear: Unclear;
}

/** In a transaction of the caller's; leaves its temporary tables for whoever writes from them. */
export async function readHistory(client: pg.PoolClient, reading: HistoryReading): Promise<History> {
  const pending = await countPending(client);
  await readTransactions(client, reading);
  for (const statement of statements.ADD_UP) await client.query(statement);
  return { pending, unclear: await readUnclear(client), summary: await summarise(client) };
}

/** The same for somebody who only wants to know; rolled back. */
export async function surveyHistory(
  pool: pg.Pool,
  reading: HistoryReading,
): Promise<History & { readonly refunds: RefundsFromBefore }> {
  const client = await pool.connect();
  let isOver = false;
  try {
    await client.query('begin isolation level repeatable read');
    await liftTimeouts(client);
    const history = await readHistory(client, reading);
    const { rows } = await client.query<RefundsFromBefore>(statements.REFUNDS_READ);
    await client.query('rollback');
    isOver = true;
    return { ...history, refunds: rows[0] ?? { originals: 0, whole: 0 } };
  } finally {
    // A client whose transaction may still be open is closed, which ends it.
    client.release(!isOver);
  }
}

/** The pool's limits are for the daily work. */
export async function liftTimeouts(client: pg.PoolClient): Promise<void> {
  for (const name of ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'])
    await client.query(`set local ${name} = 0`);
}

/** How many of which problem, and the first of them, a line each. */
export function describeUnclear({ counts, examples }: Unclear): string {
  const lines = counts.map(({ problem, count }) => `  ${count} × ${UNCLEAR_PROBLEMS[problem]} (${problem})`);
  const named = examples.map(
    (row) =>
      `  ${row.problem}: ${row.transactionId === null ? '' : `transaction ${row.transactionId}, `}account ${row.accountId ?? 'none'}`,
  );
  return `${lines.join('\n')}\nthe first of them:\n${named.join('\n')}`;
}

async function countPending(client: pg.PoolClient): Promise<PendingRows> {
  const { rows } = await client.query<{ count: string; oldestCreatedAtMs: number | null }>(
    statements.PENDING,
  );
  return { count: Number(rows[0]?.count ?? 0), oldestCreatedAtMs: rows[0]?.oldestCreatedAtMs ?? null };
}

async function readTransactions(client: pg.PoolClient, reading: HistoryReading): Promise<void> {
  for (const statement of statements.SCRATCH_TABLES) await client.query(statement);
  const { rows } = await client.query<{ blocks: number }>(statements.BLOCKS);
  const blocks = rows[0]?.blocks ?? 0;
  const step = reading.blocksPerStep ?? LIMITS.openingBlocksPerStep;
  for (let from = 0; from < blocks; from += step) {
    const to = Math.min(from + step, blocks);
    await client.query(statements.READ_BLOCKS, [`(${from},0)`, `(${to},0)`]);
    reading.onProgress?.({ step: 'reading approved transactions', done: to, total: blocks });
  }
}

async function readUnclear(client: pg.PoolClient): Promise<Unclear> {
  const { rows: counts } = await client.query<Unclear['counts'][number]>(statements.UNCLEAR_COUNTS);
  if (counts.length === 0) return { counts, examples: [] };
  const { rows: examples } = await client.query<UnclearRow>(statements.UNCLEAR_EXAMPLES, [
    LIMITS.openingExamplesMax,
  ]);
  return { counts, examples };
}

async function summarise(client: pg.PoolClient): Promise<HistorySummary> {
  const { rows } = await client.query<Record<keyof HistorySummary, string>>(statements.SUMMARY);
  return {
    accounts: Number(rows[0]?.accounts ?? 0),
    transactions: Number(rows[0]?.transactions ?? 0),
    negativeAccounts: Number(rows[0]?.negativeAccounts ?? 0),
  };
}
