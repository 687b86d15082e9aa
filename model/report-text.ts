import { table } from '../src/cli/output.ts';
import { PROPERTIES } from './properties.ts';
import { isAsItShouldBe } from './run-search.ts';
import type { SearchResult } from './run-search.ts';

const HEAD = ['model', 'property', 'size, planted bug', 'states', 'depth', 's', 'verdict'];

/** One row per model, property and variant. */
export function reportText(results: readonly SearchResult[]): string {
  const rows = results.flatMap((result) => {
    const { search, states, depth, seconds } = result;
    const variant = [...search.defines, ...(search.planted === null ? [] : [search.planted.says])];
    return search.properties.map((property) => [
      search.model,
      property,
      variant.join(', '),
      states,
      depth,
      seconds.toFixed(1),
      verdictText(result),
    ]);
  });
  const known = Object.entries(PROPERTIES).map(([name, { says }]) => `${name.padEnd(6)} ${says}`);
  return `${table(HEAD, rows)}\n\n${known.join('\n')}`;
}

function verdictText(result: SearchResult): string {
  const { search, verdict } = result;
  if (verdict === 'unfinished') return 'NOT FINISHED';
  if (search.planted === null) return verdict === 'holds' ? 'holds' : 'VIOLATED';
  return isAsItShouldBe(result) ? 'found' : 'NOT FOUND';
}
