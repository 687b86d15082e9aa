import type { BenchCase } from '../bench-case.ts';
import { nodesCase } from './nodes.ts';
import { watchingCase } from './watching.ts';

/** In the order in which they are run. */
export const CASES: readonly BenchCase[] = [nodesCase, watchingCase];
