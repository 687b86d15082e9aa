import { runPlan } from './run-seed.ts';
import type { Plan, Step } from './plan.ts';
import type { Bug } from './planted-bugs.ts';
import type { RunResult } from './world.ts';

export interface ShortestStory {
  readonly result: RunResult;
  readonly plan: Plan;
  /** How many runs it took. */
  readonly runs: number;
}

/**
 * Leaves out of a failing plan whatever it fails without, in ever smaller portions, as long as the same promise is broken; at most
 * `runsMax` runs. What is left may still be more than needed, never less.
 */
export async function shortestStory(
  failing: Plan,
  first: RunResult,
  bug: Bug | null = null,
  runsMax = 150,
): Promise<ShortestStory> {
  const promise = first.violations[0]?.promise;
  let best: ShortestStory = { result: first, plan: failing, runs: 0 };
  let runs = 0;
  let size = Math.ceil(failing.steps.length / 2);
  while (size >= 1 && runs < runsMax) {
    let shrunk = false;
    for (let from = 0; from < best.plan.steps.length && runs < runsMax;) {
      const plan = without(best.plan, from, size);
      const result = await runPlan(plan, bug);
      runs += 1;
      if (result.violations[0]?.promise === promise) {
        best = { result, plan, runs };
        shrunk = true;
      } else from += size;
    }
    if (!shrunk || size > 1) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return { ...best, runs };
}

function without(plan: Plan, from: number, count: number): Plan {
  const steps: readonly Step[] = [...plan.steps.slice(0, from), ...plan.steps.slice(from + count)];
  return { ...plan, steps };
}
