import { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { migrate } from '../infra/postgres/migrate.ts';
import { GrantRefusal } from '../infra/postgres/grants.ts';
import { openHistory, OpeningRefusal, type Opening } from '../infra/postgres/opening.ts';
import { queueStatus } from '../infra/rabbitmq/queue-status.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { checkMigration, describeCheck } from './migrate/check-migration.ts';
import { showWayBack } from './migrate/way-back.ts';
import { wholeNumber } from './options.ts';
import { count, print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { progress } from './progress.ts';
import { withPool } from './with-pool.ts';

const DESCRIPTION = `
Creates or updates schema "processor", and the Go API's three tables where these are missing (existing ones are never
changed).

Then takes over the history from before, once: one opening row per account with approved transactions.
That needs RabbitMQ, to make sure that nobody is deciding transactions meanwhile. Safe to run again.

With DATABASE_RUNTIME_ROLE that role is given what nodes and commands need, and no more: run this as another role than the nodes.

--check tells beforehand what it would do, check by check; exit code 1 where something stands in its way. --back tells what the way back to the
old processor costs, with every account that it counts otherwise; exit code 1 while our tables hold messages that no queue has any more.
docs/SWITCHING.md has both ways step by step.`;

async function takeOver(config: Config, quiet: boolean): Promise<Opening> {
  const bar = progress('taking over the history', { quiet });
  try {
    return await withPool(config, (pool) =>
      openHistory(pool, {
        refundAmount: config.refundAmountSet ? config.refundAmount : null,
        queueHasConsumer: async () => {
          const status = await queueStatus(config.rabbitmqUrl, ['transactions_queue']);
          return (status.get('transactions_queue')?.consumers ?? 0) > 0;
        },
        onProgress: ({ done, total }) => bar.update(done, total),
      }),
    );
  } catch (error) {
    if (error instanceof OpeningRefusal)
      throw new CommandError(error.message, EXIT.finding, { cause: error });
    throw error;
  } finally {
    bar.end();
  }
}

function tell(opening: Opening): void {
  if (opening.kind === 'opened-before') {
    print(`The history was taken over before, on ${opening.openedAt.toISOString()}.`);
    return;
  }
  print(
    `History taken over: ${count(opening.transactions)} approved transactions of ${count(opening.accounts)} accounts` +
      (opening.negativeAccounts > 0 ? `, ${count(opening.negativeAccounts)} of them below zero.` : '.'),
  );
  const { pending } = opening;
  if (pending.count > 0 && pending.oldestCreatedAtMs !== null) {
    const since = new Date(pending.oldestCreatedAtMs).toISOString();
    print(
      `${count(pending.count)} transactions are PENDING, the oldest since ${since}; they were left alone.`,
    );
  }
}

/** Migrations, then the history. Shared with the demonstration. */
export async function bringUpToDate(
  config: Config,
  quiet: boolean,
): Promise<{ readonly migrations: readonly string[]; readonly opening: Opening }> {
  const bar = progress('migrating', { quiet });
  const migrations = await migrate(config.databaseUrl, {
    runtimeRole: config.databaseRuntimeRole,
    onProgress: ({ done, total }) => bar.update(done, total),
  })
    .catch((error: unknown) => {
      if (error instanceof GrantRefusal)
        throw new CommandError(error.message, EXIT.finding, { cause: error });
      throw error;
    })
    .finally(() => bar.end());
  return { migrations, opening: await takeOver(config, quiet) };
}

interface MigrateOptions {
  readonly check?: boolean;
  readonly back?: boolean;
  readonly csv?: boolean;
  readonly limit: number;
  readonly json?: boolean;
}

async function check(config: Config, json: boolean): Promise<void> {
  const result = await checkMigration(config, json);
  if (!result.ok) process.exitCode = EXIT.finding;
  if (json) printJson(result);
  else print(describeCheck(result));
}

async function run(options: MigrateOptions): Promise<void> {
  const { check: isCheck = false, back: isBack = false, csv = false, json = false } = options;
  if (isCheck && isBack) throw new CommandError('--check or --back, not both');
  if (csv && !isBack) throw new CommandError('--csv goes with --back');
  if (csv && json) throw new CommandError('--csv or --json, not both');
  const config = loadConfig();
  if (isCheck) return check(config, json);
  if (isBack)
    return showWayBack(config, { form: csv ? 'csv' : json ? 'json' : 'words', limit: options.limit });
  const result = await bringUpToDate(config, json);
  if (json) {
    printJson(result);
    return;
  }
  print(
    result.migrations.length === 0 ? 'The schema is up to date.' : `Applied ${result.migrations.join(', ')}.`,
  );
  tell(result.opening);
}

/** `paygate migrate` */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description(paragraphs(DESCRIPTION))
    .option('--check', 'a dry run: what it would do and what stands in its way; changes nothing')
    .option('--back', 'what going back to the old processor costs: the accounts to adjust; changes nothing')
    .option('--limit <n>', 'with --back: accounts to list', wholeNumber(0, 100_000), 20)
    .option('--csv', 'with --back: print all of them as CSV')
    .option('--json', 'print JSON')
    .action(run);
}
