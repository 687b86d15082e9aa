/**
 * One owner: commits and takeovers of two clients, interleaved by hand (design section 5).
 *
 * Without the row lock of the fence a paused owner commits after it has been replaced, and its successor starts from a
 * balance that is about to change; without the `seq` condition a commit based on an old balance is written.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type pg from 'pg';
import {
  approved,
  callCommit,
  changeOf,
  journalOf,
  newAccount,
  newClient,
  newCommand,
  pendingCommand,
  standingOf,
} from '../support/ledger-fixtures.ts';
import { eventually } from '../support/services.ts';
import { useDatabase, useLedger } from '../support/use-database.ts';

const database = useDatabase('of the file');
const ledger = useLedger(database);
let owner: pg.Client;
let claimant: pg.Client;
beforeAll(async () => {
  owner = await newClient(database.url, 'owner');
  claimant = await newClient(database.url, 'claimant');
});
afterAll(() => Promise.all([owner.end(), claimant.end()]));
beforeEach(async () => {
  await database.pool.query('update processor.shards set epoch = 5 where shard < 10');
});
// Whatever a failed test left open must not hold up the next one.
afterEach(() => Promise.all([owner.query('rollback'), claimant.query('rollback')]));

const bump = (shard: number): Promise<unknown> =>
  claimant.query('update processor.shards set epoch = epoch + 1 where shard = $1', [shard]);

/** Resolves once the client's statement waits for a lock. */
async function waitsForLock(client: pg.Client & { processID?: number }): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query<{ wait_event_type: string | null }>(
      'select wait_event_type from pg_stat_activity where pid = $1',
      [client.processID],
    );
    expect(rows[0]?.wait_event_type).toBe('Lock');
  });
}

test('a commit that waits behind a takeover finds itself fenced', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  await claimant.query('begin');
  await bump(1);

  const late = callCommit(owner, [changeOf([approved(command)], { shard: 1, epoch: 5n })]);
  // One that does not wait at all is told by its verdict.
  await Promise.race([waitsForLock(owner), late]);
  await claimant.query('commit');

  expect((await late).verdicts).toEqual([{ kind: 'fenced' }]);
  expect(await journalOf(database.pool, command.accountId)).toEqual([]);
});

test('a takeover that is rolled back leaves the waiting commit its shard', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  await claimant.query('begin');
  await bump(1);

  const late = callCommit(owner, [changeOf([approved(command)], { shard: 1, epoch: 5n })]);
  await waitsForLock(owner);
  await claimant.query('rollback');

  expect((await late).verdicts).toEqual([{ kind: 'committed' }]);
});

test('a takeover waits for the commit in progress, and reads its balance', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  await owner.query('begin');
  await callCommit(owner, [changeOf([approved(command)], { shard: 2, epoch: 5n })]);

  const takeover = bump(2);
  await waitsForLock(claimant);
  await owner.query('commit');
  await takeover;

  expect(await standingOf(database.pool, command.accountId)).toMatchObject({
    balance_cents: '1000',
    seq: '1',
  });
});

test('a commit on one shard does not wait for a takeover of another', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  await claimant.query('begin');
  await bump(1);

  const receipt = await ledger.commit([changeOf([approved(command)], { shard: 2, epoch: 5n })]);

  await claimant.query('rollback');
  expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
});

test('an account row that changes under the commit makes it fail whole', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  await database.pool.query(
    'insert into processor.accounts (account_id, balance_cents, seq) values ($1, 0, 0)',
    [command.accountId],
  );
  await whileJournalWritten(
    'update processor.accounts set seq = 7 where account_id = new.account_id',
    async () => {
      const commit = ledger.commit([changeOf([approved(command)], { shard: 4, epoch: 5n })]);
      await expect(commit).rejects.toMatchObject({ kind: 'busy', sqlState: '40001' });
    },
  );
  expect(await standingOf(database.pool, command.accountId)).toEqual({ balance_cents: '0', seq: '0' });
});

test('a transactions row that changes under the commit makes it fail whole', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  await whileJournalWritten(
    `update public.transactions set status = 'ERROR' where id = new.transaction_id`,
    async () => {
      const commit = ledger.commit([changeOf([approved(command)], { shard: 4, epoch: 5n })]);
      await expect(commit).rejects.toMatchObject({ kind: 'busy', sqlState: '40001' });
    },
  );
  expect(await standingOf(database.pool, command.accountId)).toBeUndefined();
});

/** Somebody else's change, made at the one moment that counts: after the look, before the write. */
async function whileJournalWritten(change: string, work: () => Promise<void>): Promise<void> {
  await database.pool.query(`
    create function public.meddle() returns trigger language plpgsql as $$ begin ${change}; return new; end $$;
    create trigger meddle before insert on processor.journal for each row execute function public.meddle()`);
  try {
    await work();
  } finally {
    await database.pool.query('drop trigger meddle on processor.journal; drop function public.meddle()');
  }
}

test('the same transaction decided by two nodes at once: the second one is refused, and then told why', async () => {
  const first = newCommand({ accountId: await newAccount(database.pool), shape: 'documented' });
  const second = newCommand({ ...first, accountId: await newAccount(database.pool) });
  const change = changeOf([approved(second)], { shard: 2, epoch: 5n });
  await owner.query('begin');
  await callCommit(owner, [changeOf([approved(first)], { shard: 1, epoch: 5n })]);

  const rival = callCommit(claimant, [change]);
  const refusal = expect(rival).rejects.toMatchObject({ code: '23505' });
  await waitsForLock(claimant);
  await owner.query('commit');
  await refusal;

  expect((await ledger.commit([change])).verdicts[0]).toMatchObject({
    kind: 'left-out',
    findings: new Map([[0, { kind: 'decided', stored: { accountId: first.accountId } }]]),
  });
});

test('a lane does not wait long for a transaction that another node is about to commit', async () => {
  const first = newCommand({ accountId: await newAccount(database.pool), shape: 'documented' });
  const sameKey = newCommand({
    accountId: await newAccount(database.pool),
    shape: 'documented',
    idempotencyKey: first.idempotencyKey,
  });
  await owner.query('begin');
  await callCommit(owner, [changeOf([approved(first)], { shard: 1, epoch: 5n })]);

  const commit = ledger.commit([changeOf([approved(sameKey)], { shard: 2, epoch: 5n })]);

  await expect(commit).rejects.toMatchObject({ kind: 'busy', sqlState: '55P03' });
  await owner.query('rollback');
});

test('rows are inserted in the order of their keys, so that two commits cannot wait for each other', async () => {
  const accountId = await newAccount(database.pool);
  const first = newCommand({ accountId, shape: 'documented', idempotencyKey: 'order-1' });
  const second = newCommand({ accountId, shape: 'documented', idempotencyKey: 'order-2' });
  const insert = (client: pg.Client, key: string): Promise<unknown> =>
    client.query(
      `insert into public.transactions (amount_cents, status, type, idempotency_key) values (1, 'PENDING', 'DEPOSIT', $1)`,
      [key],
    );
  await claimant.query('begin');
  await insert(claimant, second.idempotencyKey);

  const commit = callCommit(owner, [
    changeOf([approved(second), approved(first, { seq: 2n, before: 1_000n })], { shard: 1, epoch: 5n }),
  ]);
  await waitsForLock(owner);
  const third = await newClient(database.url, 'third');
  await third.query(`set lock_timeout = '50ms'`);
  await expect(insert(third, first.idempotencyKey)).rejects.toMatchObject({ code: '55P03' });

  await third.end();
  await claimant.query('rollback');
  expect((await commit).verdicts).toEqual([{ kind: 'committed' }]);
});
