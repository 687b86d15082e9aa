/**
 * From the old processor to this one and back, with the commands of docs/SWITCHING.md. Without this: the dry run says yes where migrate
 * refuses, or changes something; two processors read one queue; or whoever goes back has balances that nobody adjusted.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import amqp from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { startNode } from '../../src/node.ts';
import { MIGRATE_CHECKS, type MigrateCheck } from '../../src/infra/postgres/migrate-checks.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { GO_TABLES } from '../support/go-tables.ts';
import { insertRow, newAccount, newCommand } from '../support/ledger-fixtures.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { OldProcessor, startOldProcessor, type RunningOldProcessor } from '../support/old-processor.ts';
import { paygate, startPaygate, startPaygateNode, type Answer } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase, type TestDatabase } from '../support/services.ts';
import { configOf, publish, type Place } from './node-scene.ts';

const PAGE = readFileSync(new URL('../../docs/SWITCHING.md', import.meta.url), 'utf8');

let database: TestDatabase;
let place: Place;
let env: Record<string, string>;
let old: RunningOldProcessor | null = null;
let drops: readonly (() => Promise<void>)[] = [];

beforeEach(async () => {
  const [made, vhost, redis] = await Promise.all([
    withDatabase({ migrated: false }),
    freshVhost(),
    freshRedis(),
  ]);
  database = made;
  drops = [() => made.drop(), () => vhost.drop(), () => redis.drop()];
  place = { databaseUrl: made.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  env = { DATABASE_URL: made.url, RABBITMQ_URL: vhost.url, REDIS_URL: redis.url };
  await database.pool.query(GO_TABLES);
});

afterEach(async () => {
  await stopOld();
  for (const drop of drops) await drop();
});

async function startOld(): Promise<void> {
  old = await startOldProcessor(place.rabbitmqUrl, database.pool);
}

async function stopOld(): Promise<void> {
  await old?.stop();
  old = null;
}

/** As the Go API: first the row, then the message. */
async function send(
  fields: Partial<TransactionCommand> & { readonly accountId: string },
): Promise<TransactionCommand> {
  const command = newCommand(fields);
  await insertRow(database.pool, command);
  await publish(place.rabbitmqUrl, [{ queue: 'transactions_queue', body: bodyOf(command) }]);
  return command;
}

async function statusOf({ transactionId }: TransactionCommand): Promise<string | undefined> {
  const { rows } = await database.pool.query<{ status: string }>(
    'select status from transactions where id = $1',
    [transactionId],
  );
  return rows[0]?.status;
}

interface Checked {
  readonly ok: boolean;
  readonly migrations: readonly string[];
  readonly checks: readonly MigrateCheck[];
}

async function check(more: Record<string, string> = {}): Promise<Checked & { readonly answer: Answer }> {
  const answer = await paygate(['migrate', '--check', '--json'], { ...env, ...more });
  expect(answer.stderr).toBe('');
  return { ...(JSON.parse(answer.stdout) as Checked), answer };
}

const stateOf = ({ checks }: Checked): Record<string, string> =>
  Object.fromEntries(checks.map(({ name, state }) => [name, state]));

const detailOf = ({ checks }: Checked, wanted: string): string =>
  checks.find(({ name }) => name === wanted)?.detail ?? '';

async function relations(): Promise<unknown> {
  const { rows } = await database.pool.query<{ name: string }>(
    `select c.oid::regclass::text || coalesce(pg_stat_get_tuples_inserted(c.oid), 0) as name
       from pg_class c where relnamespace::regnamespace::text not like 'pg\\_%' order by 1`,
  );
  return rows;
}

const FINE = Object.fromEntries(MIGRATE_CHECKS.map((name) => [name, 'ok']));

/** An account with a deposit, and a charge that the old processor did not count. */
async function historyBelowZero(): Promise<void> {
  const accountId = await newAccount(database.pool);
  await insertRow(database.pool, newCommand({ accountId }), 'APPROVED');
  await insertRow(database.pool, newCommand({ accountId, type: 'CHARGE', amountCents: 1_500n }), 'APPROVED');
}

describe('paygate migrate --check', () => {
  it('makes every check by name, changes nothing, and keeps its word', async () => {
    await historyBelowZero();
    const before = await relations();
    const found = await check();
    expect(stateOf(found)).toEqual(FINE);
    expect(found.answer.exitCode).toBe(0);
    expect(detailOf(found, 'history')).toBe('2 approved transactions of 1 accounts, 1 of them below zero');
    expect(await relations()).toEqual(before);
    const migrated = await paygate(['migrate', '--json'], env);
    expect(migrated.exitCode).toBe(0);
    expect(JSON.parse(migrated.stdout)).toMatchObject({
      migrations: found.migrations,
      opening: { kind: 'opened', accounts: 1, transactions: 2, negativeAccounts: 1 },
    });
    const again = await check();
    expect(again).toMatchObject({ ok: true, migrations: [] });
    expect(detailOf(again, 'opening')).toMatch(/^the history was taken over before, on 2/);
  });

  it('a reader of the queue stands in the way, for migrate as well; docs/SWITCHING.md shows what is printed', async () => {
    await historyBelowZero();
    await startOld();
    expectOnPage((await paygate(['migrate', '--check'], env)).stdout, 'migrations');
    const found = await check();
    expect(stateOf(found)).toEqual({ ...FINE, reader: 'in-the-way' });
    expect(detailOf(found, 'reader')).toContain('transactions_queue has a consumer: stop the old processor');
    expect(found.answer.exitCode).toBe(1);
    expect((await paygate(['migrate'], env)).stderr).toContain('transactions_queue has a consumer');
  });

  it('history that cannot be counted stands in the way, with its rows', async () => {
    const refund = newCommand({ accountId: await newAccount(database.pool), type: 'REFUND' });
    await insertRow(database.pool, refund, 'APPROVED');
    const found = await check();
    expect(stateOf(found)).toMatchObject({ history: 'in-the-way' });
    expect(detailOf(found, 'history')).toContain(refund.transactionId);
    expect(found.answer.exitCode).toBe(1);
  });

  it('notes what somebody should know: refunds without the setting, PENDING rows', async () => {
    const accountId = await newAccount(database.pool);
    const [paid, refund] = [newCommand({ accountId }), newCommand({ accountId, type: 'REFUND' })];
    for (const row of [paid, refund]) await insertRow(database.pool, row, 'APPROVED');
    await database.pool.query('update transactions set refund_transaction_id = $2 where id = $1', [
      refund.transactionId,
      paid.transactionId,
    ]);
    await insertRow(database.pool, newCommand({ accountId }));
    const found = await check();
    expect(stateOf(found)).toEqual({ ...FINE, 'refund-amount': 'note', pending: 'note' });
    expect(detailOf(found, 'refund-amount')).toContain('Every one of them was refunded whole');
    expect(found.ok).toBe(true);
    expect(stateOf(await check({ REFUND_AMOUNT: 'original' }))['refund-amount']).toBe('ok');
  });

  it('another declaration of a queue, other tables, too few rights and a role that is missing stand in the way', async () => {
    const connection = await amqp.connect(place.rabbitmqUrl);
    const channel = await connection.createChannel();
    await channel.assertQueue('refund_queue', { durable: true, arguments: { 'x-message-ttl': 1_000 } });
    await database.pool.query('alter table cards drop column last_four_digits');
    const role = `check_${randomUUID().slice(0, 8)}`;
    await database.pool.query(
      `create role ${role} login password 'x'; grant select on accounts, cards, transactions to ${role};
       revoke create on schema public from public`,
    );
    const url = new URL(database.url);
    url.username = role;
    url.password = 'x';
    const found = await check({ DATABASE_URL: url.href, DATABASE_RUNTIME_ROLE: 'nobody_at_all' });
    expect(stateOf(found)).toMatchObject({
      tables: 'in-the-way',
      rights: 'in-the-way',
      'runtime-role': 'in-the-way',
      queues: 'in-the-way',
    });
    expect(detailOf(found, 'tables')).toBe('cards.last_four_digits is missing, not varchar');
    expect(detailOf(found, 'rights')).toContain('does not own public.transactions');
    expect(detailOf(found, 'queues')).toContain('refund_queue');
    await database.pool.query(`drop owned by ${role}; drop role ${role}`);
    await channel.deleteQueue('refund_queue');
    await connection.close();
  });

  it('a type into which everything fits is a note, and it all works with it; others stand in the way', async () => {
    const alter = (what: string): Promise<unknown> => database.pool.query(`alter table ${what}`);
    for (const column of ['status', 'type', 'idempotency_key'])
      await alter(`transactions alter ${column} type text`);
    await alter('cards alter created_at type timestamp, alter card_token type text');
    const accountId = await newAccount(database.pool);
    await insertRow(database.pool, newCommand({ accountId, amountCents: 500n }), 'APPROVED');
    const found = await check();
    expect(stateOf(found).tables).toBe('note');
    expect(detailOf(found, 'tables')).toContain('transactions.idempotency_key is text, not varchar');
    expect(found.ok).toBe(true);

    for (const [column, type, back] of [
      ['amount_cents', 'integer', 'bigint'],
      ['amount_cents', 'numeric(20,2)', 'bigint'],
      ['created_at', 'timestamp', 'timestamptz'],
      ['idempotency_key', 'varchar(254)', 'text'],
    ] as const) {
      await alter(`transactions alter ${column} type ${type}`);
      expect(stateOf(await check()).tables).toBe('in-the-way');
      await alter(`transactions alter ${column} type ${back}`);
    }

    expect((await paygate(['migrate'], env)).exitCode).toBe(0);
    const node = await startPaygateNode(env);
    const bought = await send({ accountId, type: 'PURCHASE', amountCents: 400n });
    await eventually(async () => expect(await statusOf(bought)).toBe('APPROVED'));
    await node.drain();
    expect((await paygate(['verify'], env)).exitCode).toBe(0);
  });

  it('a RabbitMQ that does not answer is a finding, and does not hide the others', async () => {
    const found = await check({ RABBITMQ_URL: 'amqp://127.0.0.1:1' });
    expect(stateOf(found)).toMatchObject({ migrations: 'ok', queues: 'in-the-way' });
    expect(detailOf(found, 'queues')).toContain('RabbitMQ (RABBITMQ_URL) does not answer');
  });
});

/** Output with what differs from run to run taken out. */
const plain = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/the role \S+/, 'the role <role>')
    .replace(/the database [^,]+,/, 'the database <name>,')
    .replace(/would apply .*/, 'would apply <files>');

/** The block of the page that shows this output. */
function expectOnPage(output: string, firstWords: string): void {
  const blocks = [...PAGE.matchAll(/^```(\w*)\n(.*?)\n```/gms)]
    .filter(([, language]) => language === '')
    .map(([, , block = '']) => block);
  const found = blocks.find((block) => block.includes(firstWords));
  expect(plain(output)).toBe(plain(found ?? 'no such block'));
}

/** The SQL block of the page that has this word in it. */
function sqlOfPage(word: string): string {
  const blocks = [...PAGE.matchAll(/^```sql\n(.*?)^```/gms)].map(([, sql = '']) => sql);
  const found = blocks.find((sql) => sql.includes(word));
  if (found === undefined) throw new Error(`no SQL with ${word} in docs/SWITCHING.md`);
  return found;
}

describe('the way there and back', () => {
  it('beside the old processor, over, and back with adjusted balances', async () => {
    const [anna, ben] = [await newAccount(database.pool), await newAccount(database.pool)];
    await startOld();
    const shadow = startPaygate(['shadow', '--interval', '50ms', '--count', '3'], env);
    await shadow.line(/following (transactions)/);
    const deposit = await send({ accountId: anna, amountCents: 5_000n });
    const charge = await send({ accountId: anna, type: 'CHARGE', amountCents: 700n });
    await send({ accountId: ben, amountCents: 900n });
    const told = await shadow.ended;
    expect(told.stdout).toMatch(/3 transactions seen: 2 agree.*charge +1: /s);
    expect(told.exitCode).toBe(0);
    expectOnPage(told.all, 'following transactions');
    expect([await statusOf(deposit), await statusOf(charge)]).toEqual(['APPROVED', 'REJECTED']);

    await stopOld();
    await eventually(async () => expect((await check()).ok).toBe(true), { pollMs: 200 });
    expect((await paygate(['migrate'], env)).exitCode).toBe(0);
    const node = await startPaygateNode(env);
    const ours = await send({ accountId: anna, type: 'CHARGE', amountCents: 700n });
    const refunded = await send({ accountId: anna, type: 'CHARGE', amountCents: 50n });
    await eventually(async () =>
      expect([await statusOf(ours), await statusOf(refunded)]).toEqual(['APPROVED', 'APPROVED']),
    );
    const early = await paygate(['migrate', '--back'], env);
    expect(early.exitCode).toBe(1);
    expect(early.stdout).toContain('a node still reads transactions_queue');
    await node.drain();

    const csv = await paygate(['migrate', '--back', '--csv'], env);
    expect(csv.stderr).toContain('1 account to adjust, by -7.50 in all');
    expect(csv.stdout).toBe(
      `account_id,balance_cents,old_balance_cents,adjust_cents\r\n${anna},4250,5000,-750`,
    );
    expect(csv.exitCode).toBe(0);
    const back = await paygate(['migrate', '--back', '--json'], env);
    expect(JSON.parse(back.stdout)).toMatchObject({
      ok: true,
      obstacles: [],
      accounts: 1,
      adjustCents: -750,
      listed: [{ accountId: anna, balanceCents: 4_250, oldBalanceCents: 5_000, adjustCents: -750 }],
      costs: { retries: 0, parked: 0, pending: 0 },
    });

    expectOnPage((await paygate(['migrate', '--back'], env)).stdout, 'The old processor counts');

    const processor = new OldProcessor(database.pool);
    expect(await processor.balance(anna)).toBe(5_000n);
    const client = await database.pool.connect();
    await client.query(
      'create temp table to_adjust (account_id uuid, balance_cents bigint, old_balance_cents bigint, adjust_cents bigint)',
    );
    await client.query('insert into to_adjust values ($1, 4250, 5000, -750)', [anna]);
    await client.query(sqlOfPage('insert into public.transactions'));
    client.release(true);
    expect(await processor.balance(anna)).toBe(4_250n);
    expect(await processor.balance(ben)).toBe(900n);
  });

  it('there is no way back from where nobody has gone', async () => {
    const { exitCode, stderr } = await paygate(['migrate', '--back'], env);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('was never taken over');
  });

  it('messages that no queue has any more stand in the way back', async () => {
    await paygate(['migrate'], env);
    const accountId = await newAccount(database.pool);
    await database.pool.query(
      `insert into processor.retries (transaction_id, account_id, shard, attempt, code, queue, body, due_at, first_seen_at)
       values (gen_random_uuid(), $1, 0, 1, 'ROW_MISSING', 'transactions_queue', '', now(), now())`,
      [accountId],
    );
    await database.pool.query(
      `insert into processor.parked (account_id, queue, body, reason) values ($1, 'transactions_queue', '', 'test')`,
      [accountId],
    );
    const { exitCode, stdout } = await paygate(['migrate', '--back', '--json'], env);
    expect(exitCode).toBe(1);
    const { obstacles } = JSON.parse(stdout) as { readonly obstacles: readonly { readonly name: string }[] };
    expect(obstacles.map(({ name }) => name)).toEqual(['retries', 'parked']);
  });
});

it('a node is kept out while the old processor reads the queue, says so, and gets in when that one is gone', async () => {
  await paygate(['migrate'], env);
  await startOld();
  const logger = new QuietLogger();
  const starting = startNode(configOf(place), { logger });
  await eventually(() =>
    expect(logger.messages('warn')).toContain(
      'another reader holds transactions_queue: waiting until its connection is gone (a node that leaves; if it is the old processor, stop it)',
    ),
  );
  const command = await send({ accountId: await newAccount(database.pool), type: 'CHARGE' });
  await eventually(async () => expect(await statusOf(command)).toBe('REJECTED'));
  const { rows } = await database.pool.query('select from processor.journal');
  expect(rows).toEqual([]);
  await stopOld();
  const node = await starting;
  const next = await send({ accountId: await newAccount(database.pool) });
  await eventually(async () => expect(await statusOf(next)).toBe('APPROVED'));
  await node.drain();
});
