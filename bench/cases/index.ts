import type { BenchCase } from '../bench-case.ts';
import { balanceCase } from './balance.ts';
import { drainCase } from './drain.ts';
import { growthCase } from './growth.ts';
import { hotCase } from './hot.ts';
import { latencyCase } from './latency.ts';
import { memoryCase } from './memory.ts';
import { nodesCase } from './nodes.ts';
import { rulesCase } from './rules.ts';
import { watchingCase } from './watching.ts';

/** In the order in which they are run. */
export const CASES: readonly BenchCase[] = [
  drainCase,
  latencyCase,
  balanceCase,
  memoryCase,
  hotCase,
  growthCase,
  nodesCase,
  rulesCase,
  watchingCase,
];
