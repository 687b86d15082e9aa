import type pg from 'pg';
import { counterAccountOf } from '../../domain/counter-account.ts';
import type { RefundAmount } from './cluster.ts';
import { describeUnclear, liftTimeouts, readHistory } from './history.ts';
import type { HistoryReading, HistorySummary, PendingRows, UnclearRow } from './history.ts';
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

export interface OpeningOptions extends HistoryReading {
  /** Written down as the cluster's setting where none is yet; null = not chosen. Sums are taken from the rows either way. */
  readonly refundAmount: RefundAmount | null;
  readonly queueHasConsumer: () => Promise<boolean>;
}

export type Opening =
  | { readonly kind: 'opened-before'; readonly openedAt: Date }
  | ({ readonly kind: 'opened'; readonly pending: PendingRows } & HistorySummary);

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
  const { pending, unclear, summary } = await readHistory(client, options);
  if (unclear.counts.length > 0)
    throw new OpeningRefusal(
      'history-unclear',
      'what the history is worth cannot be told without guessing, so nothing was taken over:\n' +
        `${describeUnclear(unclear)}\ncorrect these rows and run "paygate migrate" again`,
      unclear.examples,
    );
  await writeAccounts(client, summary.accounts, options);
  await client.query(statements.WRITE_REFUNDS);
  await client.query(statements.WRITE_CARD_TOTALS);
  await refuseConsumer(options);
  await client.query(statements.MARK_OPENED, [options.refundAmount]);
  return { kind: 'opened', ...summary, pending };
}

/**
 * When the history was taken over; null: not yet. Throws `OpeningRefusal` where a journal stands without it.
 */
export async function openedBefore(client: pg.ClientBase | pg.Pool): Promise<Date | null> {
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
