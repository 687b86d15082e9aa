import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command } from 'commander';
import { wholeNumber } from '../../src/cli/options.ts';
import { print, printError, table } from '../../src/cli/output.ts';
import { paragraphs } from '../../src/cli/paragraphs.ts';
import { firstSignal } from '../first-signal.ts';
import { nodeNames } from '../harness/cluster-run.ts';
import { BenchServers } from '../harness/bench-servers.ts';
import { measureDrain } from '../harness/measure-drain.ts';
import { createProgress } from '../report/progress.ts';
import { figureLine } from '../report/text.ts';
import { DRAIN_FIGURES } from '../bench-case.ts';
import { setting } from '../setting.ts';
import { flameGraph } from './flame-graph.ts';
import {
  cpuFrames,
  heapFrames,
  ownerOf,
  selfCosts,
  type CpuProfile,
  type Frame,
  type HeapProfile,
  type SelfCost,
} from './frames.ts';

const DESCRIPTION = `
Where a node's time goes: drains a backlog with warm nodes, on servers of its own, and profiles them from the first message to the last.

Writes each node's profile as V8 has it (for Chrome's developer tools, or speedscope.app) and a flame graph as SVG, and prints what
costs most in itself.`;

interface Options {
  readonly heap?: boolean;
  readonly nodes: number;
  readonly transactions: number;
  readonly accounts: number;
  readonly set: Readonly<Record<string, string>>;
  readonly out: string;
}

const PROFILES = fileURLToPath(new URL('../profiles', import.meta.url));
const PRELOAD = new URL('preload.mjs', import.meta.url).href;
const FUNCTIONS_SHOWN = 30;

const KINDS = {
  cpu: { ending: 'cpuprofile', unit: 'CPU' },
  heap: { ending: 'heapprofile', unit: 'allocated' },
} as const;
type Kind = keyof typeof KINDS;

function framesOf(kind: Kind, file: string): Frame {
  const profile: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return kind === 'cpu' ? cpuFrames(profile as CpuProfile) : heapFrames(profile as HeapProfile);
}

const share = (part: number, whole: number): string => `${((part / whole) * 100).toFixed(1)} %`;

function costTables(costs: readonly SelfCost[]): string {
  const all = costs.reduce((sum, { self }) => sum + self, 0);
  const owners = new Map<string, number>();
  for (const { place, self } of costs) owners.set(ownerOf(place), (owners.get(ownerOf(place)) ?? 0) + self);
  const functions = costs
    .slice(0, FUNCTIONS_SHOWN)
    .map(({ name, place, self }) => [share(self, all), name, place]);
  const byOwner = [...owners].sort(([, a], [, b]) => b - a).map(([owner, self]) => [share(self, all), owner]);
  return `${table(['itself', 'function', 'place'], functions)}\n\n${table(['itself', 'whose'], byOwner)}`;
}

async function profile(options: Options): Promise<void> {
  const kind: Kind = options.heap === true ? 'heap' : 'cpu';
  const { nodes, transactions, accounts } = options;
  mkdirSync(options.out, { recursive: true });
  const name = join(options.out, `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}-drain`);
  // The node fills its name in (`preload.mjs`).
  const file = `${name}.{node}.${KINDS[kind].ending}`;
  const signal = firstSignal();
  const progress = createProgress();
  const servers = await BenchServers.start((step) => progress.step(step));
  try {
    const bench = {
      ...{ servers, signal, nodeSettings: options.set, nodeOptions: ['--import', PRELOAD] },
      logDirectory: mkdtempSync(join(tmpdir(), 'paygate-profile-')),
      onStep: (step: string) => progress.step(step),
    };
    const figures = await measureDrain(bench, {
      ...{ nodes, transactions, traffic: { accounts } },
      watch: async (run) => {
        await run.askProcesses({ profile: kind, file });
        return () => run.askProcesses({ profile: 'end' });
      },
    });
    progress.done(`profiled, so slower than usual: ${figureLine(figures, DRAIN_FIGURES)}`);
  } finally {
    await servers.stop();
    progress.end();
  }
  for (const node of nodeNames(nodes)) {
    const kept = file.replace('{node}', node);
    const root = framesOf(kind, kept);
    const graph = `${name}.${node}.svg`;
    writeFileSync(
      graph,
      flameGraph(root, `drain, ${transactions} transactions, ${node}, ${KINDS[kind].unit}`),
    );
    print(`\n${node}\n\n${costTables(selfCosts(root))}`);
    printError(`kept in ${kept} and ${graph}`);
  }
}

await new Command('profile')
  .description(paragraphs(DESCRIPTION))
  .option('--heap', 'what is allocated, and where, instead of CPU')
  .option('--nodes <n>', 'that share the work', wholeNumber(1, 16), 1)
  .option('--transactions <n>', 'of the backlog', wholeNumber(100), 100_000)
  .option('--accounts <n>', 'of the backlog', wholeNumber(1, 10_000_000), 10_000)
  .option('--set <name=value>', 'a setting of the node; may be given more than once', setting, {})
  .option('--out <folder>', 'where profiles are kept', PROFILES)
  .addArgument(new Argument('[case]', 'what is profiled').choices(['drain']).default('drain'))
  .action((_case: string, options: Options) => profile(options))
  .parseAsync();
