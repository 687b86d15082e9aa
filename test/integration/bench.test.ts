/** Without this the benchmark suite could rot: nothing else runs it. What it measures here is worth nothing, and is not looked at. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import type { SuiteReport } from '../../bench/report/suite-report.ts';

const fileOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const SUITE = ['--import', fileOf('test/support/typescript-loader.mjs'), fileOf('bench/main.ts')];
const SMALL = ['--quick', '--runs', '1', '--transactions', '300', '--accounts', '40'];

const results = mkdtempSync(join(tmpdir(), 'paygate-bench-test-'));
afterAll(() => rmSync(results, { recursive: true }));

test('the smallest drain goes through: node, commit loops, worker, audit, report', async () => {
  const { stdout } = await execa(process.execPath, [...SUITE, 'drain', ...SMALL, '--json', '--out', results]);
  const report = JSON.parse(stdout) as SuiteReport;
  expect(report.ended).toBe('complete');
  const [drain] = report.cases;
  expect(drain?.variants.map(({ name }) => name)).toContain('straightforward worker');
  for (const { name, runs } of drain?.variants ?? []) expect(runs[0]?.txPerSecond, name).toBeGreaterThan(0);
  expect(drain?.comparisons.map(({ ratios }) => ratios.length)).toEqual([1, 1, 1, 1, 1]);
  const [kept = ''] = readdirSync(results);
  expect(JSON.parse(readFileSync(join(results, kept), 'utf8'))).toEqual(report);
});

test('a case that does not exist is refused before anything starts', async () => {
  const answer = await execa(process.execPath, [...SUITE, 'speed'], { reject: false });
  expect(answer.exitCode).not.toBe(0);
  expect(answer.stderr).toContain('there is no case speed; there are drain');
});
