import type pg from 'pg';
import { letterIds } from '../../infra/postgres/letter-view.ts';
import { LIMITS } from '../../limits.ts';
import { CommandError } from '../exit-codes.ts';
import { filterOf, givenFilters } from './letter-filter.ts';
import type { FilterOptions } from './letter-filter.ts';

export interface ChoiceOptions extends FilterOptions {
  readonly all?: boolean;
  readonly limit?: number;
}

/** Throws `CommandError` where it is not clear which letters are meant. */
export function refuseUnclearChoice(ids: readonly bigint[], options: ChoiceOptions): void {
  const filters = [...givenFilters(options), ...(options.limit === undefined ? [] : ['--limit'])];
  if (ids.length > 0 && (options.all === true || filters.length > 0))
    throw new CommandError(
      `either ids, or --all with a filter, not both (${['--all', ...filters].join(', ')})`,
    );
  if (ids.length === 0 && options.all !== true)
    throw new CommandError(
      'which ones? Give their ids (see `paygate dead-letters list`), or --all with a filter, for example --all --reason ROW_MISSING',
    );
}

/** The letters that are meant: those named, or those there are now that fit the filter, oldest first. */
export async function chosenLetters(
  pool: pg.Pool,
  ids: readonly bigint[],
  options: ChoiceOptions,
): Promise<readonly bigint[]> {
  if (ids.length > 0) return [...new Set(ids)];
  return letterIds(pool, filterOf(options), options.limit ?? LIMITS.lettersMax);
}

export function* portionsOf(ids: readonly bigint[]): Generator<readonly bigint[]> {
  for (let from = 0; from < ids.length; from += LIMITS.letterPortionMax)
    yield ids.slice(from, from + LIMITS.letterPortionMax);
}
