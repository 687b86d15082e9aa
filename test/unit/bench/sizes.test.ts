/** Without this: somebody buys machines by a table that was worked out wrongly, or is no longer that of the program. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sizeFor, sizesMarkdown } from '../../../bench/report/sizes.ts';
import type { SuiteReport } from '../../../bench/report/suite-report.ts';

const COSTS = { nodeCpuUs: 140, postgresCpuUs: 70, rabbitmqCpuUs: 35, redisCpuUs: 0 };

test('cores are CPU per transaction times the rate, seven tenths of a core used, and one node may be missing', () => {
  expect(sizeFor(10_000, COSTS)).toMatchObject({
    nodes: 3,
    postgresCores: 1,
    rabbitmqCores: 0.5,
    redisCores: 0,
    queues: 1,
  });
  expect(sizeFor(10_001, COSTS)).toMatchObject({ nodes: 4, queues: 2 });
  expect(sizeFor(1_000, COSTS).gigabytesADay).toBeCloseTo(138.24);
});

test('a report without the case is no reason for a table', () => {
  const report = { startedAt: '2026-11-23T10:00:00.000Z', cases: [] } as unknown as SuiteReport;
  expect(() => sizesMarkdown(report)).toThrow('nodes');
});

test('the tables of docs/SCALING.md are those of the reports that it names', () => {
  const page = readFileSync(new URL('../../../docs/SCALING.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/npm run bench -- --sizes (\S+\.json)/g)].map(([, file = '']) => file);
  expect(named).toHaveLength(2);
  for (const file of named) {
    const report = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    expect(page).toContain(sizesMarkdown(JSON.parse(report) as SuiteReport));
  }
});
