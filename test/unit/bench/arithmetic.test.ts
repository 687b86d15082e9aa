/** Without these a benchmark could state medians, ratios or costs that nobody has measured. */
import { expect, test } from 'vitest';
import type { BenchCase } from '../../../bench/bench-case.ts';
import { parseTicks } from '../../../bench/harness/process-cost.ts';
import { reportOf } from '../../../bench/report/suite-report.ts';
import { narrowed, type SuiteRuns } from '../../../bench/run-suite.ts';
import { paceOf } from '../../../bench/statistics/pace.ts';
import { pairedRatios, summarize } from '../../../bench/statistics/summary.ts';

test('runs are told by their median, quartiles and extremes', () => {
  expect(summarize([5, 1, 3, 2, 4])).toEqual({
    runs: 5,
    median: 3,
    lowerQuartile: 2,
    upperQuartile: 4,
    min: 1,
    max: 5,
  });
  expect(summarize([1, 2])?.median).toBe(1.5);
  expect(summarize([])).toBeNull();
});

test('ratios are taken round by round, and a round that one of them did not run has none', () => {
  expect(pairedRatios([10, 30, null, 8], [20, 10, 5, null])).toEqual([0.5, 3]);
  expect(pairedRatios([1], [0])).toEqual([]);
});

test('what was committed before the clock began does not count', () => {
  const span = { decided: 1_100, decidedFirst: 100, firstMs: 5_000, lastMs: 7_000 };
  expect(paceOf(span, 4_000)).toEqual({ txPerSecond: 500, seconds: 2 });
  const atOnce = { decided: 100, decidedFirst: 100, firstMs: 5_000, lastMs: 5_000 };
  expect(paceOf(atOnce, 4_000)).toEqual({ txPerSecond: 100, seconds: 1 });
});

test('CPU is read from a line of /proc whatever the name of the program is', () => {
  const line = '12 (a) b (c) S 1 12 12 0 -1 4194560 1 2 3 4 500 25 7 3 20 0 1 0 9 1 1';
  expect(parseTicks(line)).toEqual({ own: 525, ofEndedChildren: 10 });
});

test('a comparison tells the median of the ratios, not the ratio of the medians', () => {
  const benchCase: BenchCase = {
    name: 'example',
    about: '',
    size: { transactions: 1, accounts: 1, seconds: 0, ledgerRows: 0, runs: 3, nodes: [1] },
    quick: { transactions: 1, accounts: 1, seconds: 0, ledgerRows: 0, runs: 1, nodes: [1] },
    plan: () => ({
      variants: ['a', 'b'].map((name) => ({ name, run: () => Promise.resolve({}) })),
      comparisons: [{ title: 'b ÷ a', figure: 'txPerSecond', of: 'b', against: 'a' }],
      aims: [{ title: '', variant: 'a', figure: 'txPerSecond', floor: 1, goal: 2 }],
      shown: ['txPerSecond'],
    }),
  };
  // The machine was slow in the second round: both were.
  const rounds = [
    [{ txPerSecond: 100 }, { txPerSecond: 90 }],
    [{ txPerSecond: 10 }, { txPerSecond: 8 }],
    [{ txPerSecond: 50 }, { txPerSecond: 50 }],
  ];
  const runs: SuiteRuns = {
    cases: [{ benchCase, size: benchCase.size, only: null, plan: benchCase.plan(benchCase.size), rounds }],
    ended: 'complete',
  };
  const surroundings = {
    machine: { cpu: '', cores: 2, memoryMb: 1, system: '' },
    versions: { paygate: '', commit: null, node: '', postgres: '', rabbitmq: '', redis: '' },
  };
  const [report] = reportOf(runs, { startedAt: '', surroundings, settings: {} }).cases;
  expect(report?.comparisons[0]?.ratios).toEqual([0.9, 0.8, 1]);
  expect(report?.comparisons[0]?.summary?.median).toBe(0.9);
  expect(report?.variants[0]?.summaries.txPerSecond?.median).toBe(50);
  expect(report?.aims[0]?.median).toBe(50);
});

test('what is not run is not compared', () => {
  const variant = (name: string) => ({ name, run: () => Promise.resolve({}) });
  const comparison = (of: string, against: string) => ({
    title: '',
    figure: 'txPerSecond' as const,
    of,
    against,
  });
  const aim = (name: string) => ({
    title: '',
    variant: name,
    figure: 'txPerSecond' as const,
    floor: 1,
    goal: 2,
  });
  const plan = {
    variants: ['a', 'b', 'c'].map(variant),
    comparisons: [comparison('a', 'b'), comparison('a', 'c')],
    aims: [aim('a'), aim('c')],
    shown: [],
  };
  const left = narrowed(plan, ['b', 'a']);
  expect(left.variants.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(left.comparisons.map(({ against }) => against)).toEqual(['b']);
  expect(left.aims.map(({ variant: name }) => name)).toEqual(['a']);
  expect(narrowed(plan, null)).toBe(plan);
});
