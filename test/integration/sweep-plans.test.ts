/**
 * The sweep reads the stretch of time that it looks at and not the table, however large that is and whatever the statistics
 * say. Without this: every look of a busy installation reads all it ever did.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { useDatabase } from '../support/use-database.ts';

const ROWS = 60_000;

const database = useDatabase('of the file');

beforeAll(async () => {
  // A minute apart, as they came: the last one is a minute old.
  await database.pool.query(
    `with a as (insert into public.accounts (username) values ('many') returning id)
     insert into public.transactions (account_id, amount_cents, status, type, created_at, idempotency_key)
       select a.id, 1, case when i % 1000 = 0 then 'PENDING' else 'APPROVED' end, 'DEPOSIT',
              now() - (i || ' minutes')::interval, i::text
         from a, generate_series(${ROWS}, 1, -1) i`,
  );
});

/** Rows of `transactions` that the statement has read, and how many it gave. */
async function rowsRead(sql: string): Promise<{ readonly read: number; readonly answer: unknown }> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ answer: unknown }>(sql);
    const { rows: stats } = await client.query<{ read: string }>(
      `select seq_tup_read + coalesce(idx_tup_fetch, 0) as read from pg_stat_xact_user_tables
        where schemaname = 'public' and relname = 'transactions'`,
    );
    await client.query('commit');
    return { read: Number(stats[0]?.read), answer: rows[0]?.answer };
  } finally {
    await client.end();
  }
}

const look = (from: string, to: string): string =>
  `select cardinality(eligible) as answer from processor.sweep_look(now() - '${from}'::interval, now() - '${to}'::interval,
     null, null, '{}', 1000)`;

describe('a look for lost messages', () => {
  it('has its index', async () => {
    const { rows } = await database.pool.query(
      `select am.amname from pg_class c join pg_am am on am.oid = c.relam where c.relname = 'transactions_created_brin'`,
    );
    expect(rows).toEqual([{ amname: 'brin' }]);
  });

  it('reads what was created in that time, before anybody has analysed the table', async () => {
    await database.pool.query(`select brin_summarize_new_values('transactions_created_brin')`);
    const { read, answer } = await rowsRead(look('20 days', '19 days'));
    // 1,440 rows are of that time; a range of pages more at either end, twice: once to count, once to find.
    expect(read).toBeLessThan(12_000);
    expect(answer).toBe(1);
  });

  it('and afterwards', async () => {
    await database.pool.query('vacuum analyze public.transactions');
    const { read } = await rowsRead(look('20 days', '19 days'));
    expect(read).toBeLessThan(12_000);
  });

  it('of ordered rows reads those rows', async () => {
    await database.pool.query(
      `insert into processor.drives (transaction_id, run, created_at)
         select id, gen_random_uuid(), created_at from public.transactions where status = 'PENDING'`,
    );
    const { read, answer } = await rowsRead(
      `select cardinality(eligible) as answer from processor.sweep_ordered(now(), '{}', 10)`,
    );
    expect(answer).toBe(10);
    expect(read).toBeLessThan(50);
  });
});
