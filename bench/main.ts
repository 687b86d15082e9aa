import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../src/cli/options.ts';
import { jsonText, print, printError, printJson, table } from '../src/cli/output.ts';
import { paragraphs } from '../src/cli/paragraphs.ts';
import type { BenchCase, CaseSize } from './bench-case.ts';
import { CASES } from './cases/index.ts';
import { suiteChart } from './chart/chart.ts';
import { targetMarkdown } from './report/markdown.ts';
import { createProgress } from './report/progress.ts';
import { reportOf, type SuiteReport } from './report/suite-report.ts';
import { sizesMarkdown } from './report/sizes.ts';
import { readSurroundings } from './report/surroundings.ts';
import { figureLine, reportText } from './report/text.ts';
import { firstSignal } from './first-signal.ts';
import { setting } from './setting.ts';
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
  readonly seconds?: number;
  readonly full?: boolean;
  readonly nodes?: readonly number[];
  readonly variant: readonly string[];
  readonly set: Readonly<Record<string, string>>;
  readonly out: string;
  readonly table?: string;
  readonly sizes?: string;
}

const RESULTS = fileURLToPath(new URL('results', import.meta.url));
const INTERRUPTED = 130;
/** The largest ledger is so many times as large. */
const FULL = 10;

function nodeCounts(text: string): readonly number[] {
  return text.split(',').map(wholeNumber(1, 9));
}

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

function chosenCases(names: readonly string[], options: Options): readonly ChosenCase[] {
  const unknown = names.find((name) => !CASES.some((benchCase) => benchCase.name === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `there is no case ${unknown}; there are ${CASES.map(({ name }) => name).join(', ')}.`,
    );
  const chosen = names.length === 0 ? CASES : CASES.filter(({ name }) => names.includes(name));
  const only = options.variant.length === 0 ? null : options.variant;
  const all = chosen.map((benchCase) => ({ benchCase, size: sizeOf(benchCase, options), only }));
  const variants = all.flatMap(variantNames);
  const missing = only?.find((name) => !variants.includes(name));
  if (missing !== undefined)
    throw new InvalidArgumentError(`there is no variant ${missing}; there are ${variants.join(', ')}.`);
  return all.filter((one) => only === null || variantNames(one).some((name) => only.includes(name)));
}

function variantNames({ benchCase, size }: ChosenCase): readonly string[] {
  return benchCase.plan(size).variants.map(({ name }) => name);
}

function sizeOf({ size, quick }: BenchCase, options: Options): CaseSize {
  const usual = options.quick === true ? quick : size;
  return {
    transactions: options.transactions ?? usual.transactions,
    accounts: options.accounts ?? usual.accounts,
    seconds: options.seconds ?? usual.seconds,
    ledgerRows: options.full === true ? usual.ledgerRows * FULL : usual.ledgerRows,
    runs: options.runs ?? usual.runs,
    nodes: options.nodes ?? usual.nodes,
  };
}

const amountOf = ({ transactions, seconds }: CaseSize): string =>
  transactions > 0 ? `${transactions} tx` : `${seconds} s`;

function list(): void {
  const rows = CASES.map(({ name, about, size }) => [name, amountOf(size), size.runs, about]);
  print(table(['case', 'a run', 'rounds', ''], rows));
}

/** The report and its chart; answers the name of both without its ending. */
function keep(report: SuiteReport, directory: string): string {
  mkdirSync(directory, { recursive: true });
  const name = join(directory, report.startedAt.slice(0, 19).replaceAll(':', '-'));
  writeFileSync(`${name}.json`, `${jsonText(report)}\n`);
  writeFileSync(`${name}.svg`, suiteChart(report));
  return name;
}

const kept = (file: string): SuiteReport => JSON.parse(readFileSync(file, 'utf8')) as SuiteReport;

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
        progress.done(`${title}: ${figureLine(figures, ['txPerSecond', 'totalCpuUs', 'readableP99Ms'])}`),
    },
    async (runs, servers) =>
      reportOf(runs, {
        startedAt,
        surroundings: await readSurroundings(servers),
        settings: options.set,
      }),
  ).finally(() => progress.end());
  const name = keep(report, options.out);
  if (options.json === true) printJson(report);
  else print(reportText(report));
  printError(`kept in ${name}.json and .svg`);
  if (report.ended === 'interrupted') process.exitCode = INTERRUPTED;
}

await new Command('bench')
  .usage('[options] [cases…]')
  .description(paragraphs(DESCRIPTION))
  .argument('[cases...]', 'which ones; default: all')
  .option('--list', 'tell which cases there are')
  .option('--quick', 'small and few: to see that it works, not to believe the figures')
  .option('--variant <name>', 'only this variant of the cases; may be given more than once', collect, [])
  .option('--full', 'the large ledger has 20 million rows instead of 2 million')
  .option('--runs <n>', 'rounds of each case', wholeNumber(1, 1_000))
  .option('--transactions <n>', 'transactions of a run', wholeNumber(100))
  .option('--accounts <n>', 'accounts of a run', wholeNumber(1, 10_000_000))
  .option('--seconds <n>', 'measured time of a steady stream', wholeNumber(1, 3_600))
  .option('--nodes <n,…>', 'numbers of nodes that are compared, for example 1,2,4', nodeCounts)
  .option('--set <name=value>', 'a setting of the nodes; may be given more than once', setting, {})
  .option('--out <folder>', 'where results are kept', RESULTS)
  .option('--table <file>', 'only print the targets of a kept report as Markdown')
  .option(
    '--sizes <file>',
    'only print what installations need, from the case nodes of a kept report, as Markdown',
  )
  .option('--json', 'print the whole report as JSON')
  .addHelpText('after', paragraphs(EPILOGUE))
  .action(async (names: readonly string[], options: Options) => {
    if (options.list === true) list();
    else if (options.table !== undefined) print(targetMarkdown(kept(options.table)));
    else if (options.sizes !== undefined) print(sizesMarkdown(kept(options.sizes)));
    else await run(names, options);
  })
  .parseAsync();
