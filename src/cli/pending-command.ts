import { randomUUID } from 'node:crypto';
import { Argument, Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import { readIntakePause } from '../infra/postgres/intake-pause.ts';
import { discardPending, listPending, orderDrive } from '../infra/postgres/pending-rows.ts';
import { describePause } from './describe-pause.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { operatorName, operatorOption, whyOption } from './operator-options.ts';
import { duration, uuid, wholeNumber } from './options.ts';
import { print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { describeDiscarded, describeDrive, describePendingList } from './pending/describe-pending.ts';
import { watchDrive } from './pending/watch-drive.ts';
import { withPool } from './with-pool.ts';

const DESCRIPTION = `
Transactions in status PENDING that nothing decides. The cluster drives those whose message was lost by itself, from 30 s on
until they are a day old (SWEEP_AGE_MIN, SWEEP_AGE_MAX). Older ones are left to you: an old installation has months of them.`;

const LIST_DESCRIPTION = `
Lists them, oldest first, with what takes care of each: a retry, parked commands of its account, a dead letter, or nothing.

For example \`paygate pending list --older-than 24h\`: those that nothing will drive by itself.`;

const DRIVE_DESCRIPTION = `
Lets the cluster decide them, as if their messages had come now: an account's oldest first, and none past a message that
still waits in the queue. A refund that does not say what it refunds becomes a dead letter, a row that is no transaction
becomes ERROR with one. Shows how it goes and what came of it. Exit code 1 unless all were decided.

For example \`paygate pending drive --all --older-than 24h --why "broker lost its disk on Monday"\`.`;

const DISCARD_DESCRIPTION = `
Ends them for good: status ERROR, their open dead letters are closed, and no message decides them any more. Money does not
move. Exit code 1 if one was not PENDING.`;

interface ListOptions {
  readonly olderThan: number;
  readonly account?: string;
  readonly limit: number;
  readonly json?: boolean;
}

interface OrderOptions {
  readonly why: string;
  readonly operator?: string;
  readonly json?: boolean;
}

interface DriveOptions extends OrderOptions {
  readonly all?: boolean;
  readonly olderThan?: number;
  readonly account?: string;
  readonly wait: number;
}

const IDS_MAX = 10_000;

async function list(options: ListOptions): Promise<void> {
  const { olderThan: olderThanMs, account, limit } = options;
  const config = loadConfig();
  const found = await withPool(
    config,
    (pool) => listPending(pool, { olderThanMs, accountId: account ?? null, limit }),
    'unhurried',
  );
  if (options.json === true) printJson(found);
  else print(describePendingList(found, config.sweepAgeMaxMs));
}

/** The ids, or all of an age: one of them must be said, and not both. */
function wantedOf(ids: readonly string[], { all, olderThan, account }: DriveOptions) {
  if (ids.length > IDS_MAX) throw new CommandError(`at most ${String(IDS_MAX)} ids at a time`);
  if (all === true && ids.length > 0) throw new CommandError('name transactions or say --all, not both');
  if (all !== true && ids.length === 0)
    throw new CommandError('which ones? Name transactions, or say --all with --older-than');
  if (all !== true) {
    if (olderThan !== undefined || account !== undefined)
      throw new CommandError('--older-than and --account go with --all');
    return { ids: [...new Set(ids)] };
  }
  if (olderThan === undefined) throw new CommandError('--all needs --older-than, for example 24h');
  return { olderThanMs: olderThan, accountId: account ?? null };
}

async function drive(ids: readonly string[], options: DriveOptions): Promise<void> {
  const wanted = wantedOf(ids, options);
  const order = { operator: operatorName(options.operator), why: options.why };
  const quiet = options.json === true;
  const run = randomUUID();
  const { asked, outcome, pause } = await withPool(
    loadConfig(),
    async (pool) => {
      const pause = await readIntakePause(pool);
      const asked = await orderDrive(pool, run, wanted, order);
      // While intake is paused nobody drives anything.
      const waitMs = pause === null ? options.wait * 1_000 : 0;
      return { asked, outcome: await watchDrive(pool, { run, asked, quiet, waitMs }), pause };
    },
    'unhurried',
  );
  const notPending = 'ids' in wanted ? wanted.ids.length - asked : 0;
  if (notPending > 0 || outcome.approved + outcome.rejected < asked) process.exitCode = EXIT.finding;
  if (quiet) {
    printJson({ run, asked, notPending, ...outcome });
    return;
  }
  const skipped = notPending > 0 ? [`${String(notPending)} of them are not PENDING, or not there.`] : [];
  print([...describePause(pause), ...skipped, describeDrive(asked, outcome)].join('\n'));
}

async function discard(ids: readonly string[], options: OrderOptions): Promise<void> {
  if (ids.length > IDS_MAX) throw new CommandError(`at most ${String(IDS_MAX)} ids at a time`);
  const order = { operator: operatorName(options.operator), why: options.why };
  const results = await withPool(loadConfig(), (pool) => discardPending(pool, [...new Set(ids)], order));
  if (results.some(({ discarded }) => !discarded)) process.exitCode = EXIT.finding;
  if (options.json === true) printJson(results);
  else print(describeDiscarded(results));
}

const idsOf = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  uuid(text),
];

function orderCommand(parent: Command, name: string, summary: string, description: string): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(paragraphs(description))
    .addOption(whyOption().makeOptionMandatory())
    .addOption(operatorOption())
    .option('--json', 'print JSON');
}

const olderThanOption = (): Option =>
  new Option('--older-than <time>', 'only those created so long ago: 30s, 15m, 24h, 7d').argParser(duration);

const accountOption = (): Option =>
  new Option('--account <id>', 'only those of this account').argParser(uuid);

/** `paygate pending list | drive | discard` */
export function pendingCommand(): Command {
  const pending = new Command('pending').description(paragraphs(DESCRIPTION));
  pending
    .command('list')
    .summary('list them, oldest first')
    .description(paragraphs(LIST_DESCRIPTION))
    .addOption(olderThanOption().default(0, 'of any age'))
    .addOption(accountOption())
    .option('--limit <n>', 'how many to show', wholeNumber(0, 100_000), 100)
    .option('--json', 'print JSON')
    .action(list);
  orderCommand(pending, 'drive', 'let the cluster decide them', DRIVE_DESCRIPTION)
    .addArgument(new Argument('[ids...]', 'transaction ids').argParser(idsOf))
    .option('--all', 'all that nothing takes care of, of the age given')
    .addOption(olderThanOption())
    .addOption(accountOption())
    .option('--wait <seconds>', 'how long to watch while nothing moves', wholeNumber(0, 86_400), 60)
    .action((ids: readonly string[] | undefined, options: DriveOptions) => drive(ids ?? [], options));
  orderCommand(pending, 'discard', 'end them for good', DISCARD_DESCRIPTION)
    .addArgument(new Argument('<ids...>', 'transaction ids').argParser(idsOf))
    .action((ids: readonly string[], options: OrderOptions) => discard(ids, options));
  return pending;
}
