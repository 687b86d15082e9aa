/**
 * What a failed commit is called, and that nothing of it stays.
 *
 * Without these: a lane gives up on good commands, tries a poisonous one for ever, or takes a commit whose answer was
 * lost for one that did not happen.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type pg from 'pg';
import { failureKindOf } from '../../src/infra/postgres/sql-state.ts';
import type { PostgresLedger } from '../../src/infra/postgres/ledger.ts';
import type { AccountChange } from '../../src/ports/ledger.ts';
import {
  INCARNATION,
  approved,
  changeOf,
  journalOf,
  ledgerOn,
  newAccount,
  newClient,
  newCommand,
  pendingCommand,
} from '../support/ledger-fixtures.ts';
import { eventually } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';

const database = useDatabase('of the file');
let ledger: PostgresLedger;
let holder: pg.Client;
beforeEach(async () => {
  ledger = ledgerOn(database.url, { lockTimeoutMs: 60_000 });
  holder = await newClient(database.url, 'holder');
});
afterEach(async () => {
  await Promise.all([ledger.close(), holder.end()]);
});

async function newChange(fields: Partial<AccountChange> = {}): Promise<AccountChange> {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  return changeOf([approved(command)], fields);
}

/** Holds the shard's row, so that a commit on it is in progress for as long as we like. */
async function holdShard(shard: number): Promise<void> {
  await holder.query('begin');
  await holder.query('select from processor.shards where shard = $1 for update', [shard]);
}

/** The lane's backend, once it waits for the shard. */
function waitingBackend(): Promise<number> {
  return eventually(async () => {
    const { rows } = await database.pool.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and application_name = $1 and wait_event_type = 'Lock'`,
      [`paygate:test:${INCARNATION}:lane0`],
    );
    expect(rows).toHaveLength(1);
    return rows[0]!.pid;
  });
}

test('data that fits no column is refused, and nothing of the call stays', async () => {
  const good = await newChange();
  const bad = await newChange();
  const impossible = bad.decisions.map((decision) => ({
    ...decision,
    command: { ...decision.command, occurredAt: '2026-02-30T00:00:00Z' },
  }));

  const commit = ledger.commit([good, { ...bad, decisions: impossible }]);

  await expect(commit).rejects.toMatchObject({ name: 'CommitFailure', kind: 'refused', sqlState: '22008' });
  expect(await journalOf(database.pool, good.accountId)).toEqual([]);
  expect((await ledger.commit([good])).verdicts).toEqual([{ kind: 'committed' }]);
});

test('one key in two accounts of one call is refused; in halves the second learns whose it is', async () => {
  const first = newCommand({ accountId: await newAccount(database.pool), shape: 'documented' });
  const second = newCommand({
    accountId: await newAccount(database.pool),
    shape: 'documented',
    idempotencyKey: first.idempotencyKey,
  });
  const changes = [first, second].map((command) => changeOf([approved(command)]));

  await expect(ledger.commit(changes)).rejects.toMatchObject({ kind: 'refused', sqlState: '23505' });
  const halves = [await ledger.commit(changes.slice(0, 1)), await ledger.commit(changes.slice(1))];

  expect(halves.flatMap((receipt) => receipt.verdicts)).toMatchObject([
    { kind: 'committed' },
    {
      kind: 'left-out',
      findings: new Map([[0, { kind: 'key-taken', stored: { transactionId: first.transactionId } }]]),
    },
  ]);
});

test('a lock that is not to be had is busy, and the connection lives', async () => {
  const change = await newChange({ shard: 7 });
  const impatient = ledgerOn(database.url);
  await holdShard(7);

  await expect(impatient.commit([change])).rejects.toMatchObject({ kind: 'busy', sqlState: '55P03' });

  await holder.query('rollback');
  expect((await impatient.commit([change])).verdicts).toEqual([{ kind: 'committed' }]);
  await impatient.close();
});

test('a commit that is cancelled is busy', async () => {
  await holdShard(7);
  const commit = expect(ledger.commit([await newChange({ shard: 7 })])).rejects.toMatchObject({
    kind: 'busy',
    sqlState: '57014',
  });

  await database.pool.query('select pg_cancel_backend($1)', [await waitingBackend()]);
  await commit;
});

test('a backend that is shut down in the middle of a commit: unknown, and the next commit has a new connection', async () => {
  const change = await newChange({ shard: 7 });
  await holdShard(7);
  const commit = expect(ledger.commit([change])).rejects.toMatchObject({
    kind: 'unknown',
    sqlState: '57P01',
  });

  await database.pool.query('select pg_terminate_backend($1)', [await waitingBackend()]);
  await commit;

  await holder.query('rollback');
  expect((await ledger.commit([change])).verdicts).toEqual([{ kind: 'committed' }]);
});

test('a backend that is shut down while the lane is idle costs nothing but a new connection', async () => {
  expect((await ledger.commit([await newChange()])).verdicts).toEqual([{ kind: 'committed' }]);
  const { rows } = await database.pool.query<{ gone: boolean }>(
    'select pg_terminate_backend(pid, 60000) as gone from pg_stat_activity where datname = current_database() and application_name = $1',
    [`paygate:test:${INCARNATION}:lane0`],
  );
  expect(rows).toEqual([{ gone: true }]);

  const change = await newChange();
  await eventually(async () => {
    expect((await ledger.commit([change])).verdicts).toEqual([{ kind: 'committed' }]);
  });
});

test('no answer: unknown; the commit may still happen, and is then recognised as stale', async () => {
  const change = await newChange({ shard: 7 });
  const deaf = ledgerOn(database.url, { lockTimeoutMs: 60_000, answerTimeoutMs: 2_000 });
  // Its connection is there, so that the whole wait is for the answer.
  expect((await deaf.commit([await newChange()])).verdicts).toEqual([{ kind: 'committed' }]);
  await holdShard(7);

  await expect(deaf.commit([change])).rejects.toMatchObject({ kind: 'unknown', sqlState: null });

  await holder.query('rollback');
  await eventually(async () => expect(await journalOf(database.pool, change.accountId)).toHaveLength(1));
  expect((await deaf.commit([change])).verdicts).toEqual([{ kind: 'stale' }]);
  await deaf.close();
});

test('no server: unknown', async () => {
  const nowhere = ledgerOn('postgres://postgres@127.0.0.1:1/postgres');

  await expect(nowhere.commit([await newChange()])).rejects.toMatchObject({
    kind: 'unknown',
    sqlState: null,
  });
});

test('two commits at once on one lane are a mistake of the caller', async () => {
  const [one, two] = [await newChange(), await newChange()];
  const first = ledger.commit([one]);

  await expect(ledger.commit([two])).rejects.toThrow('one commit in flight');
  expect((await first).verdicts).toEqual([{ kind: 'committed' }]);
});

test.each([
  ['22003', 'refused'],
  ['23514', 'refused'],
  ['40001', 'busy'],
  ['40P01', 'busy'],
  ['40002', 'unknown'],
  ['53300', 'unknown'],
  ['57P03', 'unknown'],
  ['08006', 'unknown'],
  ['42883', 'unknown'],
  ['XX000', 'unknown'],
  [null, 'unknown'],
] as const)('SQLSTATE %s is %s', (sqlState, kind) => {
  expect(failureKindOf(sqlState)).toBe(kind);
});
