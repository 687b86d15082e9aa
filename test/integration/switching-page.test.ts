/**
 * Every shell line of docs/SWITCHING.md as it stands there, in its order, from an imitation of the old processor to nodes and back. Without
 * this: somebody who switches copies a line that does not work, or one that deletes more than it should.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { balanceKey, versionKey } from '../../src/infra/redis/balance-keys.ts';
import { DOC_BLOCKS, linesOf } from '../support/doc-examples.ts';
import { GO_TABLES } from '../support/go-tables.ts';
import { installPrograms } from '../support/installed-programs.ts';
import { insertRow, newAccount, newCommand } from '../support/ledger-fixtures.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { OldProcessor, startOldProcessor } from '../support/old-processor.ts';
import { eventually, freshRedis, freshVhost, withDatabase, type TestDatabase } from '../support/services.ts';
import { Terminal } from '../support/terminal.ts';
import { publish } from './node-scene.ts';

const BLOCKS = DOC_BLOCKS.filter(({ page }) => page === 'docs/SWITCHING.md');
const left = BLOCKS.filter(({ language }) => language === 'sh').flatMap(linesOf);

/** The next line of the page; it must be the one that is meant. */
function next(beginning: string): string {
  const line = left.shift() ?? '';
  expect(line.startsWith(beginning), `${beginning} … comes next in docs/SWITCHING.md, not ${line}`).toBe(
    true,
  );
  return line;
}

let directory: string;
let database: TestDatabase;
let vhost: string;
let redis: Redis;
let terminal: Terminal;
let drops: readonly (() => Promise<unknown>)[] = [];

/** `rabbitmqctl` for whoever administrates the broker; null: it is not ours. */
function rabbitmqctl(): string | null {
  const control = inject('servers').brokerControl;
  if (control === null) return null;
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const env = Object.entries(control.env).map(([name, value]) => quoted(`${name}=${value}`));
  const at = `--vhost ${quoted(decodeURIComponent(new URL(vhost).pathname.slice(1)))}`;
  return `exec env -i ${env.join(' ')} ${[control.program, ...control.args].map(quoted).join(' ')} "$@" ${at}`;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'paygate-switching-'));
  const [made, broker, cache] = await Promise.all([
    withDatabase({ migrated: false }),
    freshVhost(),
    freshRedis(),
  ]);
  database = made;
  vhost = broker.url;
  redis = new Redis(cache.url);
  drops = [() => redis.quit(), () => made.drop(), () => broker.drop(), () => cache.drop()];
  await database.pool.query(GO_TABLES);
  const control = rabbitmqctl();
  terminal = new Terminal(directory, {
    PATH: installPrograms(directory, control === null ? {} : { rabbitmqctl: control }),
    ...{ HOME: directory, NO_COLOR: '1', HTTP_PORT: '0', USER: 'reader' },
    ...{ DATABASE_URL: made.url, RABBITMQ_URL: broker.url, REDIS_URL: cache.url },
  });
});

afterAll(async () => {
  await terminal.close();
  for (const drop of drops) await drop();
  rmSync(directory, { recursive: true, force: true });
});

/** As the Go API: first the row, then the message. Resolves when it has this status. */
async function decided(
  status: 'APPROVED' | 'REJECTED',
  fields: Partial<TransactionCommand> & { readonly accountId: string },
): Promise<void> {
  const command = newCommand(fields);
  await insertRow(database.pool, command);
  await publish(vhost, [{ queue: 'transactions_queue', body: bodyOf(command) }]);
  await eventually(async () => {
    const { rows } = await database.pool.query('select status from transactions where id = $1', [
      command.transactionId,
    ]);
    expect(rows).toEqual([{ status }]);
  });
}

async function run(line: string, exitCode = 0): Promise<string> {
  const result = await terminal.run(line);
  expect(result.exitCode, `${line}\n${result.output}`).toBe(exitCode);
  return result.output;
}

it('there and back, line by line', async () => {
  const anna = await newAccount(database.pool);
  const old = await startOldProcessor(vhost, database.pool);
  const shadow = await terminal.interrupted(
    next('npx paygate shadow  '),
    /following (transactions)/,
    async () => {
      await decided('APPROVED', { accountId: anna, amountCents: 5_000n });
      await terminal.said(/^1 decided again, 1 agree/m);
    },
  );
  expect(shadow.output).toMatch(/^No unknown difference among 1 /m);
  expect(shadow.exitCode).toBe(0);
  const forADay = await terminal.interrupted(
    next('npx paygate shadow --json'),
    /following (transactions)/,
    async () => {
      await decided('REJECTED', { accountId: anna, type: 'CHARGE', amountCents: 700n });
      await terminal.said(/^\{.*"kind":"known"/m);
    },
  );
  expect(forADay.output.match(/^\{.*/gm)?.at(-1)).toContain('"kind":"summary"');
  expect(forADay.exitCode).toBe(0);
  expect(await run(next('npx paygate migrate --check'), 1)).toMatch(/^ +NO +reader/m);

  await old.stop();
  const listing = next('rabbitmqctl list_queues');
  if (inject('servers').brokerControl !== null)
    await eventually(async () => expect(await run(listing)).toMatch(/^transactions_queue\t0\t0\t0$/m));
  await eventually(async () => {
    expect((await terminal.run('npx paygate migrate --check')).exitCode).toBe(0);
  });
  expect(await run(next('npx paygate migrate --check'))).toMatch(/^ +ok +reader/m);
  await run(next('npx paygate migrate  '));
  await run(`${next('npx paygate node').replace(/ +#.*$/, '')} > node.log 2>&1 &`);
  await decided('APPROVED', { accountId: anna, type: 'CHARGE', amountCents: 750n });
  expect(await run(next('npx paygate verify'))).toContain('The ledger is right');
  const keys = [balanceKey('account', anna), versionKey('account', anna)];
  await eventually(async () => expect(await redis.exists(...keys)).toBe(2));
  await run('npx paygate cache clear', 1);
  await run('kill -TERM %%; wait %%');

  await run(next('npx paygate migrate --back  '));
  await run(next('npx paygate migrate --back --csv'));
  const before = new OldProcessor(database.pool);
  expect(await before.balance(anna)).toBe(5_000n);
  await adjustInPsql();
  expect(await before.balance(anna)).toBe(4_250n);

  await redis.mset('account-balance:other', '1', 'balance:somebody', '2', 'balances', '3');
  const others = await keysBut(keys);
  await eventually(() => run('npx paygate cache clear'));
  expect(await redis.exists(...keys)).toBe(0);
  expect(await keysBut([])).toEqual(others);
  expect(await run(next('npx paygate cache clear'))).toContain('0 balances removed');
  // A node that was killed.
  await database.pool.query(`update processor.shards set owner = 'gone:1' where shard = 7`);
  expect(await run('npx paygate cache clear', 1)).toContain('stop all nodes first: gone;');
  await run('npx paygate cache clear --nodes-are-stopped');
  const { rows } = await database.pool.query(
    `select detail from processor.operator_log where action = 'cache-clear' order by at`,
  );
  expect(rows.at(-1)).toEqual({ detail: { nodesAreStopped: true } });
  expect(left).toEqual([]);
});

/** Without figures of nodes, which expire by themselves. */
async function keysBut(ours: readonly string[]): Promise<readonly string[]> {
  const keys = await redis.keys('*');
  return keys.filter((key) => !ours.includes(key) && !key.startsWith('paygate:')).toSorted();
}

/** The two blocks for `psql`, twice, since done twice they change nothing. */
async function adjustInPsql(): Promise<void> {
  const blocks = BLOCKS.filter(({ text }) => /to_adjust/.test(text));
  expect(blocks.map(({ language }) => language)).toEqual(['', 'sql']);
  writeFileSync(join(directory, 'adjust.sql'), blocks.map(({ text }) => text).join('\n'));
  expect(readFileSync(join(directory, 'accounts.csv'), 'utf8')).toContain('-750');
  for (const added of [1, 0]) {
    const told = await run('psql --no-psqlrc --set ON_ERROR_STOP=1 --file adjust.sql "$DATABASE_URL"');
    expect(told).toContain(`INSERT 0 ${added}`);
  }
}
