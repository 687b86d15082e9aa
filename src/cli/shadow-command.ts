import { Command, Option } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { Followed } from '../domain/shadow/followed.ts';
import { createPool } from '../infra/postgres/pool.ts';
import { ShadowReader, ShadowRefusal } from '../infra/postgres/shadow-reader.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { firstInterrupt } from './first-interrupt.ts';
import { duration, wholeNumber } from './options.ts';
import { jsonText, print, printError } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { describeDifference, describeSummary } from './shadow/describe-shadow.ts';
import { followTable } from './shadow/follow-table.ts';
import { ShadowTally } from './shadow/shadow-tally.ts';

const DESCRIPTION = `
Runs beside the old processor: follows the table "transactions", decides each transaction again once it has left PENDING, and tells where
the two differ. What is known of the old processor is counted by name (whole-refund, second-refund, charge, foreign-card, spent-deposit,
redelivered-refund). What is not is told at once, and makes the exit code 1; so does a run in which nothing was compared.

Reads only: it writes nothing, in no table and no queue. Each transaction is judged from what the table says was before it, so one
difference does not make others. REFUND_AMOUNT counts; rules do not. Without indexes every look reads the whole table, and looks take
at most a fifth of the time. Ctrl-C ends it with a summary. With --json one difference a line, the summary last.`;

interface ShadowOptions {
  readonly interval: number;
  readonly for?: number;
  readonly count?: number;
  readonly known?: boolean;
  readonly json?: boolean;
}

/** Rows that are known to wait; of more the oldest are left out. */
const PENDING_MAX = 50_000;
const PROGRESS_EVERY_MS = 10_000;
const TIMER_MS_MAX = 2 ** 31 - 1;

async function shadow(options: ShadowOptions): Promise<void> {
  const config = loadConfig();
  const pool = createPool(
    {
      databaseUrl: config.databaseUrl,
      applicationName: 'paygate:shadow',
      connectionsMax: 1,
      access: 'read-only',
    },
    // Whatever a lost connection breaks says so itself.
    { warn: () => undefined },
  );
  const tally = new ShadowTally();
  try {
    await follow(new ShadowReader(pool), tally, config, options);
  } catch (error) {
    if (error instanceof ShadowRefusal) throw new CommandError(error.message, EXIT.finding, { cause: error });
    if (tally.seen > 0) tell(tally, options);
    throw error;
  } finally {
    await pool.end();
  }
  tell(tally, options);
  if (!tally.summary().ok) process.exitCode = EXIT.finding;
}

async function follow(
  reader: ShadowReader,
  tally: ShadowTally,
  { refundAmount }: Config,
  options: ShadowOptions,
): Promise<void> {
  const start = await reader.start(PENDING_MAX);
  const followed = new Followed(start, PENDING_MAX);
  printError(
    `following transactions of the database ${start.database}, ${followed.waiting} of them PENDING; reads only, writes nothing; Ctrl-C ends it`,
  );
  const end = new AbortController();
  firstInterrupt().addEventListener('abort', () => end.abort());
  // A timer cannot wait for more than 24 days: each look asks as well.
  const endsAtMs = performance.now() + (options.for ?? Infinity);
  if (options.for !== undefined && options.for <= TIMER_MS_MAX)
    setTimeout(() => end.abort(), options.for).unref();
  const progress = progressOf(tally, followed);
  const warning = warningOf(reader);
  await followTable({
    reader,
    followed,
    decide: { refundAmount },
    intervalMs: options.interval,
    signal: end.signal,
    onComparison: (row, comparison) => {
      const found = tally.add(row, comparison);
      if (tally.seen === options.count) end.abort();
      if (found === null) return;
      if (options.json === true) print(jsonText(found, 0));
      else if (found.kind === 'unknown' || options.known === true) print(describeDifference(found));
    },
    onLook: () => {
      progress();
      warning();
      if (performance.now() >= endsAtMs) end.abort();
    },
    onTrouble: (error) => printError(`PostgreSQL does not answer, trying again: ${error.message}`),
  });
}

function progressOf(tally: ShadowTally, followed: Followed): () => void {
  let toldMs = performance.now();
  return () => {
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = performance.now();
    const { seen, agree, unknown } = tally.summary();
    printError(
      `${seen} decided again, ${agree} agree, ${unknown} unknown differences; ${followed.waiting} wait`,
    );
  };
}

/** Once. */
function warningOf(reader: ShadowReader): () => void {
  let isTold = false;
  return () => {
    if (isTold || !reader.mayMiss) return;
    isTold = true;
    printError(
      'somebody has kept a database transaction open over very many commits: what it wrote under savepoints will not be seen',
    );
  };
}

function tell(tally: ShadowTally, { json = false }: ShadowOptions): void {
  const summary = tally.summary();
  print(json ? jsonText(summary, 0) : describeSummary(summary));
}

/** `paygate shadow` */
export function shadowCommand(): Command {
  return new Command('shadow')
    .description(paragraphs(DESCRIPTION))
    .addOption(
      new Option('--interval <time>', 'the least pause between two looks')
        .argParser(duration)
        .default(1_000, '1s'),
    )
    .option('--for <time>', 'end after so long', duration)
    .option('--count <n>', 'end after so many transactions', wholeNumber(1))
    .option('--known', 'print known differences as well, not only their numbers')
    .option('--json', 'print JSON, one difference a line, the summary last')
    .action(shadow);
}
