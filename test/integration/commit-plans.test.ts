/**
 * Plans stay right while tables grow.
 *
 * A plan that PostgreSQL made while a table was nearly empty reads all of it, and is kept until the table is analysed.
 * Without these a new installation slows down from its first minute on: 170 µs instead of 39 per decision after
 * 20,000, and growing.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type pg from 'pg';
import {
  READ_ACCOUNTS,
  READ_CARD_OWNERS,
  READ_CARD_TOTALS,
  CHECK_JOURNALS,
  READ_ORIGINALS,
} from '../../src/infra/postgres/reader-statements.ts';
import {
  approved,
  callCommit,
  changeOf,
  newAccount,
  newCard,
  newClient,
  newCommand,
} from '../support/ledger-fixtures.ts';
import { useDatabase } from '../support/use-database.ts';

const GROWN_ROWS = 5_000;

const database = useDatabase('of the file');
let client: pg.Client;
beforeAll(async () => {
  client = await newClient(database.url, 'lane');
  await database.pool.query('vacuum analyze');
  for (let repetition = 0; repetition < 6; repetition++) await useEverything();
  await database.pool.query(
    `with a as (insert into public.accounts (username) select 'many' from generate_series(1, $1) returning id),
          c as (insert into public.cards (account_id, card_token) select id, id::text from a returning id, account_id),
          s as (insert into processor.accounts (account_id, balance_cents, seq) select id, 1, 1 from a),
          t as (insert into processor.card_totals (card_id, account_id, total_cents, seq)
                select id, account_id, 1, 1 from c),
          j as (insert into processor.journal (account_id, seq, transaction_id, type, outcome, requested_cents,
                  amount_cents, balance_after_cents, counter_account, epoch, road, occurred_at)
                select id, 1, gen_random_uuid(), 'DEPOSIT', 'APPROVED', 1, 1, 1, '', 0, 'delivery', now() from a)
     insert into public.transactions (account_id, amount_cents, status, type, idempotency_key)
       select id, 1, 'APPROVED', 'DEPOSIT', id::text from a`,
    [GROWN_ROWS],
  );
});
afterAll(() => client.end());

/** Rows of each table that the statements since `begin` have read. */
async function rowsRead(): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string; read: string }>(
    `select schemaname || '.' || relname as name, seq_tup_read + coalesce(idx_tup_fetch, 0) as read from pg_stat_xact_user_tables
     where relname in ('accounts', 'cards', 'transactions', 'journal', 'card_totals')`,
  );
  return Object.fromEntries(rows.map((row) => [row.name, Number(row.read)]));
}

/** A purchase and its refund, documented, on an account of their own: every statement of the commit, then every read. */
async function useEverything(): Promise<Record<string, number>> {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const purchase = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });
  const refund = newCommand({
    accountId,
    type: 'REFUND',
    shape: 'documented',
    originalId: purchase.transactionId,
  });
  await client.query('begin');
  const receipt = await callCommit(client, [
    changeOf([
      approved(purchase, { before: 1_000n, mayDecideError: true }),
      approved(refund, { seq: 2n, cardTotal: { cardId, deltaCents: -1_000n } }),
    ]),
  ]);
  expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
  for (const [statement, id] of [
    [READ_ACCOUNTS, accountId],
    [READ_CARD_OWNERS, cardId],
    [READ_ORIGINALS, purchase.transactionId],
    [READ_CARD_TOTALS, cardId],
    [CHECK_JOURNALS, accountId],
  ] as const) {
    const { rows } = await client.query({ ...statement, values: [`{${id},${randomUUID()}}`] });
    expect(rows).toHaveLength(1);
  }
  const read = await rowsRead();
  await client.query('commit');
  return read;
}

test('a commit and the reads before it touch their own rows only, however many there are', async () => {
  const read = await useEverything();

  expect(Object.keys(read)).toHaveLength(6);
  for (const [table, rows] of Object.entries(read)) expect.soft(rows, table).toBeLessThan(50);
});
