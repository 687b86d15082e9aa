/**
 * What a commit writes: journal, account, the Go API's row, card totals, dead letters, outbox.
 *
 * Without these: a balance that its journal does not explain, a refund whose row shows the placeholder amount, a card
 * total that misses a purchase, a replayed dead letter that stays open, a balance in the cache that stays old.
 */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  INCARNATION,
  approved,
  changeOf,
  insertRow,
  journalOf,
  ledgerOn,
  newAccount,
  newCard,
  newCommand,
  pendingCommand,
  rejected,
  rowOf,
  standingOf,
} from '../support/ledger-fixtures.ts';
import { useDatabase, useLedger } from '../support/use-database.ts';

const database = useDatabase('of the file');
const ledger = useLedger(database);

async function only<Row extends object>(sql: string, value: unknown): Promise<Row | undefined> {
  const { rows } = await database.pool.query<Row>(sql, [value]);
  return rows[0];
}

test('a decision: every field of it in the journal, the outcome in the row, the balance in the account', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const command = await pendingCommand(database.pool, {
    accountId,
    cardId,
    type: 'PURCHASE',
    amountCents: 70n,
  });

  const receipt = await ledger.commit([
    changeOf([
      approved(command, {
        before: 500n,
        road: 'retry',
        rulesVersion: 3,
        flags: ['flag:large', 'shadow:velocity'],
      }),
    ]),
  ]);

  expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
  expect(
    await only('select * from processor.journal where transaction_id = $1', command.transactionId),
  ).toEqual({
    account_id: accountId,
    seq: '1',
    transaction_id: command.transactionId,
    type: 'PURCHASE',
    outcome: 'APPROVED',
    reason: null,
    requested_cents: '70',
    amount_cents: '-70',
    balance_after_cents: '430',
    counter_account: 'external:merchant',
    original_id: null,
    card_id: cardId,
    covered_rows: null,
    idempotency_key: command.idempotencyKey,
    epoch: '0',
    road: 'retry',
    rules_version: 3,
    flags: ['flag:large', 'shadow:velocity'],
    occurred_at: new Date('2026-11-22T10:40:00.123Z'),
    decided_at: expect.any(Date) as Date,
    operator: null,
    why: null,
    status_after: null,
    overdraft_after_cents: null,
  });
  expect((await rowOf(database.pool, command.transactionId))?.status).toBe('APPROVED');
  expect(await standingOf(database.pool, accountId)).toEqual({ balance_cents: '430', seq: '1' });
});

test('amounts beyond what a JavaScript number can hold are written exactly', async () => {
  const accountId = await newAccount(database.pool);
  const amountCents = 9_007_199_254_740_991n;
  const command = await pendingCommand(database.pool, { accountId, amountCents });

  await ledger.commit([changeOf([approved(command, { before: -9_007_199_254_740_991n + 3n })])]);

  expect(await standingOf(database.pool, accountId)).toMatchObject({ balance_cents: '3' });
  expect((await rowOf(database.pool, command.transactionId))?.amount_cents).toBe('9007199254740991');
});

test('status and overdraft that were set before the first decision stay', async () => {
  const accountId = await newAccount(database.pool);
  await database.pool.query(
    `insert into processor.accounts (account_id, balance_cents, seq, status, overdraft_cents)
     values ($1, 0, 0, 'frozen', 500)`,
    [accountId],
  );
  const command = await pendingCommand(database.pool, { accountId });

  const receipt = await ledger.commit([changeOf([approved(command)])]);

  expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
  expect(
    await only(
      'select balance_cents, seq, status, overdraft_cents from processor.accounts where account_id = $1',
      accountId,
    ),
  ).toEqual({ balance_cents: '1000', seq: '1', status: 'frozen', overdraft_cents: '500' });
});

test('a documented message without a row: the row is inserted, decided, with the time of the message', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const command = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });

  await ledger.commit([changeOf([approved(command, { before: 5_000n })])]);

  expect(await rowOf(database.pool, command.transactionId)).toEqual({
    id: command.transactionId,
    account_id: accountId,
    card_id: cardId,
    amount_cents: '1000',
    status: 'APPROVED',
    type: 'PURCHASE',
    created_at: new Date('2026-11-22T10:40:00.123Z'),
    idempotency_key: command.idempotencyKey,
    refund_transaction_id: null,
  });
});

test('a documented message with a row: the row is decided', async () => {
  const accountId = await newAccount(database.pool);
  const command = await pendingCommand(database.pool, { accountId, shape: 'documented' });

  await ledger.commit([changeOf([approved(command)])]);

  expect((await rowOf(database.pool, command.transactionId))?.status).toBe('APPROVED');
});

test('an unknown card: null in the inserted row, its id in the journal', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = randomUUID();
  const command = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });

  await ledger.commit([changeOf([rejected(command, 'CARD_UNKNOWN', { rowCardId: null })])]);

  expect(await rowOf(database.pool, command.transactionId)).toMatchObject({
    status: 'REJECTED',
    card_id: null,
  });
  expect(
    await only('select card_id from processor.journal where transaction_id = $1', command.transactionId),
  ).toEqual({ card_id: cardId });
});

test('REFUND_AMOUNT=original: the placeholder in the row is not compared, the refunded amount replaces it', async () => {
  const accountId = await newAccount(database.pool);
  const original = await pendingCommand(database.pool, { accountId, type: 'PURCHASE', amountCents: 4_200n });
  await ledger.commit([changeOf([approved(original, { before: 9_000n })])]);
  const refund = newCommand({
    accountId,
    type: 'REFUND',
    originalId: original.transactionId,
    amountCents: 10n,
  });
  await insertRow(database.pool, { ...refund, amountCents: 77n });
  const whole = ledgerOn(database.url, { refundAmount: 'original' });

  const receipt = await whole.commit([
    changeOf([approved(refund, { seq: 2n, before: 4_800n, requestedCents: 4_200n })]),
  ]);

  await whole.close();
  expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
  expect((await rowOf(database.pool, refund.transactionId))?.amount_cents).toBe('4200');
  expect(await standingOf(database.pool, accountId)).toMatchObject({ balance_cents: '9000' });
});

test('REFUND_AMOUNT=original: every other amount is still compared', async () => {
  const command = newCommand({ accountId: await newAccount(database.pool) });
  await insertRow(database.pool, { ...command, amountCents: 77n });
  const whole = ledgerOn(database.url, { refundAmount: 'original' });

  const receipt = await whole.commit([changeOf([approved(command)])]);

  await whole.close();
  expect(receipt.verdicts[0]?.kind).toBe('left-out');
});

test('the outbox names the accounts and cards of this commit and who made it', async () => {
  const [one, two] = [await newAccount(database.pool), await newAccount(database.pool)];
  const cardId = await newCard(database.pool, one);
  const purchase = await pendingCommand(database.pool, { accountId: one, cardId, type: 'PURCHASE' });
  const deposit = await pendingCommand(database.pool, { accountId: two });

  const receipt = await ledger.commit([
    changeOf([approved(purchase, { before: 1_000n })]),
    changeOf([approved(deposit)]),
  ]);

  expect(
    await only(
      'select incarnation, account_ids, card_ids from processor.outbox where id = $1',
      receipt.outboxId,
    ),
  ).toEqual({ incarnation: INCARNATION, account_ids: [one, two], card_ids: [cardId] });
});

test('the cards of an account that is left out are left out', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const command = newCommand({ accountId, cardId, type: 'PURCHASE' });
  const other = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });

  const receipt = await ledger.commit([changeOf([approved(command)]), changeOf([approved(other)])]);

  expect(receipt.cardTotals).toEqual([]);
  expect(await only('select 1 from processor.card_totals where card_id = $1', cardId)).toBeUndefined();
});

test('a replay that is decided closes its dead letters; one about another payload stays open', async () => {
  const accountId = await newAccount(database.pool);
  const replayed = newCommand({ accountId });
  const delivered = await pendingCommand(database.pool, { accountId });
  await insertRow(database.pool, replayed, 'ERROR');
  for (const [code, id] of [
    ['ROW_LOCKED', replayed.transactionId],
    ['PAYLOAD_MISMATCH', replayed.transactionId],
    ['ROW_MISSING', delivered.transactionId],
  ]) {
    await database.pool.query(
      `insert into processor.dead_letters (queue, dead_letter_queue, code, detail, transaction_id, body, body_bytes,
         body_sha256, attempts, first_seen_at)
       values ('transactions_queue', 'transactions_dlq', $1, '', $2, '', 0, '', 1, now())`,
      [code, id],
    );
  }

  await ledger.commit([
    changeOf([
      approved(replayed, { mayDecideError: true, road: 'replay' }),
      approved(delivered, { seq: 2n, before: 1_000n }),
    ]),
  ]);

  const { rows } = await database.pool.query(
    `select code, state, closed_at is not null as closed, closed_by from processor.dead_letters
     where transaction_id = any ($1) order by code`,
    [[replayed.transactionId, delivered.transactionId]],
  );
  expect(rows).toEqual([
    { code: 'PAYLOAD_MISMATCH', state: 'open', closed: false, closed_by: null },
    { code: 'ROW_LOCKED', state: 'replayed', closed: true, closed_by: `paygate:test:${INCARNATION}:lane0` },
    { code: 'ROW_MISSING', state: 'open', closed: false, closed_by: null },
  ]);
});

test.each([
  'NULL',
  ' ',
  '",\\"(){}\'',
  '\\',
  '"',
  'a"b\\c,d(e)f{g}h',
  'tab\tnewline\nreturn\r',
  '2026-11-22-10:40:00.000:ünïcödé 🪙',
  '\\"\\\\"',
  '$1 -- ;',
])('the key %j arrives as it is', async (idempotencyKey) => {
  const command = newCommand({
    accountId: await newAccount(database.pool),
    shape: 'documented',
    idempotencyKey,
  });

  await ledger.commit([changeOf([approved(command)])]);

  expect((await rowOf(database.pool, command.transactionId))?.idempotency_key).toBe(idempotencyKey);
});

test('the journal refuses to be changed, deleted from or emptied', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  await ledger.commit([changeOf([approved(command)])]);

  for (const sql of [
    'update processor.journal set amount_cents = 1',
    'delete from processor.journal',
    'truncate processor.journal',
  ]) {
    await expect(database.pool.query(sql)).rejects.toMatchObject({ code: '42501' });
  }
  expect(await journalOf(database.pool, command.accountId)).toEqual([command.transactionId]);
});
