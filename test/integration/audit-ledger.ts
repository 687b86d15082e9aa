import type pg from 'pg';
import { counterAccountOf } from '../../src/domain/counter-account.ts';
import { shardOf } from '../../src/domain/shard.ts';
import type { TransactionType } from '../../src/contracts/command.ts';

/**
 * A small right ledger, written row by row without the code under test or the code that writes ledgers: one account
 * with every kind of entry, one with inherited history, one without any transaction.
 */

export const uuid = (kind: number, n: number): string =>
  `${String(kind)}0000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

export const FRESH = uuid(1, 1);
export const INHERITED = uuid(1, 2);
export const EMPTY = uuid(1, 3);
export const CARD = uuid(2, 1);
export const UNKNOWN_CARD = uuid(2, 9);

/** Transactions of `FRESH`, in order of seq. */
export const TX = {
  deposit: uuid(3, 1),
  purchase: uuid(3, 2),
  charge: uuid(3, 3),
  partialRefund: uuid(3, 4),
  depositRefund: uuid(3, 5),
  tooMuch: uuid(3, 6),
  unknownCard: uuid(3, 7),
  unseenOriginal: uuid(3, 8),
  pending: uuid(3, 20),
} as const;

/** Transactions of `INHERITED`: three from before, one refund since, one rejected before. */
export const OLD = {
  deposit: uuid(4, 1),
  charge: uuid(4, 2),
  refund: uuid(4, 3),
  rejected: uuid(4, 4),
  refundSince: uuid(4, 5),
} as const;

export interface Row {
  readonly id: string;
  readonly accountId: string;
  readonly type: TransactionType;
  readonly cents: number;
  readonly status: string;
  readonly cardId?: string;
  readonly originalId?: string;
  readonly createdAt?: string;
}

export interface Entry extends Row {
  readonly seq: number;
  /** Signed effect. */
  readonly effect: number;
  readonly after: number;
  readonly reason?: string;
  /** Original and card as in the message, where the row cannot hold them. */
  readonly messageOriginalId?: string;
  readonly messageCardId?: string;
}

const AFTER_OPENING = '2026-11-22T12:00:00Z';

export type Queryable = Pick<pg.ClientBase, 'query'>;

export async function addRow(client: Queryable, row: Row): Promise<void> {
  await client.query(
    `insert into public.transactions
       (id, account_id, card_id, amount_cents, status, type, created_at, idempotency_key, refund_transaction_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      row.id,
      row.accountId,
      row.cardId ?? null,
      row.cents,
      row.status,
      row.type,
      row.createdAt ?? AFTER_OPENING,
      `key-${row.id}`,
      row.originalId ?? null,
    ],
  );
}

export async function addEntry(client: Queryable, entry: Entry): Promise<void> {
  await addRow(client, entry);
  await client.query(
    `insert into processor.journal
       (account_id, seq, transaction_id, type, outcome, reason, requested_cents, amount_cents, balance_after_cents,
        counter_account, original_id, card_id, idempotency_key, epoch, road, occurred_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 3, 'delivery', $14)`,
    [
      entry.accountId,
      entry.seq,
      entry.id,
      entry.type,
      entry.status,
      entry.reason ?? null,
      entry.cents,
      entry.effect,
      entry.after,
      counterAccountOf(entry.type),
      entry.originalId ?? entry.messageOriginalId ?? null,
      entry.cardId ?? entry.messageCardId ?? null,
      `key-${entry.id}`,
      AFTER_OPENING,
    ],
  );
}

const FRESH_ENTRIES: readonly Omit<Entry, 'accountId'>[] = [
  { seq: 1, id: TX.deposit, type: 'DEPOSIT', cents: 1000, status: 'APPROVED', effect: 1000, after: 1000 },
  {
    seq: 2,
    id: TX.purchase,
    type: 'PURCHASE',
    cents: 300,
    status: 'APPROVED',
    effect: -300,
    after: 700,
    cardId: CARD,
  },
  { seq: 3, id: TX.charge, type: 'CHARGE', cents: 50, status: 'APPROVED', effect: -50, after: 650 },
  {
    seq: 4,
    id: TX.partialRefund,
    type: 'REFUND',
    cents: 100,
    status: 'APPROVED',
    effect: 100,
    after: 750,
    originalId: TX.purchase,
    messageCardId: UNKNOWN_CARD,
  },
  {
    seq: 5,
    id: TX.depositRefund,
    type: 'REFUND',
    cents: 200,
    status: 'APPROVED',
    effect: -200,
    after: 550,
    originalId: TX.deposit,
  },
  {
    seq: 6,
    id: TX.tooMuch,
    type: 'PURCHASE',
    cents: 1234,
    status: 'REJECTED',
    effect: 0,
    after: 550,
    reason: 'INSUFFICIENT_FUNDS',
  },
  {
    seq: 7,
    id: TX.unknownCard,
    type: 'PURCHASE',
    cents: 10,
    status: 'REJECTED',
    effect: 0,
    after: 550,
    reason: 'CARD_UNKNOWN',
    messageCardId: UNKNOWN_CARD,
  },
  {
    seq: 8,
    id: TX.unseenOriginal,
    type: 'REFUND',
    cents: 10,
    status: 'REJECTED',
    effect: 0,
    after: 550,
    reason: 'ORIGINAL_NOT_FOUND',
    messageOriginalId: uuid(3, 99),
  },
];

/** −400 from before: a deposit of 100 refunded after it was spent, and a charge of 400. */
const HISTORY: readonly Omit<Row, 'accountId' | 'createdAt'>[] = [
  { id: OLD.deposit, type: 'DEPOSIT', cents: 100, status: 'APPROVED' },
  { id: OLD.charge, type: 'CHARGE', cents: 400, status: 'APPROVED', cardId: CARD },
  { id: OLD.refund, type: 'REFUND', cents: 100, status: 'APPROVED', originalId: OLD.deposit },
  { id: OLD.rejected, type: 'CHARGE', cents: 5, status: 'REJECTED' },
];

/** In one commit: a fresh copy is written for every test. */
export async function writeLedger(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  await client.query('begin');
  await writeAll(client);
  await client.query('commit');
  client.release();
}

async function writeAll(client: Queryable): Promise<void> {
  for (const accountId of [FRESH, INHERITED, EMPTY]) {
    await client.query(`insert into public.accounts (id, username) values ($1, 'someone')`, [accountId]);
    await client.query('update processor.shards set epoch = 3, owner = $2 where shard = $1', [
      shardOf(accountId, 256),
      'node-1:incarnation',
    ]);
  }
  await client.query(`insert into public.cards (id, account_id, card_token) values ($1, $2, 'token')`, [
    CARD,
    FRESH,
  ]);
  await client.query(
    `update processor.cluster set opened_at = '2026-11-22T11:00:00Z', refund_amount = 'message'`,
  );

  for (const row of HISTORY) {
    await addRow(client, { ...row, accountId: INHERITED, createdAt: '2026-10-01T00:00:00Z' });
  }
  await client.query(
    `insert into processor.journal
       (account_id, seq, type, outcome, requested_cents, amount_cents, balance_after_cents, counter_account,
        covered_rows, epoch, road, occurred_at)
     values ($1, 1, 'OPENING', 'APPROVED', -400, -400, -400, 'external:opening', 3, 0, 'operator', now())`,
    [INHERITED],
  );
  await client.query('insert into processor.opening_refunds values ($1, 100)', [OLD.deposit]);
  await addEntry(client, {
    accountId: INHERITED,
    seq: 2,
    id: OLD.refundSince,
    type: 'REFUND',
    cents: 150,
    status: 'APPROVED',
    effect: 150,
    after: -250,
    originalId: OLD.charge,
  });
  for (const entry of FRESH_ENTRIES) await addEntry(client, { ...entry, accountId: FRESH });

  await client.query(
    'insert into processor.accounts (account_id, balance_cents, seq) values ($1, 550, 8), ($2, -250, 2)',
    [FRESH, INHERITED],
  );
  // 300 bought and 100 of it returned; 400 charged before and 150 of it returned since.
  await client.query('insert into processor.card_totals values ($1, $2, 450, 8)', [CARD, FRESH]);
}

/** For tampering: the journal refuses changes while its triggers are on. */
export async function unlockJournal(pool: pg.Pool): Promise<void> {
  await pool.query('alter table processor.journal disable trigger user');
}
