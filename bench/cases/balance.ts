import { QUICK, type BenchCase } from '../bench-case.ts';
import { measurePaced } from '../harness/measure-paced.ts';
import { ReadWatch, type ReadRoad } from '../harness/read-watch.ts';

const RATE_PER_SECOND = 1_000;
const NAMES: Readonly<Record<ReadRoad, string>> = { redis: 'Redis GET', http: 'HTTP' };

export const balanceCase: BenchCase = {
  name: 'balance',
  about:
    'Reading balances while 1,000 transactions a second are decided: the cached one from Redis, the exact one from the node.',
  size: { transactions: 0, accounts: 10_000, seconds: 30, ledgerRows: 0, runs: 3, nodes: [1] },
  quick: { ...QUICK, transactions: 0, nodes: [1] },
  plan: ({ accounts, seconds }) => ({
    variants: (['redis', 'http'] as const).map((road) => ({
      name: NAMES[road],
      run: (bench) =>
        measurePaced(bench, {
          ...{ ratePerSecond: RATE_PER_SECOND, seconds, accounts },
          observe: (scene) => new ReadWatch(scene, road),
        }),
    })),
    comparisons: [],
    aims: [
      { title: 'balance read, Redis GET p99', variant: NAMES.redis, figure: 'readP99Ms', floor: 2, goal: 1 },
    ],
    shown: ['readP50Ms', 'readP99Ms', 'txPerSecond', 'nodeCpuPercent'],
  }),
};
