import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { Coverage } from './coverage.ts';
import { planOf } from './plan.ts';
import { runSeed } from './run-seed.ts';
import { shortestStory } from './shortest.ts';
import { START_MS } from './world.ts';
import type { RunResult } from './world.ts';

const HELP = `Breaks a simulated cluster of three nodes in many ways and checks the promises of the design.

  npm run sim                            100 seeds, from 1 on
  npm run sim -- --seed 42               one seed, with its story
  npm run sim -- --from 1000 --seeds 500 500 seeds from 1000 on
  npm run sim -- --help

Ends with 1 if a promise was broken; then the shortest story that breaks it is printed.
What is simulated and what is not: sim/README.md
`;

interface Options {
  readonly from: number;
  readonly seeds: number;
  readonly story: 'told' | 'kept';
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      from: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '100' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const number = (name: string, text: string): number => {
    if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} must be a number, not ${text}`);
    return Number(text);
  };
  if (values.seed !== undefined) return { from: number('seed', values.seed), seeds: 1, story: 'told' };
  return { from: number('from', values.from), seeds: number('seeds', values.seeds), story: 'kept' };
}

async function runAll({ from, seeds, story }: Options): Promise<boolean> {
  const coverage = new Coverage();
  const failed: RunResult[] = [];
  let decisions = 0;
  const startedMs = performance.now();
  const bar = new SingleBar({
    format: '{bar} {value}/{total} seeds, {failed} failed, {eta} s left',
    stream: process.stderr,
    noTTYOutput: false,
  });
  if (seeds > 1) bar.start(seeds, 0, { failed: 0 });
  for (let seed = from; seed < from + seeds; seed += 1) {
    const result = await runSeed(seed);
    coverage.add(result.coverage);
    decisions += result.decisions;
    if (result.violations.length > 0) failed.push(result);
    if (story === 'told') say(result.story.join('\n'));
    if (seeds > 1) bar.increment(1, { failed: failed.length });
  }
  bar.stop();
  summary(coverage);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  say(`\n${seeds} seeds, ${decisions} decisions, ${seconds} s: ${failed.length} failed`);
  const [first] = failed;
  if (first !== undefined) await explain(first, failed);
  return failed.length === 0;
}

function summary(coverage: Coverage): void {
  for (const prefix of ['fault: ', 'road: ', 'decided: ', 'state: '])
    say(
      `${prefix.padEnd(10)}${coverage
        .entries(prefix)
        .map(([name, count]) => `${name} ${count}`)
        .join(' · ')}`,
    );
  say(`${coverage.entries('step: ').length} different steps of the account's statechart`);
  const unvisited = coverage.unvisitedStates();
  say(`states never visited: ${unvisited.length === 0 ? 'none' : unvisited.join(', ')}`);
}

async function explain(first: RunResult, failed: readonly RunResult[]): Promise<void> {
  for (const { seed, violations } of failed)
    say(
      `seed ${seed}: promise ${violations.map(({ promise, detail }) => `${promise}: ${detail}`).join('; ')}`,
    );
  const { result, plan, runs } = await shortestStory(planOf(first.seed, START_MS), first);
  say(`\nThe shortest story of seed ${first.seed} (${plan.steps.length} steps, found in ${runs} runs):\n`);
  say(result.story.join('\n'));
}

const options = readOptions();
if (options === null) say(HELP);
else process.exitCode = (await runAll(options)) ? 0 : 1;
