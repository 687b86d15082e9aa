/**
 * Without these: `paygate transaction` and `paygate account` could tell a customer's question the wrong reason, or say
 * that nothing is known of a transaction that waits.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REJECTION_CODES } from '../../src/domain/codes.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { readAccount } from '../../src/infra/postgres/account-view.ts';
import { explainTransaction } from '../../src/infra/postgres/explain.ts';
import { sentenceOf } from '../../src/infra/postgres/explain-sentence.ts';
import { withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';
import {
  addEntry,
  addRow,
  EMPTY,
  FRESH,
  INHERITED,
  OLD,
  TX,
  UNKNOWN_CARD,
  uuid,
  writeLedger,
} from './audit-ledger.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await withDatabase();
  await writeLedger(database.pool);
});

afterEach(() => database.drop());

const sentence = async (id: string): Promise<string> =>
  (await explainTransaction(database.pool, id)).sentence;
const pend = (): Promise<void> =>
  addRow(database.pool, { id: TX.pending, accountId: FRESH, type: 'REFUND', cents: 40, status: 'PENDING' });

function liveRefund(originalId: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      id: TX.pending.toUpperCase(),
      account_id: FRESH,
      card_id: { String: '', Valid: false },
      refund_transaction_id: { String: originalId, Valid: true },
      amount_cents: 40,
      status: 'PENDING',
      type: 'REFUND',
      idempotency_key: `key-${TX.pending}`,
      created_at: '2026-11-22T12:00:00Z',
    }),
  );
}

const defer = async (code: string, originalId: string = uuid(3, 99)): Promise<void> => {
  await database.pool.query(
    `insert into processor.retries values ($1, $2, 0, 2, $3, 'transactions_queue', $4, '2026-11-22T12:00:09.5Z', now())`,
    [TX.pending, FRESH, code, liveRefund(originalId)],
  );
};

const park = (): Promise<unknown> =>
  database.pool.query(
    `insert into processor.parked (account_id, queue, body, reason, since)
     values ($1, 'transactions_queue', $2, 'the account is quarantined', '2026-11-22T12:01:00Z')`,
    [FRESH, liveRefund(TX.purchase)],
  );

const bury = (code: string, state = 'open'): Promise<unknown> =>
  database.pool.query(
    `insert into processor.dead_letters (queue, dead_letter_queue, code, detail, transaction_id, account_id, body,
       body_bytes, body_sha256, attempts, first_seen_at, created_at, state)
     values ('transactions_queue', 'transactions_dlq', $1, 'in words', $2, $3, '', 0, '', 3, now(), '2026-11-22T12:02:00Z', $4)`,
    [code, TX.pending, FRESH, state],
  );

describe('a decided transaction', () => {
  it.each([
    [TX.deposit, /^approved: \+10\.00 made the balance 10\.00 \(entry 1 of its account, 20.*Z\)$/],
    [TX.charge, /^approved: -0\.50 made the balance 6\.50 \(entry 3/],
    [TX.tooMuch, /^rejected: asked for 12\.34 but only 5\.50 was there$/],
    [TX.unknownCard, new RegExp(`^rejected: there was no card ${UNKNOWN_CARD}$`)],
    [TX.unseenOriginal, new RegExp(`^rejected: its original ${uuid(3, 99)} never appeared while it waited$`)],
    [OLD.deposit, /^approved before this ledger was opened; it is part of its account's opening balance$/],
    [OLD.rejected, /^rejected before this ledger was opened$/],
  ])('%s: %s', async (id, words) => {
    expect(await sentence(id)).toMatch(words);
  });

  it('may be asked for in capital letters', async () => {
    expect(await sentence(TX.tooMuch.toUpperCase())).toContain('12.34');
  });

  it('comes with all that is recorded of it', async () => {
    expect(await explainTransaction(database.pool, TX.partialRefund)).toMatchObject({
      known: true,
      row: { status: 'APPROVED', amountCents: 100n, idempotencyKey: `key-${TX.partialRefund}` },
      decision: { seq: 4n, amountCents: 100n, balanceAfterCents: 750n, originalId: TX.purchase, epoch: 3n },
      original: {
        transactionId: TX.purchase,
        status: 'APPROVED',
        amountCents: 300n,
        refundedBeforeCents: 0n,
      },
      retry: null,
      parked: [],
      deadLetters: [],
    });
  });

  it('says how much of the original was left when it asked, inherited refunds included', async () => {
    const greedy = {
      accountId: FRESH,
      seq: 9,
      id: uuid(3, 9),
      type: 'REFUND',
      cents: 250,
      status: 'REJECTED',
      effect: 0,
      after: 550,
      reason: 'REFUND_EXCEEDS_ORIGINAL',
      originalId: TX.purchase,
    } as const;
    await addEntry(database.pool, greedy);
    // A later one counts for nothing that was decided before it.
    await addEntry(database.pool, {
      accountId: FRESH,
      seq: 10,
      id: uuid(3, 10),
      type: 'REFUND',
      cents: 50,
      status: 'APPROVED',
      effect: 50,
      after: 600,
      originalId: TX.purchase,
    });
    expect(await sentence(greedy.id)).toBe(
      `rejected: asked for 2.50 but of its original ${TX.purchase} only 2.00 was left`,
    );
    await database.pool.query('insert into processor.opening_refunds values ($1, 80)', [TX.purchase]);
    expect(await sentence(greedy.id)).toContain('only 1.20 was left');
  });

  it('by somebody else is called so', async () => {
    await addRow(database.pool, {
      id: uuid(5, 1),
      accountId: FRESH,
      type: 'DEPOSIT',
      cents: 5,
      status: 'APPROVED',
    });
    expect(await sentence(uuid(5, 1))).toBe(
      'approved, but not by this ledger: there is no journal row for it',
    );
  });
});

describe('a rejection', () => {
  it('has words of its own for every reason', async () => {
    const records = await explainTransaction(database.pool, TX.tooMuch);
    const sentences = REJECTION_CODES.map((reason) =>
      sentenceOf({ ...records, decision: { ...records.decision!, reason } }),
    );
    expect(new Set(sentences).size).toBe(REJECTION_CODES.length);
    for (const [index, words] of sentences.entries()) expect(words).not.toContain(REJECTION_CODES[index]);
  });
});

describe("an operator's order", () => {
  it.each([
    ['FREEZE', 0, "an operator's order FREEZE left the account frozen with an overdraft of 1.00 (entry 9"],
    ['CHARGE', -50, 'an adjustment by an operator: -0.50 made the balance 5.00 (entry 9'],
  ])('%s says what, who and why', async (type, cents, beginning) => {
    await database.pool.query(
      `insert into processor.journal
         (account_id, seq, transaction_id, type, outcome, requested_cents, amount_cents, balance_after_cents,
          counter_account, epoch, road, occurred_at, operator, why, status_after, overdraft_after_cents)
       values ($1, 9, $2, $3, 'APPROVED', abs($4::int), $4, 500, 'none', 1, 'operator', now(), 'ada', 'asked by phone', 'frozen', 100)`,
      [FRESH, uuid(7, 1), type, cents],
    );
    const words = await sentence(uuid(7, 1));
    expect(words).toContain(beginning);
    expect(words).toMatch(/; by ada, because: asked by phone$/);
  });
});

describe('a pending transaction', () => {
  beforeEach(pend);

  it('of which no message has come', async () => {
    expect(await sentence(TX.pending)).toBe(
      'PENDING since 2026-11-22T12:00:00.000Z: no message has been processed for it',
    );
  });

  it('waits for an original nobody has seen', async () => {
    await defer('ORIGINAL_UNDECIDED');
    expect(await sentence(TX.pending)).toBe(
      `still pending: its original ${uuid(3, 99)} has not been seen; next try (number 2) at 2026-11-22T12:00:09.500Z`,
    );
  });

  it('waits for an original that is pending', async () => {
    const original = {
      id: uuid(3, 98),
      accountId: FRESH,
      type: 'PURCHASE',
      cents: 90,
      status: 'PENDING',
    } as const;
    await addRow(database.pool, original);
    await defer('ORIGINAL_UNDECIDED', original.id);
    expect(await sentence(TX.pending)).toContain(`its original ${original.id} is not decided; next try`);
  });

  it('waits for a lock', async () => {
    await defer('ROW_LOCKED');
    expect(await sentence(TX.pending)).toContain(
      'still pending: somebody else held its row in transactions; next try',
    );
  });

  it('is set aside', async () => {
    await park();
    expect(await sentence(TX.pending)).toBe(
      'still pending: set aside since 2026-11-22T12:01:00.000Z: the account is quarantined',
    );
  });

  it('has had a wrong message', async () => {
    await bury('PAYLOAD_MISMATCH');
    expect(await sentence(TX.pending)).toBe(
      'still pending, waiting for its true message; another one was given up: ' +
        'PAYLOAD_MISMATCH after 3 attempts at 2026-11-22T12:02:00.000Z: in words',
    );
  });

  it('was given up', async () => {
    await database.pool.query(`update public.transactions set status = 'ERROR' where id = $1`, [TX.pending]);
    await bury('ROW_LOCKED');
    await bury('PAYLOAD_MISMATCH', 'discarded');
    expect(await sentence(TX.pending)).toBe(
      'given up: ROW_LOCKED after 3 attempts at 2026-11-22T12:02:00.000Z: in words',
    );
  });
});

describe('a transaction without a row', () => {
  it('is unknown when nothing else is known of it', async () => {
    expect(await explainTransaction(database.pool, TX.pending)).toMatchObject({
      known: false,
      sentence: 'unknown: no such transaction',
      row: null,
      decision: null,
    });
  });

  it('may have come before its row', async () => {
    await defer('ROW_MISSING');
    expect(await sentence(TX.pending)).toContain(
      'not decided yet: its message came before its row in transactions',
    );
  });

  it('may be set aside', async () => {
    await park();
    expect(await explainTransaction(database.pool, TX.pending)).toMatchObject({
      known: true,
      parked: [{ reason: 'the account is quarantined' }],
    });
  });

  it('may have been given up', async () => {
    await bury('ACCOUNT_UNKNOWN');
    expect(await sentence(TX.pending)).toContain('given up, and there is no row for it: ACCOUNT_UNKNOWN');
  });
});

describe('an account', () => {
  it('is shown with its shard and its last entries', async () => {
    await pend();
    await defer('ROW_LOCKED');
    await park();
    await bury('PAYLOAD_MISMATCH');
    await bury('PAYLOAD_MISMATCH', 'discarded');
    const view = await readAccount(database.pool, FRESH.toUpperCase(), { journalLimit: 2 });
    expect(view).toMatchObject({
      accountId: FRESH,
      balanceCents: 550n,
      seq: 8n,
      status: 'active',
      overdraftCents: 0n,
      shard: shardOf(FRESH, 256),
      epoch: 3n,
      owner: 'node-1:incarnation',
      retries: 1,
      parked: 1,
      deadLetters: 1,
    });
    expect(view?.journal.map(({ seq, reason }) => [seq, reason])).toEqual([
      [8n, 'ORIGINAL_NOT_FOUND'],
      [7n, 'CARD_UNKNOWN'],
    ]);
  });

  it('shows its opening', async () => {
    const view = await readAccount(database.pool, INHERITED, { journalLimit: 10 });
    expect(view?.journal.at(-1)).toMatchObject({ type: 'OPENING', transactionId: null, amountCents: -400n });
  });

  it('without transactions is there, with nothing in it', async () => {
    const view = await readAccount(database.pool, EMPTY, { journalLimit: 10 });
    expect(view).toMatchObject({ balanceCents: 0n, seq: 0n, status: 'active', journal: [] });
  });

  it('that does not exist is null', async () => {
    expect(await readAccount(database.pool, uuid(1, 99), { journalLimit: 10 })).toBeNull();
  });
});
