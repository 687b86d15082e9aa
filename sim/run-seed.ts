import type { ShardMove } from '../src/machines/shard-machine.ts';
import { ShardSlot } from '../src/supervisor/cluster/shard-slot.ts';
import { Coverage } from './coverage.ts';
import type { Plan } from './plan.ts';
import { planOf } from './plan-of-seed.ts';
import { withBug } from './planted-bugs.ts';
import type { Bug } from './planted-bugs.ts';
import { withMethod } from './with-method.ts';
import { START_MS, World } from './world.ts';
import type { RunResult } from './world.ts';

export function runSeed(seed: number, bug: Bug | null = null): Promise<RunResult> {
  return runPlan(planOf(seed, START_MS), bug);
}

export function runPlan(plan: Plan, bug: Bug | null = null): Promise<RunResult> {
  const coverage = new Coverage();
  const run = (): Promise<RunResult> => withBug(bug, () => new World(plan, bug, coverage).run());
  return withMethod<ShardSlot, [ShardMove, number], unknown, RunResult>(
    ShardSlot.prototype,
    'move',
    (move, slot) => (to, nextRead) => {
      coverage.watchShard(slot, to);
      move(to, nextRead);
    },
    run,
  );
}
