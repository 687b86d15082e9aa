import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { ServerUrls } from '../support/services.ts';
import type { GuardingTest } from './mutations.ts';

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/**
 * Runs these tests of one project, and nothing else, in a vitest of its own inside `directory`; on `servers`, which must be empty.
 * Resolves with `passed` or `failed` by name. Throws, with what vitest said, where a test did not run at all: a set-up
 * that fails is no red test.
 */
export async function runTests(
  directory: string,
  tests: readonly GuardingTest[],
  servers: ServerUrls,
): Promise<ReadonlyMap<string, string>> {
  const names = new Set(tests.map(({ name }) => name));
  const reportFile = join(directory, 'report.json');
  const { all } = await execa(
    process.execPath,
    [
      join(directory, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile=${reportFile}`,
      ...new Set(tests.map(({ project }) => `--project=${project}`)),
      `--testNamePattern=${[...names].map(escapeRegExp).join('|')}`,
      ...new Set(tests.map(({ file }) => file)),
    ],
    { cwd: directory, env: environmentOf(servers), extendEnv: false, reject: false, all: true },
  );
  const report = JSON.parse(await readFile(reportFile, 'utf8')) as Report;
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const ran = results.filter(
    ({ title, status }) => names.has(title) && (status === 'passed' || status === 'failed'),
  );
  const outcomes = new Map(ran.map(({ title, status }) => [title, status]));
  if (ran.length !== names.size || outcomes.size !== names.size)
    throw new Error(`not every test ran, or one ran twice: ${[...names].join('; ')}\n${all}`);
  return outcomes;
}

/** Nothing of the run we are in gets through but what programs need. */
function environmentOf({ databaseUrl, rabbitmqUrl, redisUrl }: ServerUrls): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '/tmp',
    PAYGATE_TEST_DATABASE_URL: databaseUrl,
    PAYGATE_TEST_RABBITMQ_URL: rabbitmqUrl,
    PAYGATE_TEST_REDIS_URL: redisUrl,
  };
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
