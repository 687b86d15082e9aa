/**
 * Without this: where the Go API's tables are another role's, whoever migrates by the manual is refused, and the dry run said that all is well.
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { DOC_BLOCKS } from '../support/doc-examples.ts';
import { GO_TABLES } from '../support/go-tables.ts';
import { paygate } from '../support/paygate.ts';
import { freshVhost, withDatabase } from '../support/services.ts';

const ROLE = `t${randomBytes(4).toString('hex')}_owner`;
const PASSWORD = randomBytes(8).toString('hex');
const drops: (() => Promise<unknown>)[] = [];
let admin: pg.Pool;
let env: Record<string, string>;

/** The manual's SQL for tables that are somebody else's, for the names of this test: the grants, then the index. */
function manual(): readonly string[] {
  const blocks = DOC_BLOCKS.filter(({ page, language }) => page === 'docs/SECURITY.md' && language === 'sql');
  return blocks
    .map(({ text }) => text.replaceAll('paygate_owner', ROLE).replaceAll(/, paygate_node/g, ''))
    .filter((text) => /^(grant usage|create index)/.test(text));
}

beforeAll(async () => {
  const [database, vhost] = await Promise.all([withDatabase({ migrated: false }), freshVhost()]);
  admin = database.pool;
  await admin.query(GO_TABLES);
  const name = new URL(database.url).pathname.slice(1);
  await admin.query(`create role ${ROLE} login password '${PASSWORD}'`);
  await admin.query(`grant create, connect on database ${name} to ${ROLE}`);
  await admin.query('revoke create on schema public from public');
  const url = new URL(database.url);
  [url.username, url.password] = [ROLE, PASSWORD];
  env = { DATABASE_URL: url.href, RABBITMQ_URL: vhost.url };
  drops.push(
    () => vhost.drop(),
    () => database.drop(),
    async () => {
      const client = new pg.Client({ connectionString: inject('servers').databaseUrl });
      await client.connect();
      await client.query(`drop role ${ROLE}`);
      await client.end();
    },
  );
});

afterAll(async () => {
  for (const drop of drops) await drop();
});

it('migrate and its dry run agree: not yet, with the grants but no index, and as the manual says', async () => {
  const [grants, index] = manual();
  if (grants === undefined || index === undefined) throw new Error('the manual does not say it');
  await admin.query(grants);
  const before = await paygate(['migrate', '--check'], env);
  expect(before.all).toContain('transactions_created_brin');
  expect(before.exitCode, before.all).toBe(1);
  expect((await paygate(['migrate'], env)).exitCode).not.toBe(0);
  await admin.query(index);
  const check = await paygate(['migrate', '--check'], env);
  expect(check.exitCode, check.all).toBe(0);
  const migrated = await paygate(['migrate'], env);
  expect(migrated.exitCode, migrated.all).toBe(0);
  const again = await paygate(['migrate', '--check'], env);
  expect(again.exitCode, again.all).toBe(0);
});
