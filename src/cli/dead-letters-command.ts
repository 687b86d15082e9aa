import { Argument, Command, Option } from 'commander';
import type pg from 'pg';
import { loadConfig } from '../config.ts';
import { discardLetters, replayLetters } from '../infra/postgres/letter-ledger.ts';
import type { LetterResult, ReplayRequest, SentLetter } from '../infra/postgres/letter-ledger.ts';
import { listLetters, readLetter } from '../infra/postgres/letter-view.ts';
import { withLetterSender } from '../infra/rabbitmq/letter-sender.ts';
import { LIMITS } from '../limits.ts';
import { chosenLetters, portionsOf, refuseUnclearChoice } from './dead-letters/chosen-letters.ts';
import type { ChoiceOptions } from './dead-letters/chosen-letters.ts';
import { describeLetter, describePage, letterJson } from './dead-letters/describe-letter.ts';
import { addFilterOptions, filterOf, letterId } from './dead-letters/letter-filter.ts';
import type { FilterOptions } from './dead-letters/letter-filter.ts';
import { allWell, describeReports, reportJson } from './dead-letters/letter-report.ts';
import type { LetterReport } from './dead-letters/letter-report.ts';
import { watchOutcomes } from './dead-letters/watch-outcomes.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { operatorName, operatorOption, whyOption } from './operator-options.ts';
import { uuid, wholeNumber } from './options.ts';
import { count, print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { progress } from './progress.ts';
import { withPool } from './with-pool.ts';

const DESCRIPTION = `
What was given up, with the reason and the original bytes. A dead letter stays until somebody sends it again or discards it; the ledger's
record counts, the queues (transactions_dlq, balance_dlq, system_dlq) are copies for whoever wants to read them.

For example: list --reason ROW_MISSING --newer-than 2h; show 17; replay 17 18; replay --all --reason ROW_LOCKED --dry-run; discard 17 --why "sent by mistake".`;

const LIST_DESCRIPTION = `
Newest first. Open ones whose transaction was decided since are not shown, only counted: nobody has to do anything for them.`;

const REPLAY_DESCRIPTION = `
Sends the original message again, on the normal road: a transaction through retry_queue, which may also decide one in ERROR; a balance request
through its own queue. It is decided as if it came for the first time, and once: what was decided before stays as it is. Then tells what became of
each. Exit code 1 if one was refused, not sent, or given up again.

--refund-of mends a refund that does not say what it refunds (REFUND_TARGET_UNKNOWN): replay 17 --refund-of 0b4f….`;

const DISCARD_DESCRIPTION = `
Closes dead letters without sending them. Their transactions stay as they are; the letters stay in the ledger, and in their queue. Exit code 1 if one
was refused.`;

const LIST_LIMIT = 50;
const WAIT_SECONDS = 10;

interface JsonOption {
  readonly json?: boolean;
}

interface ActionOptions extends ChoiceOptions, JsonOption {
  readonly operator?: string;
  readonly dryRun?: boolean;
}

interface ReplayOptions extends ActionOptions {
  readonly why?: string;
  readonly again?: boolean;
  readonly refundOf?: string;
  /** Seconds; false: do not wait. */
  readonly wait: number | false;
}

async function list(options: FilterOptions & JsonOption & { readonly limit: number }): Promise<void> {
  const page = await withPool(loadConfig(), (pool) => listLetters(pool, filterOf(options), options.limit));
  if (options.json === true) printJson(page);
  else print(describePage(page));
}

async function show(id: bigint, options: JsonOption): Promise<void> {
  const letter = await withPool(loadConfig(), (pool) => readLetter(pool, id));
  if (letter === null) throw new CommandError(`there is no dead letter ${id}`, EXIT.finding);
  if (options.json === true) printJson(letterJson(letter));
  else print(describeLetter(letter));
}

function tellDryRun(ids: readonly bigint[], what: string, asJson: boolean): void {
  if (asJson) printJson({ dryRun: true, letterIds: ids });
  else
    print(
      `${count(ids.length)} dead letters would be ${what}${ids.length === 0 ? '' : `: ${ids.slice(0, LIST_LIMIT).join(', ')}${ids.length > LIST_LIMIT ? ', …' : ''}`}`,
    );
}

function tell(reports: readonly LetterReport[], asJson: boolean): void {
  if (asJson) printJson(reports.map(reportJson));
  else print(describeReports(reports));
  if (!allWell(reports)) process.exitCode = EXIT.finding;
}

/** Portion by portion: what an interrupted command has done is done, and written down. */
async function inPortions(
  ids: readonly bigint[],
  title: string,
  quiet: boolean,
  work: (portion: readonly bigint[]) => Promise<readonly LetterResult[]>,
): Promise<readonly LetterResult[]> {
  const bar = progress(title, { quiet: quiet || ids.length <= LIMITS.letterPortionMax });
  const results: LetterResult[] = [];
  try {
    for (const portion of portionsOf(ids)) {
      results.push(...(await work(portion)));
      bar.update(results.length, ids.length);
    }
    return results;
  } finally {
    bar.end();
  }
}

async function replay(ids: readonly bigint[], options: ReplayOptions): Promise<void> {
  refuseUnclearChoice(ids, options);
  if (options.refundOf !== undefined && ids.length !== 1)
    throw new CommandError('--refund-of is for one dead letter, named by its id');
  const quiet = options.json === true;
  const config = loadConfig();
  const request: Omit<ReplayRequest, 'send'> = {
    operator: operatorName(options.operator),
    why: options.why ?? null,
    again: options.again === true,
    refundOf: options.refundOf ?? null,
  };
  await withPool(config, async (pool) => {
    const chosen = await chosenLetters(pool, ids, options);
    if (options.dryRun === true) {
      tellDryRun(chosen, 'sent again', quiet);
      return;
    }
    const results = await withLetterSender(config.rabbitmqUrl, (send) =>
      inPortions(chosen, 'sending', quiet, (portion) => replayLetters(pool, portion, { ...request, send })),
    );
    tell(await reportsOf(pool, results, options.wait, quiet), quiet);
  });
}

async function reportsOf(
  pool: pg.Pool,
  results: readonly LetterResult[],
  wait: number | false,
  quiet: boolean,
): Promise<readonly LetterReport[]> {
  const sent = results.flatMap((result): SentLetter[] => (result.kind === 'sent' ? [result.sent] : []));
  if (wait === false || sent.length === 0) return results.map((result) => ({ result, outcome: undefined }));
  const bar = progress('deciding', { quiet: quiet || sent.length <= LIMITS.letterPortionMax });
  try {
    const outcomes = await watchOutcomes(pool, sent, {
      waitMs: wait * 1_000,
      onProgress: (settled, total) => bar.update(settled, total),
    });
    return results.map((result) => ({ result, outcome: outcomes.get(result.letterId) }));
  } finally {
    bar.end();
  }
}

async function discard(
  ids: readonly bigint[],
  options: ActionOptions & { readonly why: string },
): Promise<void> {
  refuseUnclearChoice(ids, options);
  const quiet = options.json === true;
  const note = { operator: operatorName(options.operator), why: options.why };
  await withPool(loadConfig(), async (pool) => {
    const chosen = await chosenLetters(pool, ids, options);
    if (options.dryRun === true) {
      tellDryRun(chosen, 'discarded', quiet);
      return;
    }
    const results = await inPortions(chosen, 'discarding', quiet, (portion) =>
      discardLetters(pool, portion, note),
    );
    tell(
      results.map((result) => ({ result, outcome: undefined })),
      quiet,
    );
  });
}

/** Which letters, who and how: what `replay` and `discard` share. */
function action(name: string, summary: string, description: string): Command {
  const command = new Command(name)
    .summary(summary)
    .description(paragraphs(description))
    .addArgument(
      new Argument('[id...]', 'numbers of dead letters').argParser(
        (text: string, before: bigint[] | undefined) => [...(before ?? []), letterId(text)],
      ),
    )
    .option('--all', 'all that fit the filter, instead of ids');
  return addFilterOptions(command)
    .option('--limit <n>', 'at most so many of them, the oldest', wholeNumber(1, LIMITS.lettersMax))
    .option('--dry-run', 'only tell which ones it would be')
    .addOption(operatorOption())
    .option('--json', 'print JSON');
}

function replayCommand(): Command {
  return action('replay', 'send dead letters again, and tell what became of them', REPLAY_DESCRIPTION)
    .addOption(whyOption())
    .option('--again', 'also those that were sent again or discarded before')
    .addOption(
      new Option('--refund-of <transaction id>', 'what a refund without target refunds').argParser(uuid),
    )
    .option('--wait <seconds>', 'how long to wait for the outcomes', wholeNumber(0, 3_600), WAIT_SECONDS)
    .option('--no-wait', 'do not wait for the outcomes')
    .action((ids: readonly bigint[], options: ReplayOptions) => replay(ids, options));
}

/** `paygate dead-letters list | show | replay | discard` */
export function deadLettersCommand(): Command {
  const command = new Command('dead-letters').description(paragraphs(DESCRIPTION));
  const listing = command.command('list').summary('those that wait for somebody');
  addFilterOptions(listing.description(paragraphs(LIST_DESCRIPTION)))
    .option('--limit <n>', 'how many to show', wholeNumber(1, 10_000), LIST_LIMIT)
    .option('--json', 'print JSON')
    .action(list);
  command
    .command('show')
    .summary('one of them, with its bytes and its history')
    .description('One dead letter, with its bytes and what operators did to it. Exit code 1 if unknown.')
    .addArgument(new Argument('<id>', 'number of the dead letter').argParser(letterId))
    .option('--json', 'print JSON, the body also in base64')
    .action(show);
  command.addCommand(replayCommand());
  command.addCommand(
    action('discard', 'close dead letters without sending them', DISCARD_DESCRIPTION)
      .addOption(whyOption().makeOptionMandatory())
      .action((ids: readonly bigint[], options: ActionOptions & { readonly why: string }) =>
        discard(ids, options),
      ),
  );
  return command;
}
