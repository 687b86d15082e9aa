/**
 * What an actor knows when it decides.
 *
 * Without these: an account starts from a wrong balance, a refund is measured against the wrong original, and a
 * thousand accounts that start at once ask a thousand times.
 */
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { PostgresReader } from '../../src/infra/postgres/reader.ts';
import { noHistory, RecentDecisions } from '../../src/domain/rules/history.ts';
import type { HistoryNeeds, PastDecisions } from '../../src/domain/rules/history.ts';
import type { RoadDecision } from '../../src/ports/ledger.ts';
import { LIMITS } from '../../src/limits.ts';
import {
  approved,
  changeOf,
  insertRow,
  newAccount,
  newCard,
  newCommand,
  pendingCommand,
  rejected,
} from '../support/ledger-fixtures.ts';
import { useDatabase, useLedger } from '../support/use-database.ts';

const database = useDatabase('of the file');
const ledger = useLedger(database);
let reader: PostgresReader;
beforeAll(() => {
  reader = new PostgresReader(database.pool);
});

test('an account without decisions is active and empty; one that is not in accounts is null', async () => {
  const accountId = await newAccount(database.pool);

  expect(await reader.account(accountId)).toEqual({
    accountId,
    balanceCents: 0n,
    seq: 0n,
    status: 'active',
    overdraftCents: 0n,
    hasParked: false,
    lastEventMs: -Infinity,
  });
  expect(await reader.account(randomUUID())).toBeNull();
});

test('an account with decisions, status and overdraft, exact beyond 2^53', async () => {
  const accountId = await newAccount(database.pool);
  await database.pool.query(
    `insert into processor.accounts (account_id, balance_cents, seq, status, overdraft_cents)
     values ($1, -9007199254740993, 9007199254740995, 'closed', 9007199254740997)`,
    [accountId],
  );

  expect(await reader.account(accountId)).toEqual({
    accountId,
    balanceCents: -9_007_199_254_740_993n,
    seq: 9_007_199_254_740_995n,
    status: 'closed',
    overdraftCents: 9_007_199_254_740_997n,
    hasParked: false,
    lastEventMs: -Infinity,
  });
});

test('the next call sees the next commit', async () => {
  const accountId = await newAccount(database.pool);
  await reader.account(accountId);
  await ledger.commit([changeOf([approved(await pendingCommand(database.pool, { accountId }))])]);

  expect(await reader.account(accountId)).toMatchObject({ balanceCents: 1_000n, seq: 1n });
});

test('the owner of a card; a card of nobody is there, but nobody owns it', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const orphan = randomUUID();
  await database.pool.query('insert into public.cards (id, card_token) values ($1, $2)', [orphan, orphan]);

  expect(await reader.cardOwner(cardId)).toBe(accountId);
  expect(await reader.cardOwner(orphan)).toBe('');
  expect(await reader.cardOwner(randomUUID())).toBeNull();
});

test('an original: unknown, waiting, decided', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const command = await pendingCommand(database.pool, { accountId, cardId, type: 'PURCHASE' });
  const refused = await pendingCommand(database.pool, { accountId, type: 'CHARGE' });
  const fact = { accountId, type: 'PURCHASE', amountCents: 1_000n, cardId, refundedCents: 0n, hasRow: true };

  expect(await reader.original(randomUUID())).toMatchObject({ status: 'UNKNOWN', refundedCents: 0n });
  expect(await reader.original(command.transactionId)).toEqual({
    ...fact,
    transactionId: command.transactionId,
    status: 'PENDING',
  });
  await ledger.commit([
    changeOf([
      approved(command, { before: 5_000n }),
      rejected(refused, 'INSUFFICIENT_FUNDS', { seq: 2n, before: 4_000n }),
    ]),
  ]);
  expect(await reader.original(command.transactionId)).toMatchObject({ ...fact, status: 'APPROVED' });
  expect(await reader.original(refused.transactionId)).toMatchObject({
    status: 'REJECTED',
    type: 'CHARGE',
    amountCents: 1_000n,
  });
});

test('an original whose card no row can hold keeps the card of its message', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = randomUUID();
  const command = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });
  await ledger.commit([changeOf([rejected(command, 'CARD_UNKNOWN', { rowCardId: null })])]);

  expect(await reader.original(command.transactionId)).toMatchObject({ cardId });
});

test('refunded so far: approved ones of either direction, and those from before the first start', async () => {
  const accountId = await newAccount(database.pool);
  const original = await pendingCommand(database.pool, { accountId });
  const refund = (amountCents: bigint) =>
    pendingCommand(database.pool, {
      accountId,
      type: 'REFUND',
      originalId: original.transactionId,
      amountCents,
    });
  const [plus, minus, refused] = [await refund(100n), await refund(20n), await refund(500n)];
  await database.pool.query(
    'insert into processor.opening_refunds (original_id, refunded_cents) values ($1, 3)',
    [original.transactionId],
  );
  await ledger.commit([
    changeOf([
      approved(original),
      approved(plus, { seq: 2n, before: 1_000n }),
      approved(minus, { seq: 3n, before: 1_100n, amountCents: -20n, balanceAfterCents: 1_080n }),
      rejected(refused, 'REFUND_EXCEEDS_ORIGINAL', { seq: 4n, before: 1_080n }),
    ]),
  ]);

  expect(await reader.original(original.transactionId)).toMatchObject({
    amountCents: 1_000n,
    refundedCents: 123n,
  });
});

test('an original of a kind that does not exist cannot be refunded', async () => {
  const command = newCommand({ accountId: await newAccount(database.pool) });
  await insertRow(database.pool, command, 'APPROVED');
  await database.pool.query(`update public.transactions set type = 'GIFT' where id = $1`, [
    command.transactionId,
  ]);

  expect(await reader.original(command.transactionId)).toMatchObject({ status: 'ERROR' });
});

test('the total of a card, and zero where there is none', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const command = await pendingCommand(database.pool, { accountId, cardId, type: 'PURCHASE' });
  expect(await reader.cardTotal(cardId)).toEqual({ cardId, totalCents: 0n, seq: 0n });

  await ledger.commit([changeOf([approved(command, { before: 5_000n })])]);

  expect(await reader.cardTotal(cardId)).toEqual({ cardId, totalCents: 1_000n, seq: 1n });
});

test('an account and the sum of its journal', async () => {
  const accountId = await newAccount(database.pool);
  const [deposit, purchase] = [
    await pendingCommand(database.pool, { accountId }),
    await pendingCommand(database.pool, { accountId, type: 'PURCHASE', amountCents: 1n }),
  ];
  await ledger.commit([changeOf([approved(deposit), approved(purchase, { seq: 2n, before: 1_000n })])]);

  expect(await reader.journalCheck(accountId)).toMatchObject({
    state: { accountId, balanceCents: 999n, seq: 2n },
    journalCents: 999n,
  });
  const fresh = await newAccount(database.pool);
  expect(await reader.journalCheck(fresh)).toMatchObject({ state: { seq: 0n }, journalCents: 0n });
  expect(await reader.journalCheck(randomUUID())).toBeNull();
});

test('calls of one turn share a query, the same id twice as well, in batches of limited size', async () => {
  const accountId = await newAccount(database.pool);
  const counted = new pg.Pool({ connectionString: database.url, max: 1 });
  let queries = 0;
  counted.on('acquire', () => (queries += 1));
  const batching = new PostgresReader(counted);

  const ids = [accountId, ...Array.from({ length: LIMITS.loaderBatchMax }, () => randomUUID()), accountId];
  const states = await Promise.all(ids.map((id) => batching.account(id)));

  expect(queries).toBe(2);
  expect([states[0]?.accountId, states[1], states.at(-1)?.accountId]).toEqual([accountId, null, accountId]);
  await counted.end();
});

test('what the database says goes to every caller of the batch, and the next batch is asked again', async () => {
  const accountId = await newAccount(database.pool);
  const [bad, good] = await Promise.allSettled([reader.account('no uuid'), reader.account(accountId)]);

  expect([bad.status, good.status]).toEqual(['rejected', 'rejected']);
  expect(bad.status === 'rejected' && bad.reason).toMatchObject({ code: '22P02' });
  expect(await reader.account(accountId)).toMatchObject({ accountId });
});

describe('the past of an account', () => {
  const NEEDS = { windowMs: 60_000, rejected: true };
  const START_MS = Date.parse('2026-11-22T10:00:00Z');

  /** Approved ones of 1, 2, 3 … cents, every third rejected, ten seconds apart; all on record. */
  async function life(accountId: string, count: number): Promise<readonly RoadDecision[]> {
    const cardId = await newCard(database.pool, accountId);
    const decisions = Array.from({ length: count }, (_, n) => {
      const atMs = START_MS + n * 10_000;
      const text = new Date(atMs).toISOString().replace('Z', '999Z');
      const amountCents = BigInt(n + 1);
      const command = newCommand({
        accountId,
        shape: 'documented',
        amountCents,
        cardId: n % 2 === 0 ? cardId : null,
        type: n % 5 === 4 ? 'PURCHASE' : 'DEPOSIT',
      });
      const place = { seq: BigInt(n + 1), before: 1_000n, eventTime: { atMs, text } };
      return n % 3 === 2
        ? rejected(command, 'INSUFFICIENT_FUNDS', place)
        : approved(command, { ...place, cardTotal: null });
    });
    const [first, ...rest] = decisions;
    await ledger.commit([changeOf([first!, ...rest])]);
    return decisions;
  }

  const inMemory = (decisions: readonly RoadDecision[], needs: HistoryNeeds): PastDecisions => {
    const recent = new RecentDecisions(noHistory(-Infinity), needs);
    for (const decision of decisions) recent.add(decision);
    const { approved: yes, rejected: no } = recent;
    return { approved: yes, rejected: no };
  };

  test('is what memory has, whatever is wanted of it and however many ask', async () => {
    const [accountId, other, stranger] = [
      await newAccount(database.pool),
      await newAccount(database.pool),
      await newAccount(database.pool),
    ];
    const [decisions, others] = [await life(accountId, 40), await life(other, 3)];
    const [found, ofOther, none] = await Promise.all([
      reader.history({ accountId, seq: 40n, needs: NEEDS }),
      reader.history({ accountId: other, seq: 3n, needs: NEEDS }),
      reader.history({ accountId: stranger, seq: 0n, needs: NEEDS }),
    ]);
    expect(found).toEqual(inMemory(decisions, NEEDS));
    expect(found.approved).toHaveLength(4);
    expect(ofOther).toEqual(inMemory(others, NEEDS));
    expect(none).toEqual({ approved: [], rejected: [] });
    for (const needs of [
      { windowMs: 60_001, rejected: false },
      { windowMs: 1, rejected: true },
      { windowMs: 1e9, rejected: true },
    ])
      expect(await reader.history({ accountId, seq: 40n, needs })).toEqual(inMemory(decisions, needs));
    expect(await reader.history({ accountId, seq: 17n, needs: NEEDS })).toEqual(
      inMemory(decisions.slice(0, 17), NEEDS),
    );
    expect(await reader.account(accountId)).toMatchObject({ lastEventMs: START_MS + 390_000 });
  });

  test('knows nothing of openings and of what operators order', async () => {
    const accountId = await newAccount(database.pool);
    const decisions = await life(accountId, 4);
    await database.pool.query(
      `insert into processor.journal (account_id, seq, type, outcome, requested_cents, amount_cents,
         balance_after_cents, counter_account, epoch, road, occurred_at, operator, why, status_after, overdraft_after_cents)
       values ($1, 5, 'DEPOSIT', 'APPROVED', 1, 1, 1, 'operator', 0, 'operator', now(), 'ada', 'x', 'active', 0),
              ($1, 6, 'OPENING', 'APPROVED', 1, 1, 1, 'opening', 0, 'operator', now(), null, null, null, null)`,
      [accountId],
    );
    const needs = { windowMs: 1e12, rejected: true };
    expect(await reader.history({ accountId, seq: 6n, needs })).toEqual(inMemory(decisions, needs));
    expect(await reader.account(accountId)).toMatchObject({ lastEventMs: START_MS + 30_000 });
  });

  test('is bounded', async () => {
    const accountId = await newAccount(database.pool);
    await life(accountId, 3);
    const { rows } = await database.pool.query<{ seq: string }>(
      `select seq from processor.read_histories(array[$1::uuid], array[3], 1000000000, true, 1, 100) order by seq`,
      [accountId],
    );
    expect(rows.map(({ seq }) => seq)).toEqual(['2', '3']);
    const walked = await database.pool.query<{ seq: string }>(
      `select seq from processor.read_histories(array[$1::uuid], array[3], 1000000000, true, 100, 2) order by seq`,
      [accountId],
    );
    expect(walked.rows.map(({ seq }) => seq)).toEqual(['2', '3']);
  });
});
