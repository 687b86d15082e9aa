/**
 * Without these: the verdict of the demonstration and of `paygate verify` could be "ok" over a ledger that is not, or call
 * a right one wrong. Every kind of violation is made by hand once, in a ledger that is right otherwise.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditLedger } from '../../src/infra/postgres/audit.ts';
import type { AuditOptions } from '../../src/infra/postgres/audit.ts';
import { SEAL_VIOLATION_KINDS, VIOLATION_KINDS } from '../../src/infra/postgres/audit-report.ts';
import type { AuditReport, ViolationKind } from '../../src/infra/postgres/audit-report.ts';
import { withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';
import {
  addEntry,
  addRow,
  CARD,
  FRESH,
  INHERITED,
  OLD,
  TX,
  unlockJournal,
  uuid,
  writeLedger,
} from './audit-ledger.ts';

let database: TestDatabase;
const cache = new Map<string, string>();

beforeEach(async () => {
  database = await withDatabase();
  await writeLedger(database.pool);
  cache.clear();
  cache.set(`account ${FRESH}`, '550').set(`account ${INHERITED}`, '-250').set(`card ${CARD}`, '450');
});

afterEach(() => database.drop());

const readCached: AuditOptions['readCached'] = (kind, ids) =>
  Promise.resolve(ids.map((id) => cache.get(`${kind} ${id}`) ?? null));

const audit = (options: Partial<AuditOptions> = {}): Promise<AuditReport> =>
  auditLedger({ pool: database.pool, readCached, expectCached: true, expectDrained: true, ...options });

const kinds = (report: AuditReport): readonly ViolationKind[] => report.violations.map(({ kind }) => kind);

describe('a right ledger', () => {
  it('is found right, and counted', async () => {
    const report = await audit();
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ ok: true, pending: null });
    expect(report.counts).toEqual({
      accounts: 2,
      openings: 1,
      orders: 0,
      decisions: 9,
      approved: 6,
      rejected: 3,
      rejectedByReason: { INSUFFICIENT_FUNDS: 1, CARD_UNKNOWN: 1, ORIGINAL_NOT_FOUND: 1 },
      transactions: 13,
      pending: 0,
      errors: 0,
      retries: 0,
      parked: 0,
      deadLetters: 0,
      outbox: 0,
      cached: 3,
    });
  });

  it('is found right in ranges of one account, and says how far it is', async () => {
    const steps: (readonly [number, number])[] = [];
    const report = await audit({ rangeAccounts: 1, onProgress: (done, total) => steps.push([done, total]) });
    expect(report.ok).toBe(true);
    const total = steps[0]?.[1] ?? 0;
    expect(steps).toEqual(Array.from({ length: total + 1 }, (_, done) => [done, total]));
  });

  it('is seen at one moment, whatever happens while it is looked at', async () => {
    await unlockJournal(database.pool);
    let tampered = false;
    const report = await audit({
      rangeAccounts: 1,
      readCached: async (kind, ids) => {
        if (!tampered) {
          tampered = true;
          await database.pool.query('delete from processor.journal where transaction_id = $1', [
            OLD.refundSince,
          ]);
        }
        return readCached(kind, ids);
      },
    });
    expect(report.violations).toEqual([]);
    expect((await audit()).ok).toBe(false);
  });

  it('without any row is right', async () => {
    const empty = await withDatabase();
    const report = await auditLedger({ pool: empty.pool, expectDrained: true });
    await empty.drop();
    expect(report).toMatchObject({ ok: true, counts: { accounts: 0, decisions: 0, cached: 0 } });
  });

  it('may have overdrawn accounts within their overdraft', async () => {
    await database.pool.query('update processor.accounts set overdraft_cents = 100 where account_id = $1', [
      FRESH,
    ]);
    await overdraw();
    expect(kinds(await audit())).toEqual([]);
  });

  it('may have been overdrawn within the overdraft of that time, and have orders without transactions', async () => {
    await order(9, 'OVERDRAFT', 550, 100);
    await charge(10, 600, -50);
    await addEntry(database.pool, { ...entryOf(11, 50, 0), type: 'DEPOSIT', effect: 50 });
    await order(12, 'OVERDRAFT', 0, 0);
    await standing(12, 0, 0);
    const report = await audit();
    expect(report.violations).toEqual([]);
    expect(report.counts).toMatchObject({ orders: 2, decisions: 11 });
  });
});

/** An operator's order for `FRESH`, right in itself; the account is left as it was. */
async function order(seq: number, type: string, balanceCents: number, overdraftCents: number): Promise<void> {
  await database.pool.query(
    `insert into processor.journal
       (account_id, seq, transaction_id, type, outcome, requested_cents, amount_cents, balance_after_cents, counter_account,
        epoch, road, occurred_at, operator, why, status_after, overdraft_after_cents)
     select $1, $2, $3, $4, 'APPROVED', 0, 0, $5, 'none', max(epoch), 'operator', now(), 'ada', 'a test', 'active', $6
       from processor.journal where account_id = $1`,
    [FRESH, seq, uuid(7, seq), type, balanceCents, overdraftCents],
  );
}

async function standing(seq: number, balanceCents: number, overdraftCents: number): Promise<void> {
  await database.pool.query(
    'update processor.accounts set seq = $2, balance_cents = $3, overdraft_cents = $4 where account_id = $1',
    [FRESH, seq, balanceCents, overdraftCents],
  );
  cache.set(`account ${FRESH}`, String(balanceCents));
}

const entryOf = (seq: number, cents: number, after: number) =>
  ({ accountId: FRESH, seq, id: uuid(3, seq), cents, status: 'APPROVED', after }) as const;
const charge = (seq: number, cents: number, after: number): Promise<void> =>
  addEntry(database.pool, { ...entryOf(seq, cents, after), type: 'CHARGE', effect: -cents });

/** Another right entry, which takes `FRESH` to −50. */
async function overdraw(): Promise<void> {
  await charge(9, 600, -50);
  await database.pool.query(
    'update processor.accounts set balance_cents = -50, seq = 9 where account_id = $1',
    [FRESH],
  );
  cache.set(`account ${FRESH}`, '-50');
}

const sql =
  (text: string, ...values: unknown[]) =>
  async (): Promise<void> => {
    await unlockJournal(database.pool);
    await database.pool.query(text, values);
  };

/** What was done to the ledger, what must be found of it, and the transaction or account that must be named. */
const tamperings: readonly (readonly [string, readonly ViolationKind[], string, () => Promise<void>])[] = [
  [
    'a lost journal row of a rejection',
    ['decided-elsewhere', 'seq-gap'],
    TX.tooMuch,
    sql('delete from processor.journal where transaction_id = $1', TX.tooMuch),
  ],
  [
    'the last journal row lost',
    ['decided-elsewhere', 'seq-not-last'],
    TX.unseenOriginal,
    sql('delete from processor.journal where transaction_id = $1', TX.unseenOriginal),
  ],
  [
    'a changed amount in the journal',
    ['balance-step', 'amount-not-requested', 'balance-not-journal'],
    TX.charge,
    sql('update processor.journal set amount_cents = -49 where transaction_id = $1', TX.charge),
  ],
  [
    'a changed balance in the journal',
    ['balance-step'],
    TX.charge,
    sql('update processor.journal set balance_after_cents = 651 where transaction_id = $1', TX.charge),
  ],
  ['a debit below the overdraft', ['below-overdraft'], uuid(3, 9), overdraw],
  [
    'a debit below the overdraft of its time, although one was given later',
    ['below-overdraft'],
    uuid(3, 9),
    async () => {
      await charge(9, 600, -50);
      await order(10, 'OVERDRAFT', -50, 100);
      await standing(10, -50, 100);
    },
  ],
  [
    'an overdraft that nobody ordered',
    ['account-not-as-ordered'],
    FRESH,
    async () => {
      await order(9, 'OVERDRAFT', 550, 100);
      await standing(9, 550, 200);
    },
  ],
  [
    'a status that nobody ordered',
    ['account-not-as-ordered'],
    FRESH,
    async () => {
      await order(9, 'UNFREEZE', 550, 0);
      await standing(9, 550, 0);
      await database.pool.query(`update processor.accounts set status = 'closed' where account_id = $1`, [
        FRESH,
      ]);
    },
  ],
  [
    'an epoch that falls',
    ['epoch-fell'],
    TX.charge,
    sql('update processor.journal set epoch = 2 where transaction_id = $1', TX.charge),
  ],
  [
    "an epoch beyond its shard's",
    ['epoch-ahead'],
    FRESH,
    sql('update processor.journal set epoch = 4 where transaction_id = $1', TX.unseenOriginal),
  ],
  [
    'a lost account row',
    ['account-row-missing', 'balance-not-formula'],
    FRESH,
    sql('delete from processor.accounts where account_id = $1', FRESH),
  ],
  [
    'a changed balance',
    ['balance-not-journal', 'balance-not-last', 'balance-not-formula', 'cache-differs'],
    FRESH,
    sql('update processor.accounts set balance_cents = 551 where account_id = $1', FRESH),
  ],
  [
    'a lost transactions row',
    ['transaction-row-missing'],
    TX.tooMuch,
    sql('delete from public.transactions where id = $1', TX.tooMuch),
  ],
  [
    'a decided row that is pending again',
    ['status-not-journal', 'balance-not-formula', 'pending-untouched'],
    TX.charge,
    sql(`update public.transactions set status = 'PENDING' where id = $1`, TX.charge),
  ],
  [
    'a changed key',
    ['row-not-journal'],
    TX.charge,
    sql(`update public.transactions set idempotency_key = 'other' where id = $1`, TX.charge),
  ],
  [
    'a changed amount of a rejected row',
    ['row-not-journal'],
    TX.tooMuch,
    sql('update public.transactions set amount_cents = 1 where id = $1', TX.tooMuch),
  ],
  [
    'an approved purchase that lost its card',
    ['row-not-journal', 'card-total-not-formula'],
    TX.purchase,
    sql('update public.transactions set card_id = null where id = $1', TX.purchase),
  ],
  [
    'an approved refund that lost its original',
    ['row-not-journal', 'balance-not-formula', 'effect-unclear', 'card-total-not-formula'],
    TX.partialRefund,
    sql('update public.transactions set refund_transaction_id = null where id = $1', TX.partialRefund),
  ],
  [
    'an approval by somebody else, of an account without history',
    ['decided-elsewhere', 'balance-not-formula', 'opening-not-covered'],
    uuid(5, 1),
    () =>
      addRow(database.pool, {
        id: uuid(5, 1),
        accountId: FRESH,
        type: 'DEPOSIT',
        cents: 5,
        status: 'APPROVED',
      }),
  ],
  [
    'an approval by somebody else of a row from before the opening',
    ['balance-not-formula', 'opening-not-covered'],
    INHERITED,
    sql(`update public.transactions set status = 'APPROVED' where id = $1`, OLD.rejected),
  ],
  [
    'a rejection by somebody else',
    ['decided-elsewhere'],
    uuid(5, 1),
    () =>
      addRow(database.pool, {
        id: uuid(5, 1),
        accountId: FRESH,
        type: 'DEPOSIT',
        cents: 5,
        status: 'REJECTED',
      }),
  ],
  [
    'more refunded than there was, inherited part included',
    ['refunds-exceed-original'],
    OLD.refundSince,
    sql('insert into processor.opening_refunds values ($1, 251)', OLD.charge),
  ],
  [
    "a refund of another account's original",
    ['refund-of-unfit-original', 'balance-not-formula', 'decided-elsewhere', 'opening-not-covered'],
    OLD.refundSince,
    sql('update public.transactions set account_id = $2 where id = $1', OLD.charge, FRESH),
  ],
  [
    'a changed card total',
    ['card-total-not-formula', 'cache-differs'],
    CARD,
    sql('update processor.card_totals set total_cents = 451'),
  ],
  [
    'a wrong cached balance',
    ['cache-differs'],
    FRESH,
    () => Promise.resolve(void cache.set(`account ${FRESH}`, '0')),
  ],
  [
    'a missing cached balance',
    ['cache-missing'],
    FRESH,
    () => Promise.resolve(void cache.delete(`account ${FRESH}`)),
  ],
  [
    'a missing cached card total',
    ['cache-missing'],
    CARD,
    () => Promise.resolve(void cache.delete(`card ${CARD}`)),
  ],
  [
    'a pending row nobody has touched',
    ['pending-untouched'],
    TX.pending,
    () =>
      addRow(database.pool, {
        id: TX.pending,
        accountId: FRESH,
        type: 'DEPOSIT',
        cents: 5,
        status: 'PENDING',
      }),
  ],
  [
    'an outbox row',
    ['outbox-left'],
    FRESH,
    sql(
      `insert into processor.outbox (incarnation, account_ids, card_ids, from_seqs, to_seqs) values ($1, $2, '{}', '{1}', '{1}')`,
      uuid(6, 1),
      [FRESH],
    ),
  ],
];

describe('a ledger with', () => {
  it.each(tamperings)('%s: %j', async (_, expected, named, tamper) => {
    await tamper();
    const report = await audit();
    expect(report.ok).toBe(false);
    expect(new Set(kinds(report))).toEqual(new Set(expected));
    const first = report.violations.find(({ kind }) => kind === expected[0]);
    expect(JSON.stringify(first?.samples)).toContain(named);
  });

  it('every kind of violation is among these', () => {
    // Those of seals: audit-seals.test.ts.
    const made = new Set([...tamperings.flatMap(([, expected]) => expected), ...SEAL_VIOLATION_KINDS]);
    expect(VIOLATION_KINDS.filter((kind) => !made.has(kind))).toEqual([]);
  });

  it('many of a kind: exact number, bounded samples, also over ranges', async () => {
    await unlockJournal(database.pool);
    await database.pool.query('update processor.journal set balance_after_cents = balance_after_cents + seq');
    const report = await audit({ sampleMax: 2, rangeAccounts: 1 });
    const steps = report.violations.find(({ kind }) => kind === 'balance-step');
    expect(steps).toMatchObject({ count: 10 });
    expect(steps?.samples).toHaveLength(2);
    expect(steps?.samples[0]).toEqual({
      accountId: FRESH,
      transactionId: TX.deposit,
      detail: 'seq 1: 0 with 1000 makes 1001',
    });
  });
});

describe('every violation', () => {
  it('counts where none is to be named', async () => {
    await overdraw();
    const report = await audit({ sampleMax: 0 });
    expect(report).toMatchObject({
      ok: false,
      violations: [{ kind: 'below-overdraft', count: 1, samples: [] }],
    });
  });

  it('is told when somebody asks for all, counted the same, with nothing kept', async () => {
    await unlockJournal(database.pool);
    await database.pool.query('update processor.journal set balance_after_cents = balance_after_cents + seq');
    cache.set(`account ${FRESH}`, '0');
    const told: string[] = [];
    const report = await audit({
      sampleMax: 0,
      rangeAccounts: 1,
      onViolation: (kind, { accountId }) => told.push(`${kind} ${accountId ?? ''}`),
    });
    const counts = (await audit()).violations.map(({ kind, count }) => ({ kind, count }));
    expect(report.violations.map(({ kind, count }) => ({ kind, count }))).toEqual(counts);
    expect(report.violations.flatMap(({ samples }) => samples)).toEqual([]);
    expect(told).toHaveLength(counts.reduce((sum, { count }) => sum + count, 0));
    expect(told.filter((line) => line === `balance-step ${FRESH}`)).toHaveLength(8);
    expect(told).toContain(`cache-differs ${FRESH}`);
  });
});

describe('pending rows', () => {
  const pend = (): Promise<void> =>
    addRow(database.pool, { id: TX.pending, accountId: FRESH, type: 'DEPOSIT', cents: 5, status: 'PENDING' });

  it('are listed, not violations, while work goes on', async () => {
    await pend();
    const report = await audit({ expectDrained: false });
    expect(report).toMatchObject({
      ok: true,
      pending: { count: 1, samples: [{ transactionId: TX.pending }] },
    });
  });

  it.each([
    [
      'retries',
      `insert into processor.retries values ($1, $2, 0, 1, 'ROW_LOCKED', 'transactions_queue', '', now(), now())`,
    ],
    [
      'parked',
      `insert into processor.parked (account_id, queue, body, reason) values ($2, 'transactions_queue', ($1::uuid)::text::bytea, '')`,
    ],
    [
      'dead_letters',
      `insert into processor.dead_letters (queue, dead_letter_queue, code, detail, transaction_id, account_id, body,
         body_bytes, body_sha256, attempts, first_seen_at)
       values ('transactions_queue', 'transactions_dlq', 'PAYLOAD_MISMATCH', '', $1, $2, '', 0, '', 1, now())`,
    ],
  ])('may wait in %s', async (_, insert) => {
    await pend();
    await database.pool.query(insert, [TX.pending, FRESH]);
    const report = await audit();
    expect(report).toMatchObject({ ok: true, pending: null, counts: { pending: 1 } });
  });
});

describe('the cache', () => {
  it('may lag while work goes on: a difference that passes is none', async () => {
    cache.set(`account ${FRESH}`, '750');
    let reads = 0;
    const report = await audit({
      expectDrained: false,
      readCached: (kind, ids) => {
        reads += 1;
        if (reads > 3) cache.set(`account ${FRESH}`, '550');
        return readCached(kind, ids);
      },
    });
    expect(report.ok).toBe(true);
  });

  it('need not hold inherited balances that nothing has touched', async () => {
    await unlockJournal(database.pool);
    await database.pool.query('delete from processor.journal where transaction_id = $1', [OLD.refundSince]);
    await database.pool.query('delete from public.transactions where id = $1', [OLD.refundSince]);
    await database.pool.query(
      'update processor.accounts set balance_cents = -400, seq = 1 where account_id = $1',
      [INHERITED],
    );
    await database.pool.query('update processor.card_totals set total_cents = 600');
    cache.delete(`account ${INHERITED}`);
    cache.set(`card ${CARD}`, '600');
    expect(kinds(await audit())).toEqual([]);
  });

  it('need not hold anything unless that is expected', async () => {
    cache.clear();
    expect(await audit({ expectCached: false })).toMatchObject({ ok: true, counts: { cached: 0 } });
  });
});
