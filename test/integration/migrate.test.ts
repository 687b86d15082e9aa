/**
 * Migrations on a real server. Without these, a migration could change a table of the Go API (every read it makes
 * would break), stop half-way, run twice, or silently differ from the file that was applied.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate, MigrationError, pendingMigrations } from '../../src/infra/postgres/migrate.ts';
import { connectionName, connectionSettings, createPool } from '../../src/infra/postgres/pool.ts';
import { poolTransaction } from '../../src/infra/postgres/pool-transaction.ts';
import { GO_TABLES } from '../support/go-tables.ts';
import { eventually, type TestDatabase, withDatabase } from '../support/services.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Everything about the shape of the three tables: columns, constraints, triggers, owned indexes, the enum. */
const SHAPE = `
  select 'column' as what, table_name || '.' || column_name as name,
         concat_ws(' ', ordinal_position, data_type, character_maximum_length, is_nullable, column_default) as shape
    from information_schema.columns where table_schema = 'public'
  union all
  select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    from pg_constraint where connamespace = 'public'::regnamespace
  union all
  select 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
    from pg_trigger where not tgisinternal and tgrelid in ('accounts'::regclass, 'cards'::regclass, 'transactions'::regclass)
  union all
  select 'enum', enumlabel, enumsortorder::text from pg_enum
  union all
  select 'options', relname, concat_ws(' ', relkind, relpersistence, relrowsecurity, reloptions::text)
    from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'i'
  order by 1, 2, 3`;

const INDEXES = `select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`;

let database: TestDatabase;
let directory: string;

beforeEach(async () => {
  database = await withDatabase({ migrated: false });
  directory = await mkdtemp(join(tmpdir(), 'paygate-migrations-'));
  await cp(MIGRATIONS, directory, { recursive: true });
});

afterEach(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});

const rowsOf = async (place: TestDatabase, sql: string): Promise<unknown[]> =>
  (await place.pool.query<pg.QueryResultRow>(sql)).rows;

const problemOf = async (attempt: Promise<unknown>): Promise<string> => {
  const error: unknown = await attempt.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof MigrationError ? error.problem : `not refused: ${String(error)}`;
};

test('tables of the Go API that are there stay exactly as they are, with their rows', async () => {
  await database.pool.query(GO_TABLES);
  await database.pool.query(`insert into accounts(username) values ('before')`);
  const shape = await rowsOf(database, SHAPE);
  const indexes = await rowsOf(database, INDEXES);
  await migrate(database.url);
  expect(await rowsOf(database, SHAPE)).toEqual(shape);
  expect(await rowsOf(database, INDEXES)).toEqual(expect.arrayContaining(indexes));
  expect(await rowsOf(database, 'select username from accounts')).toEqual([{ username: 'before' }]);
});

test('where they are absent they are made exactly as the Go API makes them', async () => {
  const other = await withDatabase({ migrated: false });
  try {
    await other.pool.query(GO_TABLES);
    await migrate(database.url);
    expect(await rowsOf(database, SHAPE)).toEqual(await rowsOf(other, SHAPE));
  } finally {
    await other.drop();
  }
});

test('a second run does nothing, and says so', async () => {
  const steps: string[] = [];
  const first = await migrate(database.url, { onProgress: ({ step }) => steps.push(step) });
  expect(first[0]).toBe('0001_tables');
  expect(steps).toEqual(first.map((name) => `applied ${name}`));
  expect(await migrate(database.url)).toEqual([]);
  expect(await pendingMigrations(database.pool)).toEqual([]);
});

test('of two at once one applies everything, the other waits and finds nothing to do', async () => {
  const applied = await Promise.all([migrate(database.url), migrate(database.url), migrate(database.url)]);
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
});

test('a client of the caller stays open', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await migrate(client);
  expect((await client.query('select count(*)::int as shards from processor.shards')).rows).toEqual([
    { shards: 256 },
  ]);
  await client.end();
});

test('a failing file leaves nothing behind, not even the files before it', async () => {
  await writeFile(join(directory, '9001_broken.sql'), '-- Up Migration\nselect no_such_function();\n');
  await expect(migrate(database.url, { directory })).rejects.toThrow(
    /nothing was changed.*no_such_function/s,
  );
  expect(await rowsOf(database, `select to_regclass('processor.shards') as shards`)).toEqual([
    { shards: null },
  ]);
  await rm(join(directory, '9001_broken.sql'));
  expect((await migrate(database.url, { directory })).length).toBeGreaterThan(0);
});

test('a file that changed after it was applied is refused; line ends do not count', async () => {
  await migrate(database.url, { directory });
  await writeFile(join(directory, '0002_commit.sql'), '-- Up Migration\nselect 1;\n');
  expect(await problemOf(migrate(database.url, { directory }))).toBe('changed');
  await rm(join(directory, '0002_commit.sql'));
  await cp(MIGRATIONS, directory, { recursive: true });
  expect(await migrate(database.url, { directory })).toEqual([]);
});

test('a new file numbered before an applied one is refused', async () => {
  await migrate(database.url, { directory });
  await writeFile(join(directory, '0000_late.sql'), '-- Up Migration\nselect 1;\n');
  expect(await problemOf(migrate(database.url, { directory }))).toBe('changed');
});

test('a database of a newer program is refused, also by a node that only looks', async () => {
  await writeFile(join(directory, '9002_newer.sql'), '-- Up Migration\nselect 1;\n');
  await migrate(database.url, { directory });
  expect(await problemOf(migrate(database.url))).toBe('program-too-old');
  expect(await problemOf(pendingMigrations(database.pool))).toBe('program-too-old');
});

test('the commit of a program that died before it wrote the digests down counts', async () => {
  const names = await migrate(database.url, { directory });
  await database.pool.query('alter table processor.migrations drop column sha256');
  expect(await migrate(database.url, { directory })).toEqual([]);
  await writeFile(join(directory, '9003_next.sql'), '-- Up Migration\nselect 1;\n');
  expect(await migrate(database.url, { directory })).toEqual(['9003_next']);
  expect(await rowsOf(database, 'select count(sha256)::int as n from processor.migrations')).toEqual([
    { n: names.length + 1 },
  ]);
});

test('a pool survives the loss of idle and of lent connections', async () => {
  const reports: string[] = [];
  const pool = createPool(
    { databaseUrl: database.url, applicationName: 'paygate:test', connectionsMax: 2 },
    { warn: (_fields, message) => reports.push(message) },
  );
  const kill = `select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = current_database() and application_name = 'paygate:test'`;
  await pool.query('select 1');
  await database.pool.query(kill);
  await eventually(() => expect(reports).not.toHaveLength(0));
  const lost = poolTransaction(pool, async (client) => {
    await client.query('select 1');
    reports.length = 0;
    await database.pool.query(kill);
    await eventually(() => expect(reports).not.toHaveLength(0));
    await client.query('select 1');
  });
  await expect(lost).rejects.toThrow(/not queryable|terminat/);
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
});

test('a commit that the server turns into a rollback is an error', async () => {
  const failed = poolTransaction(database.pool, async (client) => {
    await client.query('select 1/0').catch(() => undefined);
  });
  await expect(failed).rejects.toThrow(/ROLLBACK/);
});

test('connections are called by node, incarnation and role, whatever the URL says', async () => {
  const incarnation = '0b7e8d1c-58a1-4f43-9b5e-2f1f0c1e7a11';
  const name = connectionName('a-host-with-a-rather-long-name-4f2a', incarnation, 'lane12');
  expect(name.length).toBeLessThanOrEqual(63);
  expect(name).toContain(`:${incarnation}:lane12`);
  const client = new pg.Client(
    connectionSettings({
      databaseUrl: `${database.url}?application_name=other&statement_timeout=1&options=-c%20synchronous_commit%3Doff`,
      applicationName: name,
    }),
  );
  await client.connect();
  const { rows } = await client.query(
    `select current_setting('application_name') as name, current_setting('synchronous_commit') as sync,
            current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`,
  );
  await client.end();
  expect(rows).toEqual([{ name, sync: 'on', statement: '30s', lock: '2s' }]);
});
