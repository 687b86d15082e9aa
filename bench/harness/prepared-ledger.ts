import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { openHistory } from '../../src/infra/postgres/opening.ts';
import { PostgresSealStore } from '../../src/infra/postgres/seal-store.ts';
import { benchTraffic } from './bench-traffic.ts';
import type { BenchPlace } from './bench-place.ts';
import { CYCLE_LENGTH, FILL_ACCOUNTS, fillStatements } from './journal-fill.ts';

/** A ledger that has something in it when a run begins: made once, copied for each run. The accounts of the traffic are open. */
export interface PreparedLedger {
  /** Of its database: another content, another name. */
  readonly name: string;
  readonly decisions: number;
  fill(place: BenchPlace, surroundings: FillSurroundings): Promise<void>;
}

export interface FillSurroundings {
  readonly signal: AbortSignal;
  readonly onStep: (step: string) => void;
}

/** Accounts and cards, and nothing decided. */
export function openAccounts(accounts: number): PreparedLedger {
  return {
    name: `bench_accounts_${accounts}`,
    decisions: 0,
    fill: async (place, { onStep }) => {
      onStep(`opening ${accounts} accounts`);
      await (await place.goApi()).openAccounts(benchTraffic({ accounts }).accounts);
      await place.settleDatabase();
    },
  };
}

/** Journal, transactions, seals and indexes of both. */
const BYTES_PER_ROW = 800;
/** Of a statement, so that Ctrl-C need not wait long. */
const ROWS_PER_STATEMENT = 100_000;
/** Since then nothing was decided. */
const DAY_MS = 86_400_000;
const SEAL_RETRY_MS = 100;

/**
 * Accounts that have decided so many transactions, alike each: with rows, balances and seals as a node would have left them, so that `verify` finds
 * nothing. Deposits, purchases, charges and refunds as in the traffic, all approved, none with a card.
 */
export function decidedJournal(accounts: number, rows: number): PreparedLedger {
  const cycles = Math.max(1, Math.floor(rows / accounts / CYCLE_LENGTH));
  const perAccount = cycles * CYCLE_LENGTH;
  return {
    name: `bench_journal_${accounts}_${rows}`,
    decisions: accounts * perAccount,
    fill: async (place, surroundings) => {
      await refuseFullDisk(accounts * perAccount);
      await (await place.goApi()).openAccounts(benchTraffic({ accounts }).accounts);
      await openHistory(place.pool, {
        refundAmount: 'message',
        queueHasConsumer: () => Promise.resolve(false),
      });
      await fillJournal(place, { accounts, perAccount }, surroundings);
      await sealAll(place, surroundings);
      await place.settleDatabase();
      surroundings.onStep(`the ledger takes ${await sizeMb(place)} MB`);
    },
  };
}

async function sizeMb({ pool }: BenchPlace): Promise<number> {
  const { rows } = await pool.query<{ mb: number }>(
    'select round(pg_database_size(current_database()) / 1e6)::int as mb',
  );
  return rows[0]?.mb ?? NaN;
}

/** The ledger stands there twice: as it was made, and as the copy that a run works on. */
async function refuseFullDisk(rows: number): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir());
  const wanted = 2 * rows * BYTES_PER_ROW;
  if (bavail * bsize < wanted)
    throw new Error(
      `${rows} journal rows need ${Math.ceil(wanted / 1e9)} GB in ${tmpdir()}, where ${Math.floor((bavail * bsize) / 1e9)} GB are free`,
    );
}

async function fillJournal(
  place: BenchPlace,
  size: { readonly accounts: number; readonly perAccount: number },
  { signal, onStep }: FillSurroundings,
): Promise<void> {
  const until = new Date(Date.now() - DAY_MS);
  const step = Math.max(1, Math.floor(ROWS_PER_STATEMENT / size.accounts));
  const client = await place.pool.connect();
  try {
    await client.query(FILL_ACCOUNTS);
    for (let from = 1; from <= size.perAccount; from += step) {
      signal.throwIfAborted();
      const to = Math.min(size.perAccount, from + step - 1);
      onStep(`filling the journal: ${((to / size.perAccount) * 100).toFixed(0)} %`);
      for (const { text, values } of fillStatements({ from, to, last: size.perAccount, until }))
        await client.query(text, values);
    }
  } finally {
    // Not back into the pool: it has settings and a table of its own.
    client.release(true);
  }
}

async function sealAll({ pool }: BenchPlace, { signal, onStep }: FillSurroundings): Promise<void> {
  const store = new PostgresSealStore(pool);
  const horizon = await store.horizon();
  for (let rows = 0, more = true; more;) {
    signal.throwIfAborted();
    const step = await store.seal(horizon);
    if (step.kind === 'busy') throw new Error('somebody else seals the journal');
    if (step.kind === 'waiting') {
      await sleep(SEAL_RETRY_MS, undefined, { signal });
      continue;
    }
    rows += step.rows;
    more = step.more;
    onStep(`sealing the journal: ${rows} rows`);
  }
}
