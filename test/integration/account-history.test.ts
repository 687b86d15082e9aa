/**
 * Without these: the answer to "what was on this account on the 3rd?" could be that of another day, or leave out what an operator had ordered by
 * then; and a journal handed to an accountant could lack rows or fall apart at a quotation mark.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { readAccountAsOf } from '../../src/infra/postgres/account-history.ts';
import { paygate } from '../support/paygate.ts';
import { useDatabase } from '../support/use-database.ts';
import { EMPTY, FRESH, INHERITED, TX, uuid, unlockJournal, writeLedger } from './audit-ledger.ts';

const NOBODY = uuid(9, 9);
const WHY = 'asked by "Ada", by post\nand by phone';

const database = useDatabase('of the file');
/** Row n of `FRESH` was decided at 10:0n. */
const at = (minute: number, seconds = '00'): string => `2026-11-20T10:0${minute}:${seconds}Z`;

beforeAll(async () => {
  const { pool } = database;
  await writeLedger(pool);
  await unlockJournal(pool);
  await pool.query(
    `update processor.journal set decided_at = '2026-11-20T10:00:00Z'::timestamptz + seq * interval '1 minute' where account_id = $1`,
    [FRESH],
  );
  await pool.query(`update public.accounts set created_at = '2026-11-20T09:00:00Z'`);
  await pool.query(
    `insert into processor.journal
       (account_id, seq, transaction_id, type, outcome, requested_cents, amount_cents, balance_after_cents, counter_account,
        epoch, road, occurred_at, decided_at, operator, why, status_after, overdraft_after_cents)
     select $1, 9, $2, 'OVERDRAFT', 'APPROVED', 0, 0, 550, 'none', 3, 'operator', now(), $3::timestamptz, 'ada', $4, 'frozen', 100`,
    [FRESH, uuid(7, 9), at(9), WHY],
  );
  await pool.query(
    `insert into processor.operator_log (operator, action, subject, at) values ('node', 'quarantine', $1, $2)`,
    [FRESH, '2026-11-20T10:20:00Z'],
  );
  await pool.query(
    `update processor.accounts set seq = 9, status = 'quarantined', overdraft_cents = 100 where account_id = $1`,
    [FRESH],
  );
});

describe('as of a moment', () => {
  it.each([
    ['before everything', at(0), 0n, 0n, 'active', 0n],
    ['at the moment of a decision', at(3), 650n, 3n, 'active', 0n],
    ['a moment before one', at(2, '59.999999'), 700n, 2n, 'active', 0n],
    ['after a rejection', at(6, '30'), 550n, 6n, 'active', 0n],
    ['after an order', at(9), 550n, 9n, 'frozen', 100n],
    ['after a quarantine', '2026-11-20T11:30:00+01:00', 550n, 9n, 'quarantined', 100n],
    ['now', '2026-12-31T00:00:00Z', 550n, 9n, 'quarantined', 100n],
  ])('%s', async (_, moment, balanceCents, seq, status, overdraftCents) => {
    expect(await readAccountAsOf(database.pool, FRESH, moment)).toMatchObject({
      accountId: FRESH,
      asOf: moment,
      balanceCents,
      seq,
      status,
      overdraftCents,
      createdAt: '2026-11-20T09:00:00.000Z',
    });
  });

  it('of an account without decisions, and of none', async () => {
    expect(await readAccountAsOf(database.pool, EMPTY, at(1))).toMatchObject({ balanceCents: 0n, seq: 0n });
    expect(await readAccountAsOf(database.pool, NOBODY, at(1))).toBeNull();
  });

  it('of an account that never had an order: with the overdraft it has', async () => {
    await database.pool.query('update processor.accounts set overdraft_cents = 7 where account_id = $1', [
      INHERITED,
    ]);
    expect(await readAccountAsOf(database.pool, INHERITED, at(1))).toMatchObject({ overdraftCents: 7n });
  });
});

describe('paygate account', () => {
  const account = (...args: readonly string[]): ReturnType<typeof paygate> =>
    paygate(['account', ...args], { DATABASE_URL: database.url });

  it('--as-of shows it, in words and as JSON', async () => {
    const words = await account(FRESH, '--as-of', at(3));
    expect(words.stdout).toContain('6.50');
    const json = await account(FRESH, '--as-of', '2026-11-20', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ asOf: '2026-11-20T00:00:00Z', balanceCents: 0, seq: 0 });
    expect((await account(FRESH, '--as-of', '2026-11-20')).stdout).toContain(
      'made at 2026-11-20T09:00:00.000Z',
    );
    expect((await account(NOBODY, '--as-of', at(3))).exitCode).toBe(1);
  });

  it('--journal --csv: head, rows in order, CRLF, quotes', async () => {
    const { stdout, exitCode } = await account(FRESH, '--journal', '--csv');
    expect(exitCode).toBe(0);
    const lines = stdout.split('\r\n');
    expect(lines[0]).toMatch(/^seq,decided_at,occurred_at,transaction_id,type,/);
    expect(lines).toHaveLength(10);
    expect(lines[6]).toContain(`6,2026-11-20T10:06:00.000Z,`);
    expect(lines[6]).toContain(`,${TX.tooMuch},PURCHASE,REJECTED,INSUFFICIENT_FUNDS,1234,0,550,`);
    expect(lines[9]).toMatch(/,ada,"asked by ""Ada"", by post\nand by phone"$/);
  });

  it('--from and --to bound it, the second exclusively', async () => {
    const period = ['--journal', '--from', at(3), '--to', at(5)];
    const json = await account(FRESH, ...period, '--json');
    expect((JSON.parse(json.stdout) as { seq: number }[]).map(({ seq }) => seq)).toEqual([3, 4]);
    expect((await account(FRESH, ...period)).stdout).toContain('CHARGE');
    const none = await account(FRESH, '--journal', '--to', '2020-01-01', '--json');
    expect(JSON.parse(none.stdout)).toEqual([]);
    expect((await account(NOBODY, '--journal', '--csv')).exitCode).toBe(1);
  });

  it.each([
    [['--csv'], '--csv goes with --journal'],
    [['--from', '2026-01-01'], '--from goes with --journal'],
    [['--journal', '--csv', '--json'], 'exclude each other'],
    [['--journal', '--as-of', '2026-01-01'], 'exclude each other'],
    [['--as-of', 'yesterday'], 'expected a time like'],
    [['--as-of', '2026-02-30'], 'expected a time like'],
  ])('%j is refused', async (args, why) => {
    const { exitCode, stderr } = await account(FRESH, ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(why);
  });
});
