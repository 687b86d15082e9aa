// `npm test`: makes the clone ready, runs vitest with the arguments given, and ends with one plain line of counts.
// No test at all is a failure: a mistyped pattern must not look like success.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runChild } from './run-child.mjs';

const fileOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }; // vitest ended before it could count
  }
}

async function runTests(args) {
  if (!bootstrap()) return { passed: 0, failed: 1, skipped: 0 };
  const directory = mkdtempSync(join(tmpdir(), 'paygate-test-'));
  const countsFile = join(directory, 'counts.json');
  const exitCode = await runChild(
    [
      fileOf('node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      `--reporter=${fileOf('scripts/count-reporter.mjs')}`,
      ...args,
    ],
    { cwd: fileOf('.'), env: { ...process.env, PAYGATE_TEST_COUNTS: countsFile } },
  );
  const counts = readCounts(countsFile);
  rmSync(directory, { recursive: true });
  const isSilentFailure = counts.failed === 0 && (exitCode !== 0 || counts.passed === 0);
  return isSilentFailure ? { ...counts, failed: 1 } : counts;
}

const { passed, failed, skipped } = await runTests(process.argv.slice(2));
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed === 0 ? 0 : 1;
