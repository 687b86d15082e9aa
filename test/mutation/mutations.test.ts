/**
 * Takes the guarantees out of the code, one at a time, in a copy of it. Without this: a test that is said to guard a promise may have
 * stopped to do so, and nobody would see it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { ServerUrls, TestDatabase, TestPlace } from '../support/services.ts';
import { MUTATIONS } from './mutations.ts';
import type { GuardingTest } from './mutations.ts';
import { runTests } from './run-tests.ts';
import { TreeCopy } from './tree-copy.ts';

let copy: TreeCopy;
let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;

beforeAll(async () => {
  copy = await TreeCopy.make();
  [database, vhost, redis] = await Promise.all([
    withDatabase({ migrated: false }),
    freshVhost(),
    freshRedis(),
  ]);
});

afterAll(async () => {
  await copy.remove();
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

async function run(tests: readonly GuardingTest[]): Promise<ReadonlyMap<string, string>> {
  const servers: ServerUrls = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  return runTests(copy.directory, tests, servers);
}

describe('on the code as it is', () => {
  it.each(['unit', 'integration'] as const)('the guarding tests pass (%s)', async (project) => {
    const tests = MUTATIONS.map(({ test }) => test).filter((test) => test.project === project);
    expect(new Set((await run(tests)).values())).toEqual(new Set(['passed']));
  });
});

describe('a test turns red without', () => {
  it.each(MUTATIONS.map((mutation) => [mutation.without, mutation] as const))(
    '%s',
    async (_without, mutation) => {
      const outcomes = await copy.whileMutated(mutation, () => run([mutation.test]));
      expect(outcomes.get(mutation.test.name)).toBe('failed');
    },
  );
});
