/**
 * Taking over the history from before, on a real server. Without these, inherited balances could be wrong from the
 * first day: a refund counted the wrong way, a row left out, a half-opened database taken for a whole one.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { expect, test } from 'vitest';
import {
  type Opening,
  openHistory,
  type OpeningOptions,
  OpeningRefusal,
} from '../../src/infra/postgres/opening.ts';
import { READ_BLOCKS } from '../../src/infra/postgres/opening-statements.ts';
import { createPool } from '../../src/infra/postgres/pool.ts';
import { eventually, withDatabase } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';

const database = useDatabase();

async function rowsOf(sql: string, values: unknown[] = []): Promise<pg.QueryResultRow[]> {
  return (await database.pool.query<pg.QueryResultRow>(sql, values)).rows;
}

async function account(id: string = randomUUID()): Promise<string> {
  await rowsOf(`insert into accounts(id, username) values ($1, 'u')`, [id]);
  return id;
}

async function card(accountId: string | null): Promise<string> {
  const [row] = await rowsOf(
    'insert into cards(account_id, card_token) values ($1, gen_random_uuid()) returning id',
    [accountId],
  );
  return row!['id'] as string;
}

interface Row {
  accountId: string | null;
  type: string;
  amount: number | string;
  status?: string;
  cardId?: string;
  refundOf?: string;
  createdAt?: string;
}

async function transaction(row: Row): Promise<string> {
  const [made] = await rowsOf(
    `insert into transactions(account_id, card_id, amount_cents, status, type, created_at, idempotency_key, refund_transaction_id)
     values ($1, $2, $3, $4, $5, $6, gen_random_uuid(), $7) returning id`,
    [
      row.accountId,
      row.cardId ?? null,
      row.amount,
      row.status ?? 'APPROVED',
      row.type,
      row.createdAt ?? '2026-01-01T00:00:00Z',
      row.refundOf ?? null,
    ],
  );
  return made!['id'] as string;
}

function open(options: Partial<OpeningOptions> = {}, pool = database.pool): Promise<Opening> {
  return openHistory(pool, {
    refundAmount: null,
    queueHasConsumer: () => Promise.resolve(false),
    ...options,
  });
}

async function refusalOf(options: Partial<OpeningOptions> = {}): Promise<OpeningRefusal> {
  const thrown: unknown = await open(options).then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof OpeningRefusal)) throw new Error(`not refused: ${String(thrown)}`);
  return thrown;
}

/** What opening writes, and nothing else. */
async function written(): Promise<Record<string, pg.QueryResultRow[]>> {
  return {
    accounts: await rowsOf(
      'select account_id, balance_cents, seq, status from processor.accounts order by account_id',
    ),
    journal: await rowsOf('select * from processor.journal order by account_id, seq'),
    refunds: await rowsOf('select original_id, refunded_cents from processor.opening_refunds order by 2'),
    cards: await rowsOf('select card_id, account_id, total_cents, seq from processor.card_totals order by 3'),
    opened: await rowsOf('select opened_at from processor.cluster where opened_at is not null'),
  };
}

const NOTHING = { accounts: [], journal: [], refunds: [], cards: [], opened: [] };

test('an empty database is opened at once', async () => {
  expect(await open()).toEqual({
    kind: 'opened',
    accounts: 0,
    transactions: 0,
    negativeAccounts: 0,
    pending: { count: 0, oldestCreatedAtMs: null },
  });
  expect(await written()).toEqual({ ...NOTHING, opened: [{ opened_at: expect.any(Date) as unknown }] });
});

test('a mixed history becomes one opening row per account, with refunds and card totals', async () => {
  const [rich, poor, quiet] = [
    await account('10000000-0000-4000-8000-000000000001'),
    await account('f0000000-0000-4000-8000-000000000002'),
    await account(),
  ];
  const [richCard, poorCard] = [await card(rich), await card(poor)];
  const deposit = await transaction({ accountId: rich, type: 'DEPOSIT', amount: 10_000 });
  const purchase = await transaction({ accountId: rich, type: 'PURCHASE', amount: 3_000, cardId: richCard });
  await transaction({ accountId: rich, type: 'CHARGE', amount: 500, cardId: richCard });
  await transaction({ accountId: rich, type: 'REFUND', amount: 700, refundOf: purchase });
  await transaction({
    accountId: rich,
    type: 'REFUND',
    amount: 300,
    refundOf: purchase,
    createdAt: '2026-03-01T12:00:00.123456Z',
  });
  await transaction({ accountId: rich, type: 'REFUND', amount: 1_000, refundOf: deposit });
  await transaction({
    accountId: rich,
    type: 'PURCHASE',
    amount: 9_999,
    status: 'REJECTED',
    cardId: richCard,
  });
  await transaction({ accountId: rich, type: 'DEPOSIT', amount: 9_999, status: 'ERROR' });
  // The old processor refunds a deposit that is spent already, and refunds the same purchase twice.
  const spent = await transaction({ accountId: poor, type: 'DEPOSIT', amount: 100 });
  const bought = await transaction({ accountId: poor, type: 'PURCHASE', amount: 80, cardId: poorCard });
  await transaction({ accountId: poor, type: 'REFUND', amount: 100, refundOf: spent });
  await transaction({ accountId: poor, type: 'REFUND', amount: 80, refundOf: bought });
  await transaction({ accountId: poor, type: 'REFUND', amount: 80, refundOf: bought });
  await transaction({ accountId: poor, type: 'CHARGE', amount: 200 });
  const oldest = '2025-05-05T05:05:05.5Z';
  await transaction({ accountId: quiet, type: 'DEPOSIT', amount: 1, status: 'PENDING', createdAt: oldest });
  await transaction({ accountId: quiet, type: 'DEPOSIT', amount: 2, status: 'PENDING' });

  expect(await open({ blocksPerStep: 1 })).toEqual({
    kind: 'opened',
    accounts: 2,
    transactions: 12,
    negativeAccounts: 1,
    pending: { count: 2, oldestCreatedAtMs: Date.parse(oldest) },
  });
  const rows = await written();
  expect(rows['accounts']).toEqual([
    { account_id: rich, balance_cents: '6500', seq: '1', status: 'active' },
    { account_id: poor, balance_cents: '-120', seq: '1', status: 'active' },
  ]);
  expect(rows['journal']).toMatchObject([
    {
      account_id: rich,
      seq: '1',
      transaction_id: null,
      type: 'OPENING',
      outcome: 'APPROVED',
      reason: null,
      amount_cents: '6500',
      balance_after_cents: '6500',
      covered_rows: 6,
      epoch: '0',
      road: 'operator',
      occurred_at: new Date('2026-03-01T12:00:00.123Z'),
    },
    { account_id: poor, amount_cents: '-120', balance_after_cents: '-120', covered_rows: 6 },
  ]);
  expect(rows['refunds']).toEqual([
    { original_id: spent, refunded_cents: '100' },
    { original_id: bought, refunded_cents: '160' },
    expect.objectContaining({ refunded_cents: '1000' }),
    expect.objectContaining({ refunded_cents: '1000' }),
  ]);
  expect(new Set(rows['refunds']!.slice(2).map((row): unknown => row['original_id']))).toEqual(
    new Set([deposit, purchase]),
  );
  expect(rows['cards']).toEqual([
    { card_id: poorCard, account_id: poor, total_cents: '0', seq: '1' },
    { card_id: richCard, account_id: rich, total_cents: '2500', seq: '1' },
  ]);
  expect(await rowsOf(`select count(*)::int as n from transactions where status = 'PENDING'`)).toEqual([
    { n: 2 },
  ]);
});

test('a history of many blocks adds up to the formula of the contract, and the progress reaches its end', async () => {
  await rowsOf(
    `insert into accounts(id, username) select gen_random_uuid(), 'u' from generate_series(1, 300)`,
  );
  await rowsOf(`
    insert into transactions(account_id, amount_cents, status, type, idempotency_key)
    select id, 1 + (random() * 1000)::int, (array['APPROVED', 'APPROVED', 'REJECTED', 'PENDING'])[1 + n % 4],
           (array['DEPOSIT', 'PURCHASE', 'CHARGE'])[1 + n % 3], gen_random_uuid()
      from accounts cross join generate_series(1, 40) n`);
  await rowsOf(`
    insert into transactions(account_id, amount_cents, status, type, idempotency_key, refund_transaction_id)
    select account_id, amount_cents / 2 + 1, 'APPROVED', 'REFUND', gen_random_uuid(), id
      from transactions where status = 'APPROVED' order by random() limit 2000`);
  const progress = new Map<string, { done: number; total: number }>();
  const opened = await open({
    blocksPerStep: 7,
    onProgress: ({ step, done, total }) => progress.set(step, { done, total }),
  });
  expect(opened).toMatchObject({ kind: 'opened', accounts: 300, transactions: 8_000 });
  const wrong = await rowsOf(`
    select account_id, sum(case when t.type = 'DEPOSIT' then t.amount_cents
                                when t.type <> 'REFUND' then -t.amount_cents
                                when o.type = 'DEPOSIT' then -t.amount_cents else t.amount_cents end) as formula
      from transactions t left join (select id as original_id, type from transactions) o on o.original_id = t.refund_transaction_id
     where status = 'APPROVED' group by account_id
    except select account_id, balance_cents from processor.accounts`);
  expect(wrong).toEqual([]);
  expect(
    await rowsOf(`select count(*)::int as n from processor.journal j join processor.accounts a
    on a.account_id = j.account_id and a.seq = j.seq and a.balance_cents = j.amount_cents`),
  ).toEqual([{ n: 300 }]);
  expect(progress.get('writing opening balances')).toEqual({ done: 300, total: 300 });
  const reading = progress.get('reading approved transactions')!;
  expect(reading.done).toBe(reading.total);
});

test('a second run is a no-op, and two at once do it once', async () => {
  const accountId = await account();
  await transaction({ accountId, type: 'DEPOSIT', amount: 5 });
  const kinds = (await Promise.all([open(), open()])).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(['opened', 'opened-before']);
  const before = await written();
  await transaction({ accountId, type: 'DEPOSIT', amount: 7 });
  expect(await open({ queueHasConsumer: () => Promise.resolve(true) })).toMatchObject({
    kind: 'opened-before',
  });
  expect(await written()).toEqual(before);
});

test('money that cannot be read without guessing is named, and nothing is taken over', async () => {
  const accountId = await account();
  await transaction({ accountId, type: 'DEPOSIT', amount: 5 });
  const refund = await transaction({ accountId, type: 'REFUND', amount: 5 });
  const unclear = {
    'refund-without-target': refund,
    'refund-of-refund': await transaction({ accountId, type: 'REFUND', amount: 5, refundOf: refund }),
    'type-unknown': await transaction({ accountId, type: 'TRANSFER', amount: 5 }),
    'account-missing': await transaction({ accountId: null, type: 'DEPOSIT', amount: 5 }),
  };
  const refusal = await refusalOf();
  expect(refusal.reason).toBe('history-unclear');
  expect(Object.fromEntries(refusal.unclear.map((row) => [row.problem, row.transactionId]))).toEqual(unclear);
  for (const id of Object.values(unclear)) expect(refusal.message).toContain(id);
  expect(await written()).toEqual(NOTHING);
  // Rejected ones moved no money: the operator's way out.
  await rowsOf(`update transactions set status = 'REJECTED' where id = any ($1)`, [Object.values(unclear)]);
  expect(await open()).toMatchObject({ kind: 'opened', transactions: 1 });
});

test('many unclear rows: the message counts them all and names the first', async () => {
  const accountId = await account();
  await rowsOf(
    `insert into transactions(account_id, amount_cents, status, type, idempotency_key)
     select $1, 1, 'APPROVED', 'deposit', gen_random_uuid() from generate_series(1, 50)`,
    [accountId],
  );
  const refusal = await refusalOf();
  expect(refusal.unclear).toHaveLength(20);
  expect(refusal.message).toContain('50 ×');
});

test('balances and card totals of 2^53 and beyond are refused by account; one cent less is taken as it is', async () => {
  const [rich, poor, fine] = [await account(), await account(), await account()];
  const limit = 2n ** 53n;
  await transaction({ accountId: rich, type: 'DEPOSIT', amount: (limit - 1n).toString() });
  const tooMuch = await transaction({ accountId: rich, type: 'DEPOSIT', amount: 1 });
  const tooLittle = await transaction({ accountId: poor, type: 'CHARGE', amount: limit.toString() });
  const fineCard = await card(fine);
  await transaction({ accountId: fine, type: 'DEPOSIT', amount: '9223372036854775807' });
  const onCard = await transaction({
    accountId: fine,
    type: 'PURCHASE',
    amount: '9223372036854775807',
    cardId: fineCard,
  });
  const refusal = await refusalOf();
  expect(refusal.unclear.map(({ problem, accountId }) => [problem, accountId])).toEqual(
    expect.arrayContaining([
      ['balance-out-of-range', rich],
      ['balance-out-of-range', poor],
      ['card-total-out-of-range', fine],
    ]),
  );
  expect(refusal.unclear).toHaveLength(3);
  await rowsOf(`delete from transactions where id = any ($1)`, [[tooMuch, tooLittle, onCard]]);
  await rowsOf(`delete from transactions where account_id = $1`, [fine]);
  await transaction({ accountId: poor, type: 'CHARGE', amount: (limit - 1n).toString() });
  expect(await open()).toMatchObject({ kind: 'opened', accounts: 2, negativeAccounts: 1 });
});

test('refused while transactions_queue has a consumer, also one that appears meanwhile', async () => {
  const accountId = await account();
  await transaction({ accountId, type: 'DEPOSIT', amount: 5 });
  const atOnce = await refusalOf({ queueHasConsumer: () => Promise.resolve(true) });
  expect(atOnce.reason).toBe('queue-has-consumer');
  let asked = 0;
  const meanwhile = await refusalOf({
    queueHasConsumer: () => {
      asked += 1;
      return Promise.resolve(asked > 1);
    },
  });
  expect(meanwhile.reason).toBe('queue-has-consumer');
  expect(await written()).toEqual(NOTHING);
});

test('killed just before the mark, nothing is left behind and the next run does it all', async () => {
  const accountId = await account();
  await transaction({ accountId, type: 'DEPOSIT', amount: 5, cardId: await card(accountId) });
  const pool = createPool(
    { databaseUrl: database.url, applicationName: 'paygate:opening', connectionsMax: 1 },
    { warn: () => undefined },
  );
  let asked = 0;
  const dying = open(
    {
      queueHasConsumer: async () => {
        asked += 1;
        if (asked === 2)
          await rowsOf(
            `select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = current_database() and application_name = 'paygate:opening'`,
          );
        return false;
      },
    },
    pool,
  );
  await expect(dying).rejects.toThrow();
  expect(asked).toBe(2);
  await pool.end();
  await eventually(async () => expect(await written()).toEqual(NOTHING));
  expect(await open()).toMatchObject({ kind: 'opened', accounts: 1, transactions: 1 });
});

test('one snapshot: rows that change or move while the history is read count once, as they were', async () => {
  const accountId = await account();
  const first = await transaction({ accountId, type: 'DEPOSIT', amount: 5 });
  const late = await transaction({ accountId, type: 'DEPOSIT', amount: 100, status: 'PENDING' });
  // Fills the first block, so that a changed row moves to a later one.
  await rowsOf(
    `insert into transactions(account_id, amount_cents, status, type, idempotency_key)
     select $1, 1, 'REJECTED', 'DEPOSIT', gen_random_uuid() from generate_series(1, 200)`,
    [accountId],
  );
  let steps = 0;
  const pool = afterEachStatement(database.pool, async (text) => {
    if (text !== READ_BLOCKS) return;
    steps += 1;
    if (steps > 1) return;
    await rowsOf('update transactions set created_at = now() where id = $1', [first]);
    await rowsOf(`update transactions set status = 'APPROVED' where id = $1`, [late]);
  });
  await open({ blocksPerStep: 1 }, pool);
  expect(steps).toBeGreaterThan(1);
  expect((await written())['journal']).toMatchObject([{ amount_cents: '5', covered_rows: 1 }]);
});

/** The same pool; runs `hook` after every statement of a lent client. */
function afterEachStatement(pool: pg.Pool, hook: (text: string) => Promise<void>): pg.Pool {
  const connect = async (): Promise<unknown> => {
    const client = await pool.connect();
    const query = async (text: string, values?: unknown[]): Promise<unknown> => {
      const result = await client.query(text, values);
      await hook(text);
      return result;
    };
    return { query, release: (error?: Error) => client.release(error) };
  };
  return { connect } as unknown as pg.Pool;
}

test('a journal without the mark is refused; a status that an operator set beforehand stays', async () => {
  const accountId = await account();
  await transaction({ accountId, type: 'DEPOSIT', amount: 5 });
  await rowsOf(
    `insert into processor.accounts (account_id, balance_cents, seq, status) values ($1, 0, 0, 'frozen')`,
    [accountId],
  );
  const insertJournal = `
    insert into processor.journal (account_id, seq, type, outcome, requested_cents, amount_cents, balance_after_cents,
      counter_account, epoch, road, occurred_at)
    values (gen_random_uuid(), 1, 'DEPOSIT', 'APPROVED', 1, 1, 1, 'x', 1, 'delivery', now())`;
  await rowsOf(insertJournal);
  expect((await refusalOf()).reason).toBe('journal-not-empty');
  await rowsOf('alter table processor.journal disable trigger all; delete from processor.journal');
  await open();
  expect((await written())['accounts']).toEqual([
    { account_id: accountId, balance_cents: '5', seq: '1', status: 'frozen' },
  ]);
});

test('the refund setting is written down where one was chosen, and never replaced', async () => {
  await open({ refundAmount: 'original' });
  expect(await rowsOf('select refund_amount from processor.cluster')).toEqual([
    { refund_amount: 'original' },
  ]);
  const other = await withDatabase();
  await other.pool.query(`update processor.cluster set refund_amount = 'message'`);
  await openHistory(other.pool, {
    refundAmount: 'original',
    queueHasConsumer: () => Promise.resolve(false),
  });
  const { rows } = await other.pool.query('select refund_amount from processor.cluster');
  expect(rows).toEqual([{ refund_amount: 'message' }]);
  await other.drop();
});
