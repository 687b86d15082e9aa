import type { BenchCase } from '../bench-case.ts';
import { drainCase } from './drain.ts';
import { hotCase } from './hot.ts';
import { nodesCase } from './nodes.ts';
import { watchingCase } from './watching.ts';

/** In the order in which they are run. */
export const CASES: readonly BenchCase[] = [drainCase, hotCase, nodesCase, watchingCase];
