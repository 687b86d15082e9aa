import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../src/cli/options.ts';
import { jsonText, print, printError, printJson, table } from '../src/cli/output.ts';
import { paragraphs } from '../src/cli/paragraphs.ts';
import type { BenchCase, CaseSize } from './bench-case.ts';
import { CASES } from './cases/index.ts';
import { createProgress } from './report/progress.ts';
import { reportOf, type SuiteReport } from './report/suite-report.ts';
import { readSurroundings } from './report/surroundings.ts';
import { figureLine, reportText } from './report/text.ts';
import { runSuite, type ChosenCase } from './run-suite.ts';

const DESCRIPTION = `
Measures the processor on servers of its own: PostgreSQL, RabbitMQ and Redis on this machine, started for it and gone afterwards. Nodes are real processes of dist/.

Variants of a case run in turns and are compared round by round. After each run the ledger is audited: figures of a wrong one are worth nothing. Run it on a machine
that does nothing else.

Ctrl-C ends it, and shows what was measured until then.`;

const EPILOGUE = `
Figures: tx/s from the first decision of the backlog to the last. CPU per transaction is what all processes of that kind used, divided by
the transactions. Memory is the largest resident size of a node while it was measured.`;

interface Options {
  readonly list?: boolean;
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly runs?: number;
  readonly transactions?: number;
  readonly accounts?: number;
  readonly nodes?: readonly number[];
  readonly set: Readonly<Record<string, string>>;
  readonly out: string;
}

const RESULTS = fileURLToPath(new URL('results', import.meta.url));
const INTERRUPTED = 130;

function nodeCounts(text: string): readonly number[] {
  return text.split(',').map(wholeNumber(1, 9));
}

function setting(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [name, value] = text.split(/=(.*)/s);
  if (name === undefined || value === undefined || !/^[A-Z_]+$/.test(name))
    throw new InvalidArgumentError('expected a setting like PROCESSOR_WORKERS=2.');
  return { ...before, [name]: value };
}

function chosenCases(names: readonly string[], options: Options): readonly ChosenCase[] {
  const unknown = names.find((name) => !CASES.some((benchCase) => benchCase.name === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `there is no case ${unknown}; there are ${CASES.map(({ name }) => name).join(', ')}.`,
    );
  const chosen = names.length === 0 ? CASES : CASES.filter(({ name }) => names.includes(name));
  return chosen.map((benchCase) => ({ benchCase, size: sizeOf(benchCase, options) }));
}

function sizeOf({ size, quick }: BenchCase, options: Options): CaseSize {
  const usual = options.quick === true ? quick : size;
  return {
    transactions: options.transactions ?? usual.transactions,
    accounts: options.accounts ?? usual.accounts,
    runs: options.runs ?? usual.runs,
    nodes: options.nodes ?? usual.nodes,
  };
}

function list(): void {
  const rows = CASES.map(({ name, about, size }) => [name, size.transactions, size.runs, about]);
  print(table(['case', 'transactions', 'rounds', ''], rows));
}

/** Aborts at the first Ctrl-C; at the second we go, and the guardians end what was started. */
function firstSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    printError('ending (Ctrl-C again ends at once)');
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}

function keep(report: SuiteReport, directory: string): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${report.startedAt.slice(0, 19).replaceAll(':', '-')}.json`);
  writeFileSync(file, `${jsonText(report)}\n`);
  return file;
}

async function run(names: readonly string[], options: Options): Promise<void> {
  const chosen = chosenCases(names, options);
  const signal = firstSignal();
  const startedAt = new Date().toISOString();
  const progress = createProgress();
  const report = await runSuite(
    {
      chosen,
      nodeSettings: options.set,
      signal,
      onStep: (text) => progress.step(text),
      onRun: (title, figures) =>
        progress.done(`${title}: ${figureLine(figures, ['txPerSecond', 'totalCpuUs'])}`),
    },
    async (runs, servers) =>
      reportOf(runs, {
        startedAt,
        surroundings: await readSurroundings(servers),
        settings: options.set,
      }),
  ).finally(() => progress.end());
  const file = keep(report, options.out);
  if (options.json === true) printJson(report);
  else print(reportText(report));
  printError(`kept in ${file}`);
  if (report.ended === 'interrupted') process.exitCode = INTERRUPTED;
}

await new Command('bench')
  .usage('[options] [cases…]')
  .description(paragraphs(DESCRIPTION))
  .argument('[cases...]', 'which ones; default: all')
  .option('--list', 'tell which cases there are')
  .option('--quick', 'small and few: to see that it works, not to believe the figures')
  .option('--runs <n>', 'rounds of each case', wholeNumber(1, 1_000))
  .option('--transactions <n>', 'transactions of a run', wholeNumber(100))
  .option('--accounts <n>', 'accounts of a run', wholeNumber(1, 10_000_000))
  .option('--nodes <n,…>', 'numbers of nodes that are compared, for example 1,2,4', nodeCounts)
  .option('--set <name=value>', 'a setting of the nodes; may be given more than once', setting, {})
  .option('--out <folder>', 'where results are kept', RESULTS)
  .option('--json', 'print the whole report as JSON')
  .addHelpText('after', paragraphs(EPILOGUE))
  .action(async (names: readonly string[], options: Options) => {
    if (options.list === true) list();
    else await run(names, options);
  })
  .parseAsync();
