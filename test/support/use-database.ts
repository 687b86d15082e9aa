import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { PostgresLedger } from '../../src/infra/postgres/ledger.ts';
import { ledgerOn } from './ledger-fixtures.ts';
import { withDatabase } from './services.ts';
import type { TestDatabase } from './services.ts';

/**
 * A migrated database for the tests of a file, declared once at its head: `url` and `pool` are there while a test or a
 * later hook runs. A new one for each test, unless the whole file shares it.
 */
export function useDatabase(
  lifetime: 'of the test' | 'of the file' = 'of the test',
): Pick<TestDatabase, 'url' | 'pool'> {
  let present: TestDatabase | null = null;
  const made = (): TestDatabase => {
    if (present === null) throw new Error('no test is running');
    return present;
  };
  const [before, after] =
    lifetime === 'of the test' ? ([beforeEach, afterEach] as const) : ([beforeAll, afterAll] as const);
  before(async () => {
    present = await withDatabase();
  });
  after(async () => {
    await made().drop();
    present = null;
  });
  return {
    get url() {
      return made().url;
    },
    get pool() {
      return made().pool;
    },
  };
}

/** A commit lane on that database, for the whole file. To be declared after it. */
export function useLedger(
  database: Pick<TestDatabase, 'url'>,
  options: Parameters<typeof ledgerOn>[1] = {},
): Pick<PostgresLedger, 'commit'> {
  let ledger: PostgresLedger | null = null;
  beforeAll(() => {
    ledger = ledgerOn(database.url, options);
  });
  afterAll(() => ledger?.close());
  return {
    commit: (changes) => {
      if (ledger === null) throw new Error('no test is running');
      return ledger.commit(changes);
    },
  };
}
