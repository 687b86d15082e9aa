import type { Progress } from '../src/cli/progress.ts';
import { Coverage } from './coverage.ts';
import type { SimOptions } from './options.ts';
import { planOf } from './plan-of-seed.ts';
import type { Bug } from './planted-bugs.ts';
import { runSeed } from './run-seed.ts';
import { shortestStory } from './shortest.ts';
import { START_MS } from './world.ts';
import type { RunResult } from './world.ts';

/** Where a simulation is watched and stopped. */
export interface Console {
  readonly say: (text: string) => void;
  readonly progress: Progress;
  /** Aborted: no further seed is begun. */
  readonly signal: AbortSignal;
}

const FAILED = 1;
/** As a shell says that Ctrl-C has ended a program. */
const INTERRUPTED = 130;

interface Findings {
  readonly coverage: Coverage;
  readonly failed: readonly RunResult[];
  readonly done: number;
  readonly decisions: number;
  readonly seconds: number;
}

/** Runs the seeds, says what was found and hit, and returns the exit code. `bug`: planted by a test. */
export async function simulate(
  options: SimOptions,
  { say, progress, signal }: Console,
  bug: Bug | null = null,
): Promise<number> {
  const findings = await findingsOf(options, { say, progress, signal }, bug);
  const { failed } = findings;
  if (options.format === 'json') say(asJson(options, findings));
  else {
    summary(findings, say);
    const [first] = failed;
    if (first !== undefined) await explain(first, failed, say, bug);
  }
  if (failed.length > 0) return FAILED;
  return signal.aborted ? INTERRUPTED : 0;
}

async function findingsOf(
  { from, seeds, story, format }: SimOptions,
  { say, progress, signal }: Console,
  bug: Bug | null,
): Promise<Findings> {
  const coverage = new Coverage();
  const failed: RunResult[] = [];
  const startedMs = performance.now();
  let decisions = 0;
  let done = 0;
  while (done < seeds && !signal.aborted) {
    const result = await runSeed(from + done, bug);
    done += 1;
    coverage.add(result.coverage);
    decisions += result.decisions;
    if (result.violations.length > 0) failed.push(result);
    if (story === 'told' && format === 'text') say(result.story.join('\n'));
    progress.update(done, seeds);
  }
  progress.end();
  return { coverage, failed, done, decisions, seconds: Math.round((performance.now() - startedMs) / 1000) };
}

const SECTIONS = ['fault: ', 'done: ', 'road: ', 'decided: ', 'account: ', 'shard: '] as const;

function summary({ coverage, failed, done, decisions, seconds }: Findings, say: Console['say']): void {
  for (const section of SECTIONS) {
    const hit = coverage.entries(section).map(([name, count]) => (count === 0 ? name : `${name} ${count}`));
    say(`${section.padEnd(10)}${hit.join(' · ')}`);
  }
  const unvisited = coverage.unvisited();
  say(
    `\nof ${coverage.total} states and transitions of the charts of account and shard, never visited: ${unvisited.length}`,
  );
  for (const name of unvisited) say(`  ${name}`);
  say(`\n${done} seeds, ${decisions} decisions, ${seconds} s: ${failed.length} failed`);
}

async function explain(
  first: RunResult,
  failed: readonly RunResult[],
  say: Console['say'],
  bug: Bug | null,
): Promise<void> {
  for (const { seed, violations } of failed)
    say(
      `seed ${seed}: promise ${violations.map(({ promise, detail }) => `${promise}: ${detail}`).join('; ')}`,
    );
  const { result, plan, runs } = await shortestStory(planOf(first.seed, START_MS), first, bug);
  say(`\nThe shortest story of seed ${first.seed} (${plan.steps.length} steps, found in ${runs} runs):\n`);
  say(result.story.join('\n'));
  say(`\nThe whole of it: npm run sim -- --seed ${first.seed}`);
}

function asJson(
  { from, seeds }: SimOptions,
  { coverage, failed, done, decisions, seconds }: Findings,
): string {
  const told = failed.map(({ seed, violations, story }) => ({ seed, violations, story }));
  const hit = coverage.all();
  return JSON.stringify({
    from,
    seeds,
    done,
    decisions,
    seconds,
    failed: told,
    hit,
    unvisited: coverage.unvisited(),
  });
}
