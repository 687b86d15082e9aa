/**
 * What a node checks before it works on a database. Without these, a node with other shards or another meaning of
 * refunds than its fellows could start, or one could decide on top of a history that was never taken over.
 */
import { expect, test } from 'vitest';
import { checkCluster, ClusterRefusal, type ClusterSettings } from '../../src/infra/postgres/cluster.ts';
import { openHistory } from '../../src/infra/postgres/opening.ts';
import { createPool } from '../../src/infra/postgres/pool.ts';
import { eventually, withDatabase } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';

const database = useDatabase();

const SETTINGS: ClusterSettings = { refundAmount: 'message', refundAmountSet: false, shardCount: 256 };
const noConsumer = (): Promise<boolean> => Promise.resolve(false);
const open = () => openHistory(database.pool, { refundAmount: null, queueHasConsumer: noConsumer });

async function refusalOf(
  settings: Partial<ClusterSettings> = {},
  pool = database.pool,
): Promise<ClusterRefusal> {
  const thrown: unknown = await checkCluster(pool, { ...SETTINGS, ...settings }).then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ClusterRefusal)) throw new Error(`not refused: ${String(thrown)}`);
  return thrown;
}

/** A deposit, and refunds of it by these amounts; all approved. */
async function history(...refunds: number[]): Promise<void> {
  await database.pool.query(`with a as (insert into accounts(username) values ('u') returning id)
    insert into transactions(account_id, amount_cents, status, type, idempotency_key)
    select id, 100, 'APPROVED', 'DEPOSIT', gen_random_uuid() from a`);
  for (const amount of refunds)
    await database.pool.query(
      `insert into transactions(account_id, amount_cents, status, type, idempotency_key, refund_transaction_id)
       select account_id, $1, 'APPROVED', 'REFUND', gen_random_uuid(), id from transactions where type = 'DEPOSIT'
        order by created_at desc limit 1`,
      [amount],
    );
}

async function stored(): Promise<unknown> {
  const { rows } = await database.pool.query<Record<string, unknown>>(
    'select refund_amount, opened_at is not null as opened from processor.cluster',
  );
  return rows[0];
}

test('a database that is not migrated says what to run', async () => {
  const empty = await withDatabase({ migrated: false });
  const refusal = await refusalOf({}, empty.pool);
  await empty.drop();
  expect(refusal.problem).toBe('not-migrated');
  expect(refusal.message).toMatch(/0001_tables.*paygate migrate/);
});

test('a database of a newer or of another program is refused', async () => {
  await database.pool.query(`insert into processor.migrations (name, run_on) values ('9999_newer', now())`);
  expect((await refusalOf()).problem).toBe('program-too-old');
  await database.pool.query(`delete from processor.migrations where name = '9999_newer'`);
  await database.pool.query(`update processor.migrations set sha256 = 'other' where name = '0001_tables'`);
  const refusal = await refusalOf();
  expect(refusal.problem).toBe('migration-changed');
  expect(refusal.message).toContain('0001_tables.sql is not the file');
});

test('a database without history is opened by the first node, which writes its refund setting down', async () => {
  await checkCluster(database.pool, SETTINGS);
  expect(await stored()).toEqual({ refund_amount: 'message', opened: true });
  // From now on approved transactions are ours.
  await history();
  await checkCluster(database.pool, SETTINGS);
});

test('history that was not taken over is refused, until it is', async () => {
  await history();
  const refusal = await refusalOf();
  expect(refusal.problem).toBe('not-opened');
  expect(refusal.message).toMatch(/paygate migrate/);
  expect(await stored()).toEqual({ refund_amount: null, opened: false });
  await open();
  await checkCluster(database.pool, SETTINGS);
});

test('a node that starts while the history is being taken over is told to wait', async () => {
  await history();
  const pool = createPool(
    { databaseUrl: database.url, applicationName: 'paygate:test', connectionsMax: 1, lockTimeoutMs: 50 },
    { warn: () => undefined },
  );
  const refusals: ClusterRefusal[] = [];
  await openHistory(database.pool, {
    refundAmount: null,
    queueHasConsumer: async () => {
      refusals.push(await refusalOf({}, pool));
      return false;
    },
  });
  await pool.end();
  expect(refusals.map(({ problem }) => problem)).toEqual(['not-opened', 'not-opened']);
  expect(refusals[0]!.message).toMatch(/right now/);
});

test('another number of shards is refused', async () => {
  expect((await refusalOf({ shardCount: 128 })).problem).toBe('shard-count');
  await database.pool.query('delete from processor.shards where shard = 255');
  expect((await refusalOf()).problem).toBe('shard-count');
});

test('another refund setting than the one stored is refused, also by default', async () => {
  await checkCluster(database.pool, { ...SETTINGS, refundAmount: 'original', refundAmountSet: true });
  const byDefault = await refusalOf();
  expect(byDefault.problem).toBe('refund-amount');
  expect(byDefault.message).toMatch(/the default, REFUND_AMOUNT=message: set REFUND_AMOUNT=original/);
  await checkCluster(database.pool, { ...SETTINGS, refundAmount: 'original', refundAmountSet: true });
});

test('refunds from before and no setting: refused, saying how that history was made', async () => {
  await history(100);
  await open();
  const whole = await refusalOf();
  expect(whole.problem).toBe('refund-amount-unset');
  expect(whole.message).toMatch(/Every one of them was refunded whole/);
  expect(await stored()).toMatchObject({ refund_amount: null });
  await checkCluster(database.pool, { ...SETTINGS, refundAmountSet: true });
  // Written down by that node: the next ones need not say it again.
  await checkCluster(database.pool, SETTINGS);
});

test('partial refunds from before point to the other setting', async () => {
  await history(100);
  await history(30, 20);
  await open();
  expect((await refusalOf()).message).toMatch(/1 were refunded whole and 1 in part.*REFUND_AMOUNT=message/);
});

test('of two first nodes with different settings the slower one is refused', async () => {
  await open();
  const faster = await database.pool.connect();
  try {
    await faster.query('begin');
    await faster.query(`update processor.cluster set refund_amount = 'original' where refund_amount is null`);
    // Has looked, found no setting, and waits to write its own.
    const slower = refusalOf({ refundAmountSet: true });
    await eventually(async () => {
      const { rowCount } = await database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(rowCount).toBe(1);
    });
    await faster.query('commit');
    expect((await slower).problem).toBe('refund-amount');
  } finally {
    faster.release(true);
  }
  expect(await stored()).toMatchObject({ refund_amount: 'original' });
});
