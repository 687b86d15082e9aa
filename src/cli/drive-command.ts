import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import type pg from 'pg';
import { loadConfig } from '../config.ts';
import { drive, type DriveReport } from '../drive/drive.ts';
import type { GoApi } from '../drive/go-api.ts';
import { newTraces } from '../drive/new-traces.ts';
import { INTENTS, type Intent } from '../drive/operation.ts';
import { ForeignDatabaseError, refuseForeignDatabase } from '../drive/refuse-foreign-database.ts';
import { MIX_DEFAULT, Traffic, TRAFFIC_DEFAULTS, type Mix } from '../drive/traffic.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { positive, share, wholeNumber } from './options.ts';
import { count, print, printError, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { progress } from './progress.ts';
import { withDriveTarget } from './with-drive-target.ts';

const DESCRIPTION = `
Publishes invented payments, as the Go API would: creates accounts and cards, inserts PENDING rows, and publishes non-persistent messages through the default exchange:
deposits, purchases, charges, full and partial refunds, some that must be rejected, some twice, balance requests, and a
share in the documented shape.

The same seed and run make the same stream. Ctrl-C stops after the batch.`;

const MIX_DEFAULT_TEXT = INTENTS.map((intent) => `${intent}=${String(MIX_DEFAULT[intent])}`).join(', ');

const mixOption = new Option('--mix <weights>', 'weights of the operations, for example deposit=60,charge=0')
  .argParser(mix)
  .default(MIX_DEFAULT, MIX_DEFAULT_TEXT);

const runOption = new Option('--run <text>', 'part of every id').default(
  randomBytes(6).toString('hex'),
  'a new one each time',
);

/** `deposit=60,charge=0` over the default weights. */
function mix(text: string): Mix {
  const weights: Record<Intent, number> = { ...MIX_DEFAULT };
  for (const part of text.split(',')) {
    const [name = '', weight = ''] = part.split('=');
    const intent = INTENTS.find((known) => known === name.trim());
    if (intent === undefined)
      throw new InvalidArgumentError(`unknown operation; known are ${INTENTS.join(', ')}.`);
    weights[intent] = positive(weight);
  }
  if (Object.values(weights).every((weight) => weight === 0)) {
    throw new InvalidArgumentError('at least one weight must be above 0.');
  }
  return weights;
}

interface DriveCommandOptions {
  readonly count: number;
  readonly rate: number;
  readonly accounts: number;
  readonly skew: number;
  readonly mix: Mix;
  readonly seed: string;
  readonly run: string;
  readonly duplicates: number;
  readonly documented: number;
  readonly poison: number;
  readonly into?: string;
  readonly traced?: boolean;
  readonly json?: boolean;
}

interface TracedReport extends DriveReport {
  /** With `--traced`. */
  readonly firstTraceId?: string;
}

async function runDrive(options: DriveCommandOptions): Promise<TracedReport> {
  const traffic = new Traffic({
    ...TRAFFIC_DEFAULTS,
    seed: options.seed,
    run: options.run,
    accounts: options.accounts,
    skew: options.skew,
    mix: options.mix,
    duplicatesShare: options.duplicates,
    documentedShare: options.documented,
    poisonShare: options.poison,
  });
  const bar = progress('publishing', { quiet: options.json === true });
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  try {
    const first: { firstTraceId?: string } = {};
    const headersOf =
      options.traced === true ? newTraces((traceId) => (first.firstTraceId ??= traceId)) : null;
    const send = async (api: GoApi, pool: pg.Pool): Promise<TracedReport> => {
      await refuseForeignDatabase(pool, options.into);
      if (options.json !== true) printError(`One of its accounts: ${traffic.accounts[0]?.id ?? 'none'}`);
      const report = await drive(api, traffic, {
        transactions: options.count,
        ratePerSecond: options.rate,
        backlogMax: null,
        signal: stop.signal,
        onProgress: ({ transactions }) => bar.update(transactions, options.count),
      });
      return { ...report, ...first };
    };
    return await withDriveTarget(loadConfig(), send, headersOf);
  } catch (error) {
    if (error instanceof ForeignDatabaseError)
      throw new CommandError(error.message, EXIT.usage, { cause: error });
    throw error;
  } finally {
    bar.end();
  }
}

/** `paygate drive` */
export function driveCommand(): Command {
  return new Command('drive')
    .description(paragraphs(DESCRIPTION))
    .option('--count <n>', 'transactions to publish', wholeNumber(1), 10_000)
    .option('--rate <tx/s>', 'transactions per second, 0 = as fast as possible', positive, 0)
    .option('--accounts <n>', 'accounts to create', wholeNumber(1, 10_000_000), TRAFFIC_DEFAULTS.accounts)
    .option('--skew <s>', '0: all accounts alike; above: Zipf exponent', positive, 0)
    .addOption(mixOption)
    .option('--seed <text>', 'what the stream is made from', 'paygate')
    .addOption(runOption)
    .option(
      '--duplicates <share>',
      'share of messages published twice',
      share,
      TRAFFIC_DEFAULTS.duplicatesShare,
    )
    .option('--documented <share>', 'share in the documented shape', share, TRAFFIC_DEFAULTS.documentedShare)
    .option(
      '--poison <share>',
      'messages that cannot be decided, per transaction',
      share,
      TRAFFIC_DEFAULTS.poisonShare,
    )
    .option('--traced', 'begin a trace with each message (traceparent), for nodes with FEATURES=tracing')
    .option('--into <database>', 'allow a database that holds transactions drive did not make, by its name')
    .option('--json', 'print JSON')
    .action(async (options: DriveCommandOptions) => {
      const report = await runDrive(options);
      if (options.json === true) return printJson(report);
      const seconds = report.elapsedMs / 1_000;
      print(
        `Published ${count(report.messages)} messages in ${seconds.toFixed(1)} s: ${count(report.transactions)} transactions ` +
          `(${count(report.documented)} in the documented shape), ${count(report.repeats)} repeats, ` +
          `${count(report.balanceRequests)} balance requests, ${count(report.poison)} that cannot be decided.`,
      );
      if (report.firstTraceId !== undefined) print(`The first trace is ${report.firstTraceId}.`);
      if (report.ended === 'stopped')
        print('Stopped before the end; every row that was inserted was published.');
    });
}
