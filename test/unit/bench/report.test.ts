/** Without these a missed target could be told as met, and a chart or table could leave out what was measured. */
import { expect, test } from 'vitest';
import type { Aim } from '../../../bench/bench-case.ts';
import { suiteChart } from '../../../bench/chart/chart.ts';
import type { Figures } from '../../../bench/figures.ts';
import { targetMarkdown } from '../../../bench/report/markdown.ts';
import { reportOf, type SuiteReport } from '../../../bench/report/suite-report.ts';
import { metBy, targetRows } from '../../../bench/report/targets.ts';

const SURROUNDINGS = {
  machine: { cpu: 'a & b', cores: 2, memoryMb: 8_000, system: 'Linux' },
  versions: { paygate: '1', commit: null, node: '20', postgres: '15', rabbitmq: '3', redis: '7' },
};

function reportWith(
  name: string,
  runs: readonly Figures[],
  aims: readonly Aim[],
  transactions = 10,
): SuiteReport {
  const size = { transactions, accounts: 1, seconds: 1, ledgerRows: 0, runs: runs.length, nodes: [1] };
  const plan = {
    variants: [{ name: 'node', run: () => Promise.resolve({}) }],
    comparisons: [
      {
        title: 'itself ÷ itself',
        figure: 'txPerSecond' as const,
        of: 'node',
        against: 'node',
        target: { floor: 2, goal: 3 },
      },
    ],
    aims,
    shown: [],
  };
  const benchCase = { name, about: '', size, quick: size, plan: () => plan };
  return reportOf(
    {
      cases: [{ benchCase, size, only: null, plan, rounds: runs.map((figures) => [figures]) }],
      ended: 'complete',
    },
    { startedAt: '2026-11-23T10:00:00.000Z', surroundings: SURROUNDINGS, settings: {} },
  );
}

test('more is better where the goal is above the floor, less is better where it is below', () => {
  expect([9_999, 10_000, 20_000].map((value) => metBy(value, { floor: 10_000, goal: 20_000 }))).toEqual([
    'no',
    'floor',
    'goal',
  ]);
  expect([20.1, 20, 10].map((value) => metBy(value, { floor: 20, goal: 10 }))).toEqual([
    'no',
    'floor',
    'goal',
  ]);
  // The same: there is nothing between.
  expect(metBy(0.85, { floor: 0.85, goal: 0.85 })).toBe('goal');
});

test('aims and comparisons become one table, what was not measured too', () => {
  const aim = { variant: 'node', floor: 20, goal: 10 } as const;
  const report = reportWith(
    'latency',
    [{ txPerSecond: 100, readableP99Ms: 12.34 }],
    [
      { ...aim, title: 'p99', figure: 'readableP99Ms' },
      { ...aim, title: 'of nobody', figure: 'readP99Ms' },
    ],
  );
  expect(targetRows(report).map(({ what, measured, met }) => [what, measured, met])).toEqual([
    ['p99', 12.34, 'floor'],
    ['of nobody', null, 'unmeasured'],
    ['itself ÷ itself', 1, 'no'],
  ]);
  const markdown = targetMarkdown(report);
  expect(markdown).toContain('| p99 | 20 ms | 10 ms | 12.3 ms | floor reached |');
  expect(markdown).toContain('| itself ÷ itself | 2 | 3 | 1.00 | **missed** |');
  expect(markdown).toContain('Measured on 2026-11-23: a & b, 2 cores');
});

test('the chart has a bar for each drain and a line for each latency, in both schemes', () => {
  const drain = {
    txPerSecond: 12_345,
    settleMs: 1,
    nodeCpuUs: 40,
    postgresCpuUs: 30,
    rabbitmqCpuUs: 20,
    redisCpuUs: 5,
    totalCpuUs: 95,
  };
  const aims: Aim[] = [{ title: '', variant: 'node', figure: 'txPerSecond', floor: 10_000, goal: 20_000 }];
  const bars = suiteChart(reportWith('drain', [drain], aims));
  expect(bars).toContain('>12,345</text>');
  expect(bars).toContain('class="goal"');
  expect(bars).toContain('>95</text>');
  expect(bars).toContain('a &#38; b');
  expect(bars).toContain('prefers-color-scheme: dark');

  const latency = { commitP50Ms: 2, commitP95Ms: 3, commitP99Ms: 4, commitP999Ms: 9 };
  const lines = suiteChart(reportWith('latency', [latency], [], 0));
  expect(lines).toContain('node to the commit');
  expect(lines).toContain('>4.0 ms</text>');
  expect(bars + lines).not.toContain('NaN');
});

test('a report of nothing is still a picture', () => {
  expect(suiteChart(reportWith('drain', [], []))).toMatch(/^<svg [^]*<\/svg>\n$/);
});
