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
const SMALL = ['--quick', '--runs', '1', '--transactions', '200', '--accounts', '40', '--seconds', '1'];
/** One of each kind of run: a drain, its limit, its baseline, a steady stream. */
const VARIANTS = ['node', 'commit loop', 'straightforward worker', '100 tx/s'];

const results = mkdtempSync(join(tmpdir(), 'paygate-bench-test-'));
afterAll(() => rmSync(results, { recursive: true }));

const bench = (...args: readonly string[]) =>
  execa(process.execPath, [...SUITE, ...args, '--out', results], { reject: false });

test('the smallest of each kind of run goes through: audit, report, chart, table', async () => {
  const chosen = VARIANTS.flatMap((name) => ['--variant', name]);
  const { stdout, stderr } = await bench('drain', 'latency', ...chosen, ...SMALL, '--json');
  expect(stdout, stderr).toMatch(/^{/);
  const report = JSON.parse(stdout) as SuiteReport;
  expect(report.ended).toBe('complete');
  const variants = report.cases.flatMap((one) => one.variants);
  expect(variants.map(({ name }) => name)).toEqual(VARIANTS);
  for (const { name, runs } of variants) expect(runs[0]?.txPerSecond, name).toBeGreaterThan(0);
  const latency = variants.at(-1)?.runs[0];
  expect(latency?.commitP50Ms).toBeGreaterThan(0);
  expect(latency?.readableP50Ms).toBeGreaterThanOrEqual(latency?.commitP50Ms ?? Infinity);

  const kept = readdirSync(results);
  const json = join(results, kept.find((name) => name.endsWith('.json')) ?? '');
  expect(JSON.parse(readFileSync(json, 'utf8'))).toEqual(report);
  expect(readFileSync(json.replace('.json', '.svg'), 'utf8')).toContain('straightforward worker');
  expect((await bench('--table', json)).stdout).toContain('| drain ÷ straightforward worker | 10 | 20 |');
});

test('a case that does not exist is refused before anything starts', async () => {
  const answer = await bench('speed');
  expect(answer.exitCode).not.toBe(0);
  expect(answer.stderr).toContain('there is no case speed; there are drain');
});
