import { writeFileSync } from 'node:fs';

/**
 * Vitest reporter that counts and writes `{ passed, failed, skipped }` to the file PAYGATE_TEST_COUNTS names.
 *
 * A failed suite or file (a broken import, a failing beforeAll) and an error outside any test count as one failure
 * each: none of them is a failed test, and none may look like success.
 */
export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) counts[nameOf(test.result().state)] += 1;
      const suites = [module, ...module.children.allSuites()];
      counts.failed += suites.filter((suite) => suite.errors().length > 0).length;
    }
    writeFileSync(process.env.PAYGATE_TEST_COUNTS, JSON.stringify(counts));
  }
}

/** A test still pending when the run ends was never run to its end. */
function nameOf(state) {
  return state === 'passed' || state === 'skipped' ? state : 'failed';
}
