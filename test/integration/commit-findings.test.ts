/**
 * What keeps an account out of a commit where somebody else is at its rows; all else stands in test/contracts/commit-contract.ts.
 *
 * Without these: a row that somebody holds stops every account that shares a commit with it, or one put back by hand is decided anew.
 */
import { expect, test } from 'vitest';
import type { Finding } from '../../src/domain/finding.ts';
import type { AccountChange, AccountVerdict } from '../../src/ports/ledger.ts';
import {
  approved,
  changeOf,
  newAccount,
  newClient,
  newCommand,
  pendingCommand,
  standingOf,
} from '../support/ledger-fixtures.ts';
import { useDatabase, useLedger } from '../support/use-database.ts';

const database = useDatabase('of the file');
const ledger = useLedger(database);

async function verdictOf(change: AccountChange): Promise<AccountVerdict> {
  const receipt = await ledger.commit([change]);
  return receipt.verdicts[0]!;
}

/** The finding for the only decision of a change; also sees to it that nothing was written. */
async function findingOf(change: AccountChange): Promise<Finding> {
  const before = await standingOf(database.pool, change.accountId);
  const receipt = await ledger.commit([change]);
  const verdict = receipt.verdicts[0]!;
  if (verdict.kind !== 'left-out') throw new Error(`left-out expected, got ${verdict.kind}`);
  expect([...verdict.findings.keys()]).toEqual([0]);
  expect(receipt.outboxId).toBeNull();
  expect(await standingOf(database.pool, change.accountId)).toEqual(before);
  return verdict.findings.get(0)!;
}

test('a decision whose row says PENDING again: refused among others, recognised alone', async () => {
  const accountId = await newAccount(database.pool);
  const command = await pendingCommand(database.pool, { accountId });
  await ledger.commit([changeOf([approved(command)])]);
  await database.pool.query(`update public.transactions set status = 'PENDING' where id = $1`, [
    command.transactionId,
  ]);
  const again = changeOf([approved(command, { seq: 2n, before: 1_000n })]);
  const other = changeOf([
    approved(await pendingCommand(database.pool, { accountId: await newAccount(database.pool) })),
  ]);

  await expect(ledger.commit([again, other])).rejects.toMatchObject({ kind: 'refused', sqlState: '23505' });
  expect(await findingOf(again)).toMatchObject({ kind: 'decided', stored: { status: 'APPROVED' } });
  expect(await verdictOf(other)).toEqual({ kind: 'committed' });
});

test('a live row inserted by a transaction that is still open is missing, not waited for', async () => {
  const command = newCommand({ accountId: await newAccount(database.pool) });
  const api = await newClient(database.url, 'go-api');
  await api.query('begin');
  await api.query(
    `insert into public.transactions (id, account_id, amount_cents, status, type, idempotency_key)
     values ($1, $2, 1000, 'PENDING', 'DEPOSIT', $3)`,
    [command.transactionId, command.accountId, command.idempotencyKey],
  );

  expect(await findingOf(changeOf([approved(command)]))).toEqual({ kind: 'row-missing' });

  await api.query('commit');
  await api.end();
  expect(await verdictOf(changeOf([approved(command)]))).toEqual({ kind: 'committed' });
});

test('a row that somebody else holds is reported, not waited for', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  const other = await newClient(database.url, 'somebody else');
  await other.query('begin');
  await other.query('select from public.transactions where id = $1 for update', [command.transactionId]);

  expect(await findingOf(changeOf([approved(command)]))).toEqual({ kind: 'row-locked' });

  await other.query('rollback');
  await other.end();
  expect(await verdictOf(changeOf([approved(command)]))).toEqual({ kind: 'committed' });
});

test('a row that a foreign key check holds is not in the way', async () => {
  const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
  const other = await newClient(database.url, 'somebody else');
  await other.query('begin');
  await other.query('select from public.transactions where id = $1 for key share', [command.transactionId]);

  expect(await verdictOf(changeOf([approved(command)]))).toEqual({ kind: 'committed' });

  await other.query('rollback');
  await other.end();
});

test('a locked row beside a missing one: both accounts are reported, the third is committed', async () => {
  const [held, missing, good] = await Promise.all([1, 2, 3].map(() => newAccount(database.pool)));
  const heldCommand = await pendingCommand(database.pool, { accountId: held! });
  const goodCommand = await pendingCommand(database.pool, { accountId: good! });
  const other = await newClient(database.url, 'somebody else');
  await other.query('begin');
  await other.query('select from public.transactions where id = $1 for update', [heldCommand.transactionId]);

  const receipt = await ledger.commit([
    changeOf([approved(heldCommand)]),
    changeOf([approved(newCommand({ accountId: missing! }))]),
    changeOf([approved(goodCommand)]),
  ]);

  await other.query('rollback');
  await other.end();
  expect(receipt.verdicts).toEqual([
    { kind: 'left-out', findings: new Map([[0, { kind: 'row-locked' }]]) },
    { kind: 'left-out', findings: new Map([[0, { kind: 'row-missing' }]]) },
    { kind: 'committed' },
  ]);
});
