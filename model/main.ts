import { Command } from 'commander';
import { wholeNumber } from '../src/cli/options.ts';
import { print, printError, printJson } from '../src/cli/output.ts';
import { paragraphs } from '../src/cli/paragraphs.ts';
import { ensureError } from '../src/domain/errors.ts';
import { reportText } from './report-text.ts';
import { isAsItShouldBe, runSearch } from './run-search.ts';
import type { SearchResult } from './run-search.ts';
import { ALL, SMALL } from './searches.ts';
import type { Search } from './searches.ts';
import { readySpin } from './spin-programs.ts';

const DESCRIPTION = `
Searches models of the ownership protocol exhaustively: every order in which deliveries, forwards, commits, takeovers, hand-offs, parking, faults and
repairs can follow each other, at a small size. Then it does so with bugs planted on purpose, each of which has to be found.

Needs spin and gcc; Debian's packages are installed where they are missing and we may.`;

const EPILOGUE = `
Exit code 1 where a property does not hold, a planted bug is not found, or a search did not come to its end. docs/PROTOCOL.md tells the
protocol in words; the models are model/*.pml.`;

interface Options {
  readonly small?: boolean;
  readonly json?: boolean;
  readonly jobs: number;
}

const JOBS = 2;
const INTERRUPTED = 130;

function chosen(names: readonly string[], { small }: Options): readonly Search[] {
  const searches = small === true ? SMALL : ALL;
  const missing = names.find((name) => !searches.some((search) => isNamed(search, name)));
  if (missing !== undefined) throw new Error(`there is no model and no planted bug called ${missing}.`);
  return names.length === 0
    ? searches
    : searches.filter((search) => names.some((name) => isNamed(search, name)));
}

function isNamed({ model, planted }: Search, name: string): boolean {
  return model === name || planted?.flag === name;
}

function firstSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

/** In the order of `searches`, `jobs` at a time. */
async function runAll(
  searches: readonly Search[],
  jobs: number,
  run: (search: Search) => Promise<SearchResult>,
): Promise<readonly SearchResult[]> {
  const results = new Map<Search, SearchResult>();
  const left = [...searches];
  const worker = async (): Promise<void> => {
    for (let search = left.shift(); search !== undefined; search = left.shift())
      results.set(search, await run(search));
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return searches.flatMap((search) => results.get(search) ?? []);
}

async function main(names: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const searches = chosen(names, options);
  const programs = await readySpin(process.env, printError);
  const startedMs = performance.now();
  const results = await runAll(searches, options.jobs, async (search) => {
    const result = await runSearch(search, programs, signal);
    const sign = isAsItShouldBe(result) ? 'ok' : 'FAILED';
    printError(`${sign}: ${search.model} ${search.planted?.flag ?? search.properties.join(' ')}`);
    return result;
  });
  const failed = results.filter((result) => !isAsItShouldBe(result)).length;
  const seconds = (performance.now() - startedMs) / 1_000;
  if (options.json === true) printJson({ searches: results.length, failed, seconds, results });
  else
    print(`${reportText(results)}\n\n${results.length} searches, ${failed} failed (${seconds.toFixed(0)} s)`);
  if (failed > 0) process.exitCode = 1;
}

await new Command('model')
  .usage('[options] [models or planted bugs…]')
  .description(paragraphs(DESCRIPTION))
  .argument('[names...]', 'models (ownership, parking, lease) or planted bugs (NO_FENCE, …); default: all')
  .option('--small', 'the smallest searches alone')
  .option('--jobs <n>', 'searches at a time', wholeNumber(1, 64), JOBS)
  .option('--json', 'print the results as JSON')
  .addHelpText('after', `\n${paragraphs(EPILOGUE)}`)
  .action(async (names: readonly string[], options: Options) => {
    const signal = firstSignal();
    try {
      await main(names, options, signal);
    } catch (error) {
      process.exitCode = signal.aborted ? INTERRUPTED : 1;
      if (!signal.aborted) printError(ensureError(error).message);
    }
  })
  .parseAsync();
