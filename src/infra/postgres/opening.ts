import type pg from 'pg';
import { counterAccountOf } from '../../domain/counter-account.ts';
import { LIMITS } from '../../limits.ts';
import type { RefundAmount } from './cluster.ts';
import type { Progress } from './migrate.ts';
import * as statements from './opening-statements.ts';
import { poolTransaction } from './pool-transaction.ts';

/**
 * Takes over the history from before our first start: per account one `accounts` row and one journal row, seq 1, type
 * `OPENING`; refunded so far per original; totals per card.
 *
 * O1. One pass over `transactions`, in ranges of its blocks, on one snapshot; one commit, whose last statement marks the
 *     database as opened. A crash leaves nothing behind.
 * O2. Never while somebody else decides: refused while `transactions_queue` has a consumer, at the start and before the commit.
 * O3. Money that cannot be read without guessing is named and refused, never left out.
 * O4. Inherited balances are taken as they are, negative ones too. `PENDING` rows are left alone.
 */

export interface OpeningOptions {
  /** Written down as the cluster's setting where none is yet; null = not chosen. Sums are taken from the rows either way. */
  readonly refundAmount: RefundAmount | null;
  readonly queueHasConsumer: () => Promise<boolean>;
  readonly onProgress?: (progress: Progress) => void;
  /** Blocks of `transactions` read in one statement. */
  readonly blocksPerStep?: number;
}

export type Opening =
  | { readonly kind: 'opened-before'; readonly openedAt: Date }
  | {
      readonly kind: 'opened';
      readonly accounts: number;
      /** Approved transactions that the opening rows stand for. */
      readonly transactions: number;
      readonly negativeAccounts: number;
      /** Rows left `PENDING`, and how long the oldest has been waiting for a decision. */
      readonly pending: { readonly count: number; readonly oldestCreatedAtMs: number | null };
    };

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

export const OPENING_REFUSALS = ['queue-has-consumer', 'journal-not-empty', 'history-unclear'] as const;

/** The history was not taken over; nothing was written. */
export class OpeningRefusal extends Error {
  override readonly name = 'OpeningRefusal';
  readonly reason: (typeof OPENING_REFUSALS)[number];
  /** The first of them, at most `LIMITS.openingExamplesMax`; the message has the numbers. */
  readonly unclear: readonly UnclearRow[];

  constructor(reason: OpeningRefusal['reason'], message: string, unclear: readonly UnclearRow[] = []) {
    super(message);
    this.reason = reason;
    this.unclear = unclear;
  }
}

/** Slices of the account space, for progress: the first hexadecimal digit of the id. */
const SLICES = 16;

/** Throws `OpeningRefusal`, or the driver's error; in both cases nothing was written. A no-op where it was done before. */
export async function openHistory(pool: pg.Pool, options: OpeningOptions): Promise<Opening> {
  return poolTransaction(
    pool,
    async (client) => {
      await liftTimeouts(client);
      await client.query(statements.LOCK_CLUSTER);
      const openedAt = await openedBefore(client);
      if (openedAt !== null) return { kind: 'opened-before', openedAt };
      await refuseConsumer(options);
      return takeOverHistory(client, options);
    },
    'begin isolation level repeatable read',
  );
}

async function takeOverHistory(client: pg.PoolClient, options: OpeningOptions): Promise<Opening> {
  const pending = await countPending(client);
  await readTransactions(client, options);
  for (const statement of statements.ADD_UP) await client.query(statement);
  await refuseUnclear(client);
  const summary = await summarise(client);
  await writeAccounts(client, summary.accounts, options);
  await client.query(statements.WRITE_REFUNDS);
  await client.query(statements.WRITE_CARD_TOTALS);
  await refuseConsumer(options);
  await client.query(statements.MARK_OPENED, [options.refundAmount]);
  return { kind: 'opened', ...summary, pending };
}

/** The pool's limits are for the daily work. */
async function liftTimeouts(client: pg.PoolClient): Promise<void> {
  for (const name of ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'])
    await client.query(`set local ${name} = 0`);
}

async function openedBefore(client: pg.PoolClient): Promise<Date | null> {
  const { rows } = await client.query<{ openedAt: Date | null; hasJournal: boolean }>(statements.STATE);
  const state = rows[0];
  if (state?.openedAt != null) return state.openedAt;
  if (state?.hasJournal === true)
    throw new OpeningRefusal(
      'journal-not-empty',
      'the journal has rows although this database was never marked as opened: it was changed by hand or restored in part; ' +
        'restore it whole',
    );
  return null;
}

async function refuseConsumer(options: OpeningOptions): Promise<void> {
  if (await options.queueHasConsumer())
    throw new OpeningRefusal(
      'queue-has-consumer',
      'transactions_queue has a consumer, so transactions may be decided while the history is read: stop it and run "paygate migrate" again',
    );
}

async function countPending(
  client: pg.PoolClient,
): Promise<{ count: number; oldestCreatedAtMs: number | null }> {
  const { rows } = await client.query<{ count: string; oldestCreatedAtMs: number | null }>(
    statements.PENDING,
  );
  return { count: Number(rows[0]?.count ?? 0), oldestCreatedAtMs: rows[0]?.oldestCreatedAtMs ?? null };
}

async function readTransactions(client: pg.PoolClient, options: OpeningOptions): Promise<void> {
  for (const statement of statements.SCRATCH_TABLES) await client.query(statement);
  const { rows } = await client.query<{ blocks: number }>(statements.BLOCKS);
  const blocks = rows[0]?.blocks ?? 0;
  const step = options.blocksPerStep ?? LIMITS.openingBlocksPerStep;
  for (let from = 0; from < blocks; from += step) {
    const to = Math.min(from + step, blocks);
    await client.query(statements.READ_BLOCKS, [`(${from},0)`, `(${to},0)`]);
    options.onProgress?.({ step: 'reading approved transactions', done: to, total: blocks });
  }
}

async function refuseUnclear(client: pg.PoolClient): Promise<void> {
  const { rows: counts } = await client.query<{ problem: UnclearProblem; count: string }>(
    statements.UNCLEAR_COUNTS,
  );
  if (counts.length === 0) return;
  const { rows: examples } = await client.query<UnclearRow>(statements.UNCLEAR_EXAMPLES, [
    LIMITS.openingExamplesMax,
  ]);
  const lines = counts.map(({ problem, count }) => `  ${count} × ${UNCLEAR_PROBLEMS[problem]} (${problem})`);
  const named = examples.map(
    (row) =>
      `  ${row.problem}: ${row.transactionId === null ? '' : `transaction ${row.transactionId}, `}account ${row.accountId ?? 'none'}`,
  );
  throw new OpeningRefusal(
    'history-unclear',
    'what the history is worth cannot be told without guessing, so nothing was taken over:\n' +
      `${lines.join('\n')}\nthe first of them:\n${named.join('\n')}\ncorrect these rows and run "paygate migrate" again`,
    examples,
  );
}

async function summarise(
  client: pg.PoolClient,
): Promise<{ accounts: number; transactions: number; negativeAccounts: number }> {
  const { rows } = await client.query<Record<'accounts' | 'transactions' | 'negativeAccounts', string>>(
    statements.SUMMARY,
  );
  return {
    accounts: Number(rows[0]?.accounts ?? 0),
    transactions: Number(rows[0]?.transactions ?? 0),
    negativeAccounts: Number(rows[0]?.negativeAccounts ?? 0),
  };
}

async function writeAccounts(
  client: pg.PoolClient,
  accounts: number,
  options: OpeningOptions,
): Promise<void> {
  let written = 0;
  for (let slice = 0; slice < SLICES; slice += 1) {
    const { rowCount: rows } = await client.query(statements.WRITE_ACCOUNTS, [slice]);
    const { rowCount: entries } = await client.query(statements.WRITE_JOURNAL, [
      slice,
      counterAccountOf('OPENING'),
    ]);
    if (rows !== entries)
      throw new Error('processor.accounts has balances although the journal was empty: restore it whole');
    written += entries ?? 0;
    options.onProgress?.({ step: 'writing opening balances', done: written, total: accounts });
  }
}
