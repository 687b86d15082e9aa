import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { DEAD_LETTER_QUEUES, INBOUND_QUEUES } from '../../contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../../contracts/queues.ts';
import { CATEGORY_OF_CODE } from '../../domain/error-category.ts';
import type { LetterCode } from '../../domain/error-category.ts';
import { LETTER_STANDINGS } from '../../infra/postgres/letter-view.ts';
import type { LetterFilter, LetterStanding } from '../../infra/postgres/letter-view.ts';
import { duration, uuid } from '../options.ts';

export interface FilterOptions {
  readonly reason?: LetterCode;
  readonly queue?: InboundQueue | DeadLetterQueue;
  readonly account?: string;
  readonly olderThan?: number;
  readonly newerThan?: number;
  readonly state?: LetterStanding | 'all';
}

const REASONS = Object.entries(CATEGORY_OF_CODE)
  .filter(([, category]) => category !== 'business' && category !== 'external')
  .map(([code]) => code);

/** `--reason --queue --account --older-than --newer-than --state` */
export function addFilterOptions(command: Command): Command {
  return command
    .addOption(new Option('--reason <code>', 'why it was given up, for example ROW_MISSING').choices(REASONS))
    .addOption(
      new Option('--queue <name>', 'the queue it was read from, or the one it was given up to').choices([
        ...INBOUND_QUEUES,
        ...DEAD_LETTER_QUEUES,
      ]),
    )
    .addOption(new Option('--account <id>', 'of this account').argParser(uuid))
    .addOption(
      new Option('--older-than <time>', 'given up longer ago than 90s, 10m, 2h, 3d').argParser(duration),
    )
    .addOption(
      new Option('--newer-than <time>', 'given up more recently than 90s, 10m, 2h, 3d').argParser(duration),
    )
    .addOption(
      new Option(
        '--state <state>',
        'open; decided (open, but its transaction was decided since); replayed; discarded; all (default: open)',
      ).choices([...LETTER_STANDINGS, 'all']),
    );
}

export function filterOf({
  reason,
  queue,
  account,
  olderThan,
  newerThan,
  state = 'open',
}: FilterOptions): LetterFilter {
  return {
    standing: state === 'all' ? null : state,
    reason: reason ?? null,
    queue: queue ?? null,
    accountId: account ?? null,
    olderThanMs: olderThan ?? null,
    newerThanMs: newerThan ?? null,
  };
}

/** Options of the filter that were given, as they are written. */
export function givenFilters(options: FilterOptions): readonly string[] {
  const names = {
    reason: '--reason',
    queue: '--queue',
    account: '--account',
    olderThan: '--older-than',
    newerThan: '--newer-than',
    state: '--state',
  } as const;
  return (Object.keys(names) as (keyof typeof names)[])
    .filter((option) => options[option] !== undefined)
    .map((option) => names[option]);
}

/** Number of a dead letter. */
export function letterId(text: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError(
    'expected the number of a dead letter, as `paygate dead-letters list` shows it.',
  );
}
