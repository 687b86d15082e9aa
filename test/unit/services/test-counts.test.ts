// Without this, a test file that cannot even be loaded, a failing `beforeAll` or an error outside any test could end in a
// line that says "0 failed".
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const projectFile = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paygate-counts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs vitest with our reporter over these files and returns what it counted. */
function count(files: Readonly<Record<string, string>>): unknown {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, `${name}.test.mjs`), text);
  const countsFile = join(directory, 'counts.json');
  spawnSync(
    process.execPath,
    [
      projectFile('node_modules/vitest/vitest.mjs'),
      'run',
      `--root=${directory}`,
      '--globals',
      `--reporter=${projectFile('scripts/count-reporter.mjs')}`,
    ],
    { cwd: directory, env: { PATH: process.env['PATH'], PAYGATE_TEST_COUNTS: countsFile } },
  );
  return JSON.parse(readFileSync(countsFile, 'utf8'));
}

test('tests are counted one by one', () => {
  const text = `test('a', () => {}); test('b', () => { expect(1).toBe(2); }); test.skip('c', () => {});`;
  expect(count({ plain: text })).toEqual({ passed: 1, failed: 1, skipped: 1 });
});

test('what fails outside a test counts as one failure each', () => {
  const counts = count({
    broken: `import './missing.mjs'; test('a', () => {});`,
    prepared: `describe('s', () => { beforeAll(() => { throw new Error('no'); }); test('a', () => {}); });`,
    late: `test('a', async () => { setTimeout(() => { throw new Error('late'); }, 1); await new Promise((r) => setTimeout(r, 50)); });`,
  });
  expect(counts).toEqual({ passed: 1, failed: 3, skipped: 1 });
});
