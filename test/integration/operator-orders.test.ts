/**
 * Operators' orders in PostgreSQL. Without this: an order is carried out twice, on an account that has changed since it was
 * judged, or by a node that has lost the shard; or a broken account is released.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OperatorAction, OperatorCommand } from '../../src/contracts/command.ts';
import type { AccountState } from '../../src/domain/account.ts';
import { judgeOrder } from '../../src/domain/judge-order.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { auditLedger } from '../../src/infra/postgres/audit.ts';
import { PostgresOperatorLedger } from '../../src/infra/postgres/operator-ledger.ts';
import { PostgresQuarantineStore } from '../../src/infra/postgres/quarantine-store.ts';
import { PostgresReader } from '../../src/infra/postgres/reader.ts';
import { LIMITS } from '../../src/limits.ts';
import type { OrderVerdict } from '../../src/ports/operator-ledger.ts';
import {
  approved,
  changeOf,
  INCARNATION,
  ledgerOn,
  newAccount,
  newClient,
  pendingCommand,
} from '../support/ledger-fixtures.ts';
import { eventually, withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';

const EPOCH = 5n;

let database: TestDatabase;
let accountId: string;
let shard: number;
let ledger: PostgresOperatorLedger;
const clients: pg.Client[] = [];
beforeEach(async () => {
  database = await withDatabase();
  await database.pool.query('update processor.shards set epoch = $1', [EPOCH]);
  accountId = await newAccount(database.pool);
  shard = shardOf(accountId, LIMITS.shardCount);
  ledger = new PostgresOperatorLedger(database.pool, INCARNATION);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await database.drop();
});

async function rowsOf(sql: string): Promise<readonly pg.QueryResultRow[]> {
  return (await database.pool.query<pg.QueryResultRow>(sql)).rows;
}

async function present(): Promise<AccountState> {
  const account = await new PostgresReader(database.pool).account(accountId);
  if (account === null) throw new Error('the account is gone');
  return account;
}

function command(action: OperatorAction, fields: Partial<OperatorCommand> = {}): OperatorCommand {
  const orderId = randomUUID();
  return {
    kind: 'operator',
    orderId,
    accountId,
    action,
    operator: 'ada',
    why: 'a "test", \\ and more',
    ...fields,
  };
}

/** Judges and applies, as an actor that has just read the account. */
async function give(
  given: OperatorCommand,
  fields: { readonly epoch?: bigint; readonly state?: AccountState } = {},
): Promise<OrderVerdict> {
  const state = fields.state ?? (await present());
  const judgement = judgeOrder(state, given.action);
  return ledger.apply({ shard, epoch: fields.epoch ?? EPOCH, state, command: given, judgement });
}

async function deposited(cents: bigint): Promise<void> {
  const state = await present();
  const deposit = await pendingCommand(database.pool, { accountId, amountCents: cents });
  const lane = ledgerOn(database.url);
  const decision = approved(deposit, { seq: state.seq + 1n, before: state.balanceCents });
  const receipt = await lane.commit([changeOf([decision], { shard, epoch: EPOCH })]);
  await lane.close();
  expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
}

const setAside = (epoch = EPOCH): Promise<string> =>
  new PostgresQuarantineStore(database.pool, { nodeId: 'node-1', incarnation: INCARNATION }).setAside({
    accountId,
    shard,
    epoch,
    reason: 'a test',
  });

const journalTypes = async (): Promise<readonly string[]> =>
  (await rowsOf('select type from processor.journal order by seq')).map((row) => String(row['type']));

async function expectCleanAudit(): Promise<void> {
  expect((await auditLedger({ pool: database.pool })).violations).toEqual([]);
}

describe('carried out', () => {
  it('freeze: one journal row with who and why, the account, a line in the log, an outbox row', async () => {
    await deposited(1_000n);
    const order = command({ kind: 'freeze' });
    const verdict = await give(order);
    expect(verdict).toMatchObject({
      kind: 'ended',
      result: { kind: 'done', seq: 2n, balanceCents: 1_000n, overdraftCents: 0n, status: 'frozen' },
      state: { accountId, seq: 2n, status: 'frozen' },
    });
    expect(await present()).toMatchObject({ seq: 2n, balanceCents: 1_000n, status: 'frozen' });
    const [row] = await rowsOf(`select * from processor.journal where type = 'FREEZE'`);
    expect(row).toMatchObject({
      transaction_id: order.orderId,
      outcome: 'APPROVED',
      amount_cents: '0',
      balance_after_cents: '1000',
      road: 'operator',
      epoch: '5',
      operator: 'ada',
      why: order.why,
      status_after: 'frozen',
      overdraft_after_cents: '0',
    });
    expect(
      await rowsOf('select operator, action, subject, why, detail from processor.operator_log'),
    ).toMatchObject([
      {
        operator: 'ada',
        action: 'freeze',
        subject: accountId,
        why: order.why,
        detail: { statusBefore: 'active' },
      },
    ]);
    const outboxId = verdict.kind === 'ended' ? String(verdict.outboxId) : '';
    expect(await rowsOf('select id, account_ids from processor.outbox order by id desc limit 1')).toEqual([
      { id: outboxId, account_ids: [accountId] },
    ]);
    expect(await rowsOf('select id from public.transactions')).toHaveLength(1);
    await expectCleanAudit();
  });

  it('of an account without decisions, and then a decision fits behind it', async () => {
    expect(await give(command({ kind: 'overdraft', overdraftCents: 500n }))).toMatchObject({
      result: { kind: 'done', seq: 1n, overdraftCents: 500n },
    });
    await deposited(100n);
    expect(await present()).toMatchObject({ seq: 2n, balanceCents: 100n, overdraftCents: 500n });
    await expectCleanAudit();
  });

  it('adjust has its row in transactions, so that the formula stays true, in both directions', async () => {
    await deposited(1_000n);
    const [more, less] = [
      command({ kind: 'adjust', amountCents: 25n }),
      command({ kind: 'adjust', amountCents: -400n }),
    ];
    await give(more);
    expect(await give(less)).toMatchObject({ result: { seq: 3n, balanceCents: 625n } });
    const written = await rowsOf(
      `select id, type, amount_cents, status, idempotency_key from public.transactions where type <> 'DEPOSIT' or amount_cents = 25 order by type`,
    );
    expect(written).toEqual([
      {
        id: less.orderId,
        type: 'CHARGE',
        amount_cents: '400',
        status: 'APPROVED',
        idempotency_key: `operator:${less.orderId}`,
      },
      {
        id: more.orderId,
        type: 'DEPOSIT',
        amount_cents: '25',
        status: 'APPROVED',
        idempotency_key: `operator:${more.orderId}`,
      },
    ]);
    await expectCleanAudit();
  });

  it('all of them in a row, and the audit agrees', async () => {
    const actions: readonly OperatorAction[] = [
      { kind: 'overdraft', overdraftCents: 300n },
      { kind: 'adjust', amountCents: -200n },
      { kind: 'freeze' },
      { kind: 'adjust', amountCents: 200n },
      { kind: 'unfreeze' },
      { kind: 'overdraft', overdraftCents: 0n },
      { kind: 'close' },
    ];
    for (const action of actions)
      expect(await give(command(action))).toMatchObject({ result: { kind: 'done' } });
    expect(await journalTypes()).toEqual([
      'OVERDRAFT',
      'CHARGE',
      'FREEZE',
      'DEPOSIT',
      'UNFREEZE',
      'OVERDRAFT',
      'CLOSE',
    ]);
    expect(await present()).toMatchObject({
      seq: 7n,
      balanceCents: 0n,
      status: 'closed',
      overdraftCents: 0n,
    });
    await expectCleanAudit();
  });
});

describe('the same order again', () => {
  it.each([
    ['another action', { kind: 'close' }],
    ['another amount', { kind: 'adjust', amountCents: 6n }],
  ] as const)('its id with %s is refused', async (_, action) => {
    const first = command({ kind: 'adjust', amountCents: 5n });
    await give(first);
    const verdict = await give({ ...command(action), orderId: first.orderId });
    expect(verdict).toMatchObject({
      result: { kind: 'refused', detail: expect.stringContaining('belongs to another') as string },
    });
  });

  it('the id of a transaction is refused, decided or not', async () => {
    const deposit = await pendingCommand(database.pool, { accountId });
    const order = { ...command({ kind: 'adjust', amountCents: 5n }), orderId: deposit.transactionId };
    expect(await give(order)).toMatchObject({ result: { kind: 'refused' } });
    const lane = ledgerOn(database.url);
    await lane.commit([changeOf([approved(deposit)], { shard, epoch: EPOCH })]);
    await lane.close();
    expect(await give({ ...order, action: { kind: 'freeze' } })).toMatchObject({
      result: { kind: 'refused' },
    });
    expect(await journalTypes()).toEqual(['DEPOSIT']);
  });
});

describe('not carried out', () => {
  it('waits for a takeover under way and finds itself fenced', async () => {
    const claimant = await newClient(database.url, 'another node');
    clients.push(claimant);
    await claimant.query('begin');
    await claimant.query('update processor.shards set epoch = 6 where shard = $1', [shard]);
    const late = give(command({ kind: 'freeze' }));
    await eventually(async () => {
      const waiting = await rowsOf(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting).toHaveLength(1);
    });
    await claimant.query('commit');
    expect(await late).toEqual({ kind: 'fenced' });
    expect(await present()).toMatchObject({ seq: 0n, status: 'active' });
  });

  it('stale: somebody has put the balance right by hand, which moves no seq either', async () => {
    await deposited(100n);
    await database.pool.query('update processor.accounts set balance_cents = 101');
    await setAside();
    const state = await present();
    await database.pool.query('update processor.accounts set balance_cents = 100');
    expect(await give(command({ kind: 'release' }), { state })).toEqual({ kind: 'stale' });
    expect(await give(command({ kind: 'release' }))).toMatchObject({
      result: { kind: 'done', balanceCents: 100n },
    });
  });

  it('a why that cannot be stored is refused by the database, nothing is half written', async () => {
    await expect(give(command({ kind: 'freeze' }, { why: 'U+0000: \0' }))).rejects.toMatchObject({
      kind: 'refused',
    });
    expect(await journalTypes()).toEqual([]);
  });
});

describe('release', () => {
  it('without a line in the log it is active', async () => {
    await deposited(100n);
    await setAside();
    await database.pool.query('truncate processor.operator_log');
    expect(await give(command({ kind: 'release' }))).toMatchObject({ result: { status: 'active' } });
  });

  it.each([
    ['a balance that is not the sum', 'update processor.accounts set balance_cents = 101'],
    ['a seq beyond the journal', 'update processor.accounts set seq = 2'],
    ['an account that lost its balance and seq', 'update processor.accounts set balance_cents = 0, seq = 0'],
  ])('is refused with %s, and goes through when that is put right', async (_, damage) => {
    await deposited(100n);
    await database.pool.query(damage);
    await setAside();
    const refusal = await give(command({ kind: 'release' }));
    expect(refusal).toMatchObject({
      result: { kind: 'refused', detail: expect.stringContaining('still broken') as string },
    });
    expect(await present()).toMatchObject({ status: 'quarantined' });
    await database.pool.query('update processor.accounts set balance_cents = 100, seq = 1');
    expect(await give(command({ kind: 'release' }))).toMatchObject({ result: { kind: 'done', seq: 2n } });
  });

  it('is refused while a row of the journal is missing', async () => {
    await deposited(100n);
    await give(command({ kind: 'freeze' }));
    await database.pool.query(`
      alter table processor.journal disable trigger journal_append_only;
      delete from processor.journal where seq = 1;
      update processor.accounts set balance_cents = 0`);
    await setAside();
    expect(await give(command({ kind: 'release' }))).toMatchObject({ result: { kind: 'refused' } });
  });
});
