import { QUICK, type BenchCase } from '../bench-case.ts';
import type { FigureName } from '../figures.ts';
import { measurePaced } from '../harness/measure-paced.ts';
import { LatencyWatch } from '../harness/watch-latency.ts';
import { rateName, RATES } from './rates.ts';

const SHOWN: readonly FigureName[] = [
  'offeredPerSecond',
  'txPerSecond',
  'commitP50Ms',
  'commitP95Ms',
  'commitP99Ms',
  'commitP999Ms',
  'commitCallP99Ms',
  'readableP50Ms',
  'readableP95Ms',
  'readableP99Ms',
  'readableP999Ms',
  'sendLagP99Ms',
  'nodeCpuPercent',
  'peakResidentMb',
];

export const latencyCase: BenchCase = {
  name: 'latency',
  about:
    'A steady stream: from the moment a message is due to be published, late or not, to its commit and to its balance in Redis.',
  size: { transactions: 0, accounts: 10_000, seconds: 30, ledgerRows: 0, runs: 3, nodes: [1] },
  quick: { ...QUICK, transactions: 0, nodes: [1] },
  plan: ({ accounts, seconds }) => ({
    variants: RATES.map((ratePerSecond) => ({
      name: rateName(ratePerSecond),
      run: (bench) =>
        measurePaced(bench, {
          ratePerSecond,
          seconds,
          accounts,
          observe: (scene) => new LatencyWatch(scene),
        }),
    })),
    comparisons: [],
    aims: [
      {
        title: 'p99 publish → balance readable, 1,000 tx/s',
        variant: rateName(1_000),
        figure: 'readableP99Ms',
        floor: 20,
        goal: 10,
      },
    ],
    shown: SHOWN,
  }),
};
