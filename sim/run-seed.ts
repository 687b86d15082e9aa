import { planOf } from './plan.ts';
import type { Plan } from './plan.ts';
import { withBug } from './planted-bugs.ts';
import type { Bug } from './planted-bugs.ts';
import { START_MS, World } from './world.ts';
import type { RunResult } from './world.ts';

export function runSeed(seed: number, bug: Bug | null = null): Promise<RunResult> {
  return runPlan(planOf(seed, START_MS), bug);
}

export function runPlan(plan: Plan, bug: Bug | null = null): Promise<RunResult> {
  return withBug(bug, () => new World(plan, bug).run());
}
