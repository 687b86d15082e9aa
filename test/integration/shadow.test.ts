/**
 * `paygate shadow` beside an imitation of the old processor, on real servers. Without this: a habit of the old processor is reported as a
 * mistake, a mistake goes unnoticed, or somebody's tables are written to.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { GO_TABLES } from '../support/go-tables.ts';
import { insertRow, newAccount, newCard, newCommand } from '../support/ledger-fixtures.ts';
import { ShadowReader } from '../../src/infra/postgres/shadow-reader.ts';
import { OldProcessor } from '../support/old-processor.ts';
import { paygate, startPaygate, type StartedPaygate } from '../support/paygate.ts';
import { withDatabase, type TestDatabase } from '../support/services.ts';

let database: TestDatabase;
let old: OldProcessor;
let anna: string;

beforeEach(async () => {
  database = await withDatabase({ migrated: false });
  await database.pool.query(GO_TABLES);
  old = new OldProcessor(database.pool);
  anna = await newAccount(database.pool);
});

afterEach(() => database.drop());

const INTERVAL = ['--interval', '50ms'];

async function startShadow(
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<StartedPaygate> {
  const shadow = startPaygate(['shadow', ...INTERVAL, ...args], { DATABASE_URL: database.url, ...env });
  await shadow.line(/following (transactions)/);
  return shadow;
}

interface Line {
  readonly kind: 'known' | 'unknown' | 'summary';
  readonly name?: string;
  readonly transactionId?: string;
  readonly [field: string]: unknown;
}

async function linesOf(shadow: StartedPaygate): Promise<readonly Line[]> {
  const { stdout } = await shadow.ended;
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

type Fields = Partial<TransactionCommand>;

/** The row, and at once its decision. */
async function decided(fields: Fields): Promise<TransactionCommand> {
  const command = newCommand({ accountId: anna, ...fields });
  await insertRow(database.pool, command);
  await old.decide(command);
  return command;
}

/** As the Go API makes them: the amount stays readable when the row's is overwritten. */
const keyed = (amountCents: bigint): Fields => ({
  amountCents,
  idempotencyKey: `${randomUUID()}:${anna}:REFUND:${amountCents}`,
});

const refundOf = (original: TransactionCommand, amountCents = original.amountCents): Fields => ({
  type: 'REFUND',
  originalId: original.transactionId,
  ...keyed(amountCents),
});

describe('paygate shadow', () => {
  it('names what is known of the old processor, by transaction', async () => {
    const ben = await newAccount(database.pool);
    const bensCard = await newCard(database.pool, ben);
    const before = await decided({ amountCents: 1_000n });
    const shadow = await startShadow(['--json', '--count', '11']);
    const bought = await decided({ type: 'PURCHASE', amountCents: 300n });
    const charge = await decided({ type: 'CHARGE', amountCents: 100n });
    const foreign = await decided({ type: 'PURCHASE', amountCents: 50n, cardId: bensCard });
    const whole = await decided(refundOf(bought, 10n));
    await decided(refundOf(bought, 10n)); // Rejected, and its row does not say what it refunds.
    const spent = await decided(refundOf(before));
    const second = newCommand({ accountId: anna, ...refundOf(foreign, 20n) });
    await decided(refundOf(foreign, 30n));
    await insertRow(database.pool, second);
    await rejectWithTarget(second);
    await shadow.line(/"name":"(second-refund)"/);
    await old.decide(whole); // Its message comes again.
    await decided({ type: 'PURCHASE', amountCents: 10_000n });
    await decided({ amountCents: 1n });
    const lines = await linesOf(shadow);
    const differences = lines.filter(({ kind }) => kind !== 'summary');
    expect(differences.map(({ name, transactionId }) => [name, transactionId])).toEqual([
      ['charge', charge.transactionId],
      ['foreign-card', foreign.transactionId],
      ['whole-refund', whole.transactionId],
      ['spent-deposit', spent.transactionId],
      ['whole-refund', expect.any(String)],
      ['second-refund', second.transactionId],
      ['redelivered-refund', whole.transactionId],
    ]);
    expect(lines.at(-1)).toMatchObject({
      ok: true,
      seen: 11,
      agree: 3,
      unknown: 0,
      notCompared: { 'second-refund-likely': 1 },
    });
    expect((await shadow.ended).exitCode).toBe(0);
  });

  it('tells an unknown difference at once; Ctrl-C ends with a summary, and the exit code says it', async () => {
    const shadow = await startShadow();
    const overspent = newCommand({ accountId: anna, type: 'PURCHASE' });
    await insertRow(database.pool, overspent, 'APPROVED');
    const told = await shadow.line(/^(UNKNOWN .*)$/);
    expect(told).toContain(overspent.transactionId);
    expect(told).toContain('the old processor APPROVED 10.00, here REJECTED INSUFFICIENT_FUNDS');
    await decided({});
    shadow.interrupt();
    const { exitCode, stdout } = await shadow.ended;
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^\d transactions? seen: \d agree$/m);
    expect(stdout).toContain(`1 UNKNOWN difference: ${overspent.transactionId}`);
  });

  it('does not say that the two agree when nothing was compared', async () => {
    const shadow = await startShadow(['--count', '1']);
    await insertRow(database.pool, newCommand({ accountId: anna }), 'ERROR');
    const { exitCode, stdout } = await shadow.ended;
    expect(stdout).toContain('Nothing was compared');
    expect(stdout).not.toContain('No unknown difference');
    expect(exitCode).toBe(1);
  });

  it('a refund of the whole that comes again between two looks, and a try that succeeds, are no surprise', async () => {
    const bought = await spending();
    const shadow = await startShadow(['--json', '--count', '3']);
    const refund = newCommand({ accountId: anna, ...refundOf(bought) });
    const deposit = newCommand({ accountId: anna, amountCents: 70n });
    const client = await database.pool.connect();
    await client.query('begin');
    await insertRow(client, refund);
    const inOneLook = new OldProcessor(client);
    await inOneLook.decide(refund);
    await inOneLook.decide(refund);
    await insertRow(client, deposit, 'ERROR');
    await client.query('commit');
    client.release();
    // Whoever tells of this one has seen the other given up.
    await shadow.line(/"name":"(redelivered-refund)"/);
    await database.pool.query(`update transactions set status = 'APPROVED' where id = $1`, [
      deposit.transactionId,
    ]);
    expect((await linesOf(shadow)).at(-1)).toMatchObject({
      ok: true,
      compared: 2,
      agree: 1,
      known: { 'redelivered-refund': 1 },
      notCompared: { 'given-up': 1 },
    });
  });

  it('remembers what a refund asked for while it was PENDING, before and after the start', async () => {
    const bought = [await spending(), await spending()] as const;
    const waiting = (original: TransactionCommand) =>
      newCommand({ accountId: anna, type: 'REFUND', amountCents: 10n, originalId: original.transactionId });
    const early = waiting(bought[0]);
    await insertRow(database.pool, early);
    const shadow = await startShadow(['--json', '--count', '3']);
    const late = waiting(bought[1]);
    await insertRow(database.pool, late);
    // Whoever sees this one has seen the other waiting.
    await decided({ type: 'CHARGE', amountCents: 1n });
    await shadow.line(/"name":"(charge)"/);
    await old.decide(early);
    await old.decide(late);
    const lines = await linesOf(shadow);
    expect(lines.filter(({ name }) => name === 'whole-refund').map((line) => line.transactionId)).toEqual([
      early.transactionId,
      late.transactionId,
    ]);
    expect(lines.at(-1)).toMatchObject({ unknown: 0, notCompared: {} });
  });

  it('with REFUND_AMOUNT=original whole refunds are no difference', async () => {
    const bought = await spending();
    const shadow = await startShadow(['--json', '--count', '1'], { REFUND_AMOUNT: 'original' });
    await decided(refundOf(bought, 10n));
    expect(await linesOf(shadow)).toMatchObject([{ kind: 'summary', agree: 1 }]);
  });

  it('needs no right but to read, and leaves everything as it was', async () => {
    const role = `shadow_${randomUUID().slice(0, 8)}`;
    await database.pool.query(
      `create role ${role} login password 'x'; grant select on accounts, cards, transactions to ${role}`,
    );
    const url = new URL(database.url);
    url.username = role;
    url.password = 'x';
    const shadow = await startShadow(['--json', '--count', '2'], { DATABASE_URL: url.href });
    await decided({});
    await decided({ type: 'PURCHASE', amountCents: 1n });
    const before = await everything();
    await shadow.ended;
    expect(await everything()).toEqual(before);
    expect(await linesOf(shadow)).toMatchObject([{ agree: 2 }]);
    await database.pool.query(`drop owned by ${role}; drop role ${role}`);
  });

  it('says so where there is no such table', async () => {
    const empty = await withDatabase({ migrated: false });
    const { exitCode, stderr } = await paygate(['shadow'], { DATABASE_URL: empty.url });
    await empty.drop();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('has no table public.transactions');
  });
});

describe('a look at the table', () => {
  it('sees each change once, in the order of the commits, also one that was under way at the look before', async () => {
    const reader = new ShadowReader(database.pool);
    await reader.start(10);
    const client = await database.pool.connect();
    const [slow, quick] = [newCommand({ accountId: anna }), newCommand({ accountId: anna })];
    await client.query('begin');
    await insertRow(client, slow, 'APPROVED');
    await insertRow(database.pool, quick, 'APPROVED');
    expect(await look(reader)).toEqual([quick.transactionId]);
    await client.query('commit');
    client.release();
    expect(await look(reader)).toEqual([slow.transactionId]);
    expect(await look(reader)).toEqual([]);
    await database.pool.query(`update transactions set status = 'REJECTED' where id = $1`, [
      quick.transactionId,
    ]);
    expect(await look(reader)).toEqual([quick.transactionId]);
  });

  it('sees what was written under a savepoint, once, and knows what was there before it', async () => {
    const client = await database.pool.connect();
    const [early, late] = [newCommand({ accountId: anna }), newCommand({ accountId: anna })];
    await client.query('begin');
    await insertRow(client, newCommand({ accountId: anna }));
    await client.query('savepoint one');
    await insertRow(client, early, 'APPROVED');
    await client.query('release one');
    const seenBefore = await decided({});
    const reader = new ShadowReader(database.pool);
    await reader.start(10);
    await client.query('savepoint two');
    await insertRow(client, late, 'APPROVED');
    const seenMeanwhile = await decided({});
    expect(await look(reader)).toEqual([seenMeanwhile.transactionId]);
    expect(await look(reader)).toEqual([]);
    await client.query('commit');
    client.release();
    const balances: unknown[] = [];
    const seen: string[] = [];
    await reader.look(async ({ rows, standing }) => {
      seen.push(...rows.filter(({ status }) => status === 'APPROVED').map(({ id }) => id));
      balances.push((await standing(rows)).accounts.get(anna)?.balanceCents);
    });
    expect(seen).toEqual([early.transactionId, late.transactionId]);
    expect(seen).not.toContain(seenBefore.transactionId);
    expect(balances).toEqual([2_000n]);
    expect(await look(reader)).toEqual([]);
    expect(reader.mayMiss).toBe(false);
  });

  it('knows what was there before each page of it', async () => {
    const original = await spending();
    const reader = new ShadowReader(database.pool, 2);
    await reader.start(10);
    for (const amountCents of [1n, 2n, 4n, 8n]) await decided({ amountCents });
    for (const cents of [30n, 40n]) {
      const refund = newCommand({ accountId: anna, type: 'REFUND', amountCents: cents });
      await insertRow(database.pool, refund);
      await database.pool.query(
        `update transactions set status = 'APPROVED', refund_transaction_id = $2 where id = $1`,
        [refund.transactionId, original.transactionId],
      );
    }
    await decided({ type: 'PURCHASE', amountCents: 5n });
    const [balances, refunded] = [[] as unknown[], [] as unknown[]];
    await reader.look(async ({ rows, standing }) => {
      const { accounts, originals } = await standing(rows);
      balances.push(accounts.get(anna)?.balanceCents);
      refunded.push(...[...originals.values()].map(({ refundedCents }) => refundedCents));
    });
    expect(balances).toEqual([900n, 903n, 915n, 985n]);
    expect(refunded).toEqual([0n]);
  });

  it('that fails is made again', async () => {
    const reader = new ShadowReader(database.pool);
    await reader.start(10);
    const { transactionId } = await decided({});
    const failing = reader.look(() => Promise.reject(new Error('not now')));
    await expect(failing).rejects.toThrow('not now');
    expect(await look(reader)).toEqual([transactionId]);
  });
});

async function look(reader: ShadowReader): Promise<readonly string[]> {
  const ids: string[] = [];
  await reader.look(({ rows }) => {
    ids.push(...rows.map(({ id }) => id));
    return Promise.resolve();
  });
  return ids;
}

/** A purchase of 100 by somebody who has enough. */
async function spending(): Promise<TransactionCommand> {
  await decided({ amountCents: 1_000n });
  return decided({ type: 'PURCHASE', amountCents: 100n });
}

/** As the contract may be read: whoever decides a refund writes its target, also of a rejected one. */
async function rejectWithTarget({ transactionId, originalId }: TransactionCommand): Promise<void> {
  await database.pool.query(
    `update transactions set status = 'REJECTED', refund_transaction_id = $2 where id = $1`,
    [transactionId, originalId],
  );
}

/** Every relation there is, and every version of every row. */
async function everything(): Promise<unknown> {
  const { rows: relations } = await database.pool.query<{ name: string }>(
    'select oid::regclass::text as name from pg_class order by oid',
  );
  const { rows } = await database.pool.query<{ row: string }>(
    `select 'a' || a.xmin || a::text as row from accounts a union all select 'c' || c.xmin || c::text from cards c
      union all select 't' || t.xmin || t::text from transactions t order by 1`,
  );
  return { relations, rows };
}
