/**
 * What keeps an account out of a commit, and that it keeps out nobody else.
 *
 * Without these: a repeated message is applied twice, a message takes another's row or key, and one odd row stops
 * every account that shares a commit with it.
 */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Finding } from '../../src/domain/finding.ts';
import type { AccountChange, AccountVerdict } from '../../src/ports/ledger.ts';
import {
  approved,
  changeOf,
  insertRow,
  journalOf,
  newAccount,
  newCard,
  newClient,
  newCommand,
  pendingCommand,
  rejected,
  rowOf,
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

test('a decided transaction: the finding holds the first payload and outcome, from the journal', async () => {
  const accountId = await newAccount(database.pool);
  const command = await pendingCommand(database.pool, { accountId, type: 'PURCHASE' });
  await ledger.commit([changeOf([rejected(command, 'INSUFFICIENT_FUNDS')])]);

  const again = await findingOf(changeOf([approved(command, { seq: 2n })]));

  expect(again).toEqual({
    kind: 'decided',
    stored: {
      transactionId: command.transactionId,
      accountId,
      type: 'PURCHASE',
      amountCents: 1_000n,
      cardId: null,
      originalId: null,
      idempotencyKey: command.idempotencyKey,
      status: 'REJECTED',
      reason: 'INSUFFICIENT_FUNDS',
    },
  });
});

test('a final row without a journal row counts as decided; the refund target of an old refund is not known', async () => {
  const accountId = await newAccount(database.pool);
  const command = newCommand({ accountId, type: 'REFUND', originalId: randomUUID() });
  await insertRow(database.pool, command, 'APPROVED');

  const finding = await findingOf(changeOf([approved(command)]));

  expect(finding).toMatchObject({
    kind: 'decided',
    stored: { status: 'APPROVED', originalId: undefined, reason: null },
  });
});

test('a decision whose row is gone counts as decided', async () => {
  const accountId = await newAccount(database.pool);
  const command = newCommand({ accountId, shape: 'documented' });
  await ledger.commit([changeOf([approved(command)])]);
  await database.pool.query('delete from public.transactions where id = $1', [command.transactionId]);

  const finding = await findingOf(changeOf([approved(command, { seq: 2n })]));

  expect(finding).toMatchObject({ kind: 'decided', stored: { status: 'APPROVED' } });
});

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

test('a row in ERROR stays as it is, unless an operator sends the message again', async () => {
  const accountId = await newAccount(database.pool);
  const command = newCommand({ accountId });
  await insertRow(database.pool, command, 'ERROR');

  expect(await findingOf(changeOf([approved(command)]))).toMatchObject({
    kind: 'row-error',
    stored: { status: 'ERROR', amountCents: 1_000n },
  });
  expect(await verdictOf(changeOf([approved(command, { mayDecideError: true, road: 'replay' })]))).toEqual({
    kind: 'committed',
  });
  expect((await rowOf(database.pool, command.transactionId))?.status).toBe('APPROVED');
});

test.each([
  ['account', { accountId: '' }],
  ['type', { type: 'CHARGE' }],
  ['amount', { amountCents: 999n }],
  ['key', { idempotencyKey: 'another key' }],
  ['amount beyond a JSON number', { amountCents: 9_007_199_254_740_993n }],
] as const)('a PENDING row that differs in %s is left alone', async (_, difference) => {
  const accountId = await newAccount(database.pool);
  const other = await newAccount(database.pool);
  const stored = 'accountId' in difference ? { accountId: other } : difference;
  const command = newCommand({ accountId });
  await insertRow(database.pool, { ...command, ...stored });

  const finding = await findingOf(changeOf([approved(command)]));

  expect(finding).toMatchObject({ kind: 'row-differs', stored: { ...stored, status: 'PENDING' } });
  expect((await rowOf(database.pool, command.transactionId))?.status).toBe('PENDING');
});

test('a PENDING row that differs in its card is left alone, on either side', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = await newCard(database.pool, accountId);
  const withCard = newCommand({ accountId, cardId, type: 'PURCHASE' });
  await insertRow(database.pool, { ...withCard, cardId: null });
  const withoutCard = newCommand({ accountId, type: 'PURCHASE' });
  await insertRow(database.pool, { ...withoutCard, cardId });

  expect((await findingOf(changeOf([approved(withCard)]))).kind).toBe('row-differs');
  expect((await findingOf(changeOf([approved(withoutCard)]))).kind).toBe('row-differs');
});

test("a replay is held to its row's payload as well", async () => {
  const accountId = await newAccount(database.pool);
  const command = newCommand({ accountId });
  await insertRow(database.pool, { ...command, amountCents: 5n }, 'ERROR');

  const finding = await findingOf(changeOf([approved(command, { mayDecideError: true })]));

  expect(finding).toMatchObject({ kind: 'row-differs', stored: { status: 'ERROR', amountCents: 5n } });
});

test('a live message without its row waits for it', async () => {
  const command = newCommand({ accountId: await newAccount(database.pool) });

  expect(await findingOf(changeOf([approved(command)]))).toEqual({ kind: 'row-missing' });

  await insertRow(database.pool, command);
  expect(await verdictOf(changeOf([approved(command)]))).toEqual({ kind: 'committed' });
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

test.each(['live', 'documented'] as const)('%s: a key that belongs to another transaction', async (shape) => {
  const accountId = await newAccount(database.pool);
  const first = await pendingCommand(database.pool, { accountId, amountCents: 70n });
  const second = newCommand({ accountId, shape, idempotencyKey: first.idempotencyKey });

  const finding = await findingOf(changeOf([approved(second)]));

  expect(finding).toMatchObject({
    kind: 'key-taken',
    stored: { transactionId: first.transactionId, amountCents: 70n, status: 'PENDING' },
  });
});

test('the owner of a taken key is described by its journal row, which knows more than its row', async () => {
  const accountId = await newAccount(database.pool);
  const cardId = randomUUID();
  const first = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });
  await ledger.commit([changeOf([rejected(first, 'CARD_UNKNOWN', { rowCardId: null })])]);
  const second = newCommand({ ...first, transactionId: randomUUID() });

  const finding = await findingOf(changeOf([approved(second, { seq: 2n })]));

  expect(finding).toMatchObject({ kind: 'key-taken', stored: { cardId, reason: 'CARD_UNKNOWN' } });
});

test.each(['live', 'documented'] as const)('%s: an account that is not in accounts', async (shape) => {
  const command = newCommand({ accountId: randomUUID(), shape });

  expect(await findingOf(changeOf([approved(command)]))).toEqual({ kind: 'no-account' });
});

test('a row that is to be inserted cannot point to a card or an original that is not there', async () => {
  const accountId = await newAccount(database.pool);
  const card = newCommand({ accountId, shape: 'documented', type: 'PURCHASE', cardId: randomUUID() });
  const refund = newCommand({ accountId, shape: 'documented', type: 'REFUND', originalId: randomUUID() });

  expect(await findingOf(changeOf([approved(card)]))).toEqual({ kind: 'reference-gone' });
  expect(await findingOf(changeOf([approved(refund)]))).toEqual({ kind: 'reference-gone' });
});

test('the row of a live refund cannot be pointed to an original that is not there', async () => {
  const accountId = await newAccount(database.pool);
  const refund = await pendingCommand(database.pool, { accountId, type: 'REFUND', originalId: randomUUID() });

  expect(await findingOf(changeOf([approved(refund)]))).toEqual({ kind: 'reference-gone' });
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

test('an account with a finding is left out whole, the others of the call are committed', async () => {
  const [good, bad, odd] = await Promise.all([1, 2, 3].map(() => newAccount(database.pool)));
  const goodCommand = await pendingCommand(database.pool, { accountId: good! });
  const missing = newCommand({ accountId: bad! });
  const fine = await pendingCommand(database.pool, { accountId: bad! });
  const decided = newCommand({ accountId: bad! });
  await insertRow(database.pool, decided, 'REJECTED');
  const differs = newCommand({ accountId: odd! });
  await insertRow(database.pool, { ...differs, type: 'CHARGE' });

  const receipt = await ledger.commit([
    changeOf([
      approved(missing),
      approved(fine, { seq: 2n, before: 1_000n }),
      approved(decided, { seq: 3n, before: 2_000n }),
    ]),
    changeOf([approved(goodCommand)]),
    changeOf([approved(differs)]),
  ]);

  expect(receipt.verdicts.map((verdict) => verdict.kind)).toEqual(['left-out', 'committed', 'left-out']);
  const [left] = receipt.verdicts;
  const findings = left?.kind === 'left-out' ? left.findings : new Map<number, Finding>();
  expect([...findings].map(([index, finding]) => [index, finding.kind]).sort()).toEqual([
    [0, 'row-missing'],
    [2, 'decided'],
  ]);
  expect((await rowOf(database.pool, fine.transactionId))?.status).toBe('PENDING');
  expect(await journalOf(database.pool, bad!)).toEqual([]);
  expect(await journalOf(database.pool, good!)).toEqual([goodCommand.transactionId]);
  const { rows } = await database.pool.query<{ account_ids: string[] }>(
    'select account_ids from processor.outbox where id = $1',
    [receipt.outboxId],
  );
  expect(rows[0]?.account_ids).toEqual([good]);
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
