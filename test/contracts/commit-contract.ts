/**
 * What a commit lets through, what it leaves out and what it writes: the same of PostgreSQL and of the simulated one.
 *
 * Without this the simulator proves that the cluster keeps its promises on a database that there is not.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/domain/finding.ts';
import type { AccountChange, AccountVerdict } from '../../src/ports/ledger.ts';
import { approved, changeOf, INCARNATION, newCommand, rejected } from '../support/ledger-fixtures.ts';
import { claimant, takeOver } from '../support/shard-owner.ts';
import { pendingOn } from './ledger-server.ts';
import type { LedgerServer } from './ledger-server.ts';

export function describeCommit(present: () => LedgerServer): void {
  const commit = (...changes: readonly AccountChange[]) => present().ledger.commit(changes);
  const deposit = async (accountId?: string) =>
    pendingOn(present(), { accountId: accountId ?? (await present().newAccount()) });

  async function verdictOf(change: AccountChange): Promise<AccountVerdict> {
    return (await commit(change)).verdicts[0]!;
  }

  /** The finding for the only decision of a change; also sees to it that nothing was written. */
  async function findingOf(change: AccountChange): Promise<Finding> {
    const before = await present().standingOf(change.accountId);
    const receipt = await commit(change);
    const verdict = receipt.verdicts[0]!;
    if (verdict.kind !== 'left-out') throw new Error(`left-out expected, got ${verdict.kind}`);
    expect([...verdict.findings.keys()]).toEqual([0]);
    expect(receipt).toMatchObject({ outboxId: null, cardTotals: [], decidedAt: null });
    expect(await present().standingOf(change.accountId)).toEqual(before);
    return verdict.findings.get(0)!;
  }

  describe('what a commit leaves out', () => {
    test('a decided transaction, with its first payload and outcome', async () => {
      const command = await pendingOn(present(), {
        accountId: await present().newAccount(),
        type: 'PURCHASE',
      });
      await commit(changeOf([rejected(command, 'INSUFFICIENT_FUNDS')]));
      const { transactionId, accountId, idempotencyKey } = command;
      expect(await findingOf(changeOf([approved(command, { seq: 2n })]))).toEqual({
        kind: 'decided',
        stored: {
          ...{ transactionId, accountId, idempotencyKey, type: 'PURCHASE', amountCents: 1_000n },
          ...{ cardId: null, originalId: null, status: 'REJECTED', reason: 'INSUFFICIENT_FUNDS' },
        },
      });
    });

    test('one that was decided before our time: of an old refund nobody knows the target', async () => {
      const command = newCommand({
        accountId: await present().newAccount(),
        type: 'REFUND',
        originalId: randomUUID(),
      });
      await present().insertRow(command, 'APPROVED');
      expect(await findingOf(changeOf([approved(command)]))).toMatchObject({
        kind: 'decided',
        stored: { status: 'APPROVED', originalId: undefined, reason: null },
      });
    });

    test('a decided one whose row is gone', async () => {
      const command = newCommand({ accountId: await present().newAccount(), shape: 'documented' });
      await commit(changeOf([approved(command)]));
      await present().deleteRow(command.transactionId);
      const finding = await findingOf(changeOf([approved(command, { seq: 2n })]));
      expect(finding).toMatchObject({ kind: 'decided', stored: { status: 'APPROVED' } });
    });

    test('a row in ERROR, unless an operator sends the message again; that closes its letters, but for those of another payload', async () => {
      const server = present();
      const command = newCommand({ accountId: await server.newAccount() });
      await server.insertRow(command, 'ERROR');
      const letter = {
        ...({ queue: 'transactions_queue', deadLetterQueue: 'transactions_dlq', detail: '' } as const),
        ...{ transactionId: command.transactionId, accountId: command.accountId, attempts: 1 },
        ...{ firstSeenAt: '2026-11-22T10:40:00Z', redelivered: false, marksError: false },
      };
      await server.letters.record([
        { ...letter, code: 'ROW_LOCKED', body: Buffer.from('a') },
        { ...letter, code: 'PAYLOAD_MISMATCH', body: Buffer.from('b') },
      ]);
      expect(await findingOf(changeOf([approved(command)]))).toMatchObject({
        kind: 'row-error',
        stored: { status: 'ERROR', amountCents: 1_000n },
      });
      const replay = approved(command, { mayDecideError: true, road: 'replay' });
      expect(await verdictOf(changeOf([replay]))).toEqual({ kind: 'committed' });
      expect((await server.rowOf(command.transactionId))?.status).toBe('APPROVED');
      expect(await server.lettersSeen()).toEqual(['ROW_LOCKED replayed', 'PAYLOAD_MISMATCH open']);
    });

    test.each([
      ['account', { accountId: '' }],
      ['type', { type: 'CHARGE' }],
      ['amount', { amountCents: 999n }],
      ['key', { idempotencyKey: 'another key' }],
      ['amount beyond a JSON number', { amountCents: 9_007_199_254_740_993n }],
    ] as const)('a row that differs in its %s', async (_, difference) => {
      const command = newCommand({ accountId: await present().newAccount() });
      const stored = 'accountId' in difference ? { accountId: await present().newAccount() } : difference;
      await present().insertRow({ ...command, ...stored });
      const finding = await findingOf(changeOf([approved(command)]));
      expect(finding).toMatchObject({ kind: 'row-differs', stored: { ...stored, status: 'PENDING' } });
      expect((await present().rowOf(command.transactionId))?.status).toBe('PENDING');
    });

    test('a row that differs in its card, on either side, and a replay of another payload', async () => {
      const accountId = await present().newAccount();
      const cardId = await present().newCard(accountId);
      const withCard = newCommand({ accountId, cardId, type: 'PURCHASE' });
      await present().insertRow({ ...withCard, cardId: null });
      const withoutCard = newCommand({ accountId, type: 'PURCHASE' });
      await present().insertRow({ ...withoutCard, cardId });
      const replayed = newCommand({ accountId });
      await present().insertRow({ ...replayed, amountCents: 5n }, 'ERROR');
      const kinds: string[] = [];
      for (const decision of [
        approved(withCard),
        approved(withoutCard),
        approved(replayed, { mayDecideError: true }),
      ])
        kinds.push((await findingOf(changeOf([decision]))).kind);
      expect(kinds).toEqual(['row-differs', 'row-differs', 'row-differs']);
    });

    test('a live message without its row, until it is there', async () => {
      const command = newCommand({ accountId: await present().newAccount() });
      expect(await findingOf(changeOf([approved(command)]))).toEqual({ kind: 'row-missing' });
      await present().insertRow(command);
      expect(await verdictOf(changeOf([approved(command)]))).toEqual({ kind: 'committed' });
    });

    test.each(['live', 'documented'] as const)('%s: a key of another transaction', async (shape) => {
      const first = await pendingOn(present(), {
        accountId: await present().newAccount(),
        amountCents: 70n,
      });
      const second = newCommand({
        accountId: first.accountId,
        shape,
        idempotencyKey: first.idempotencyKey,
      });
      expect(await findingOf(changeOf([approved(second)]))).toMatchObject({
        kind: 'key-taken',
        stored: { transactionId: first.transactionId, amountCents: 70n, status: 'PENDING' },
      });
    });

    test('a key whose owner is decided: what the journal knows of it', async () => {
      const accountId = await present().newAccount();
      const cardId = randomUUID();
      const first = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });
      await commit(changeOf([rejected(first, 'CARD_UNKNOWN', { rowCardId: null })]));
      const second = newCommand({ ...first, transactionId: randomUUID() });
      const finding = await findingOf(changeOf([approved(second, { seq: 2n })]));
      expect(finding).toMatchObject({ kind: 'key-taken', stored: { cardId, reason: 'CARD_UNKNOWN' } });
    });

    test.each(['live', 'documented'] as const)('%s: an account that there is not', async (shape) => {
      const command = newCommand({ accountId: randomUUID(), shape });
      expect(await findingOf(changeOf([approved(command)]))).toEqual({ kind: 'no-account' });
    });

    test('what would point to a card or an original that is not there', async () => {
      const accountId = await present().newAccount();
      const card = newCommand({ accountId, shape: 'documented', type: 'PURCHASE', cardId: randomUUID() });
      const refund = newCommand({ accountId, shape: 'documented', type: 'REFUND', originalId: randomUUID() });
      const live = await pendingOn(present(), { accountId, type: 'REFUND', originalId: randomUUID() });
      for (const command of [card, refund, live])
        expect(await findingOf(changeOf([approved(command)]))).toEqual({ kind: 'reference-gone' });
    });

    test('an account whole, and nobody else', async () => {
      const server = present();
      const [good, bad, odd] = await Promise.all([1, 2, 3].map(() => server.newAccount()));
      const goodCommand = await pendingOn(server, { accountId: good! });
      const missing = newCommand({ accountId: bad! });
      const fine = await pendingOn(server, { accountId: bad! });
      const decided = newCommand({ accountId: bad! });
      await server.insertRow(decided, 'REJECTED');
      const differs = newCommand({ accountId: odd! });
      await server.insertRow({ ...differs, type: 'CHARGE' });
      const { verdicts, outboxId } = await commit(
        changeOf([
          approved(missing),
          approved(fine, { seq: 2n, before: 1_000n }),
          approved(decided, { seq: 3n, before: 2_000n }),
        ]),
        changeOf([approved(goodCommand)]),
        changeOf([approved(differs)]),
      );
      expect(verdicts.map((verdict) => verdict.kind)).toEqual(['left-out', 'committed', 'left-out']);
      const [left] = verdicts;
      const findings = left?.kind === 'left-out' ? left.findings : new Map<number, Finding>();
      expect([...findings].map(([index, { kind }]) => [index, kind]).sort()).toEqual([
        [0, 'row-missing'],
        [2, 'decided'],
      ]);
      expect((await server.rowOf(fine.transactionId))?.status).toBe('PENDING');
      expect([await server.journalOf(bad!), await server.journalOf(good!)]).toEqual([
        [],
        [goodCommand.transactionId],
      ]);
      expect(await server.outboxSeen()).toEqual([outboxId]);
      const shown: string[] = [];
      await server
        .outboxOf(randomUUID())
        .takeOver({ ageMs: 0, limit: 10, known: [], able: 'all' }, (tasks) =>
          Promise.resolve(void shown.push(...tasks.flatMap(({ balances }) => balances.map(({ id }) => id)))),
        );
      expect(shown).toEqual([good]);
    });
  });

  describe('the fence of a commit', () => {
    test('keeps out whoever has another epoch, of any of the shards, and nobody else', async () => {
      const owner = present().directoryOf(claimant('a'));
      await takeOver(owner, [1, 2, 3, 4]);
      await takeOver(present().directoryOf(claimant('b')), [3]);
      const commands = await Promise.all([1, 2, 3].map(() => deposit()));
      const { verdicts } = await commit(
        ...commands.map((command, n) => changeOf([approved(command)], { shard: n + 1, epoch: 1n })),
      );
      expect(verdicts.map(({ kind }) => kind)).toEqual(['committed', 'committed', 'fenced']);
      expect(await present().standingOf(commands[2]!.accountId)).toBeNull();
      const [old, now] = await Promise.all([deposit(), deposit()]);
      const both = await commit(
        changeOf([approved(old)], { shard: 4, epoch: 0n }),
        changeOf([approved(now)], { shard: 4, epoch: 1n }),
      );
      expect(both.verdicts.map(({ kind }) => kind)).toEqual(['fenced', 'committed']);
    });

    test('keeps out an epoch that was never given out, and a shard that there is not', async () => {
      const change = changeOf([approved(await deposit())]);
      expect(await verdictOf({ ...change, shard: 4, epoch: 6n })).toEqual({ kind: 'fenced' });
      expect(await verdictOf({ ...change, shard: 256, epoch: 0n })).toEqual({ kind: 'fenced' });
    });

    test('an account that moved on is stale, even if its transactions would tell more', async () => {
      const accountId = await present().newAccount();
      const [command, next] = [await deposit(accountId), await deposit(accountId)];
      await commit(changeOf([approved(command)]));
      for (const decision of [approved(command), approved(next), approved(next, { seq: 3n })])
        expect(await verdictOf(changeOf([decision]))).toEqual({ kind: 'stale' });
      expect(await present().standingOf(accountId)).toEqual({ balanceCents: 1_000n, seq: 1n });
    });
  });

  describe('a commit writes', () => {
    test('a run of decisions: seq counts up, rows have their outcome, the account the last balance', async () => {
      const server = present();
      const accountId = await server.newAccount();
      const run = await Promise.all([1, 2, 3].map(() => deposit(accountId)));
      const [first, second, third] = run;
      const receipt = await commit(
        changeOf([
          approved(first!),
          rejected(second!, 'BALANCE_LIMIT', { seq: 2n, before: 1_000n }),
          approved(third!, { seq: 3n, before: 1_000n }),
        ]),
      );
      expect(receipt).toMatchObject({ verdicts: [{ kind: 'committed' }], cardTotals: [] });
      expect(receipt.decidedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      expect(await server.standingOf(accountId)).toEqual({ balanceCents: 2_000n, seq: 3n });
      const rows = await Promise.all(run.map(({ transactionId }) => server.rowOf(transactionId)));
      expect(rows.map((row) => row?.status)).toEqual(['APPROVED', 'REJECTED', 'APPROVED']);
      expect(await server.journalOf(accountId)).toEqual(run.map(({ transactionId }) => transactionId));
    });

    test('the row of a documented message that has none; an unknown card is not in it', async () => {
      const accountId = await present().newAccount();
      const cardId = await present().newCard(accountId);
      const known = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });
      const unknown = newCommand({ ...known, transactionId: randomUUID(), idempotencyKey: randomUUID() });
      await commit(
        changeOf([
          approved(known, { before: 5_000n }),
          rejected(unknown, 'CARD_UNKNOWN', { seq: 2n, before: 4_000n, rowCardId: null }),
        ]),
      );
      const row = { accountId, type: 'PURCHASE', amountCents: 1_000n, originalId: null } as const;
      expect(await present().rowOf(known.transactionId)).toEqual({
        ...row,
        ...{ cardId, idempotencyKey: known.idempotencyKey, status: 'APPROVED' },
      });
      expect(await present().rowOf(unknown.transactionId)).toEqual({
        ...row,
        ...{ cardId: null, idempotencyKey: unknown.idempotencyKey, status: 'REJECTED' },
      });
    });

    test('the original into the row of a refund, also when it is rejected, or comes with it', async () => {
      const server = present();
      const accountId = await server.newAccount();
      const original = newCommand({ accountId, shape: 'documented' });
      const fields = { accountId, type: 'REFUND', originalId: original.transactionId } as const;
      const [good, refused] = [await pendingOn(server, fields), await pendingOn(server, fields)];
      const lost = await pendingOn(server, { ...fields, originalId: randomUUID() });
      await commit(
        changeOf([
          approved(original),
          approved(good, { seq: 2n, before: 1_000n }),
          rejected(refused, 'NOTHING_LEFT_TO_REFUND', { seq: 3n, before: 2_000n }),
          rejected(lost, 'ORIGINAL_NOT_FOUND', { seq: 4n, before: 2_000n, rowOriginalId: null }),
        ]),
      );
      const rows = await Promise.all([good, refused, lost].map((c) => server.rowOf(c.transactionId)));
      expect(rows.map((row) => row?.originalId)).toEqual([fields.originalId, fields.originalId, null]);
    });

    test('card totals, over a commit and over commits, never below zero', async () => {
      const accountId = await present().newAccount();
      const cardId = await present().newCard(accountId);
      const buy = (amountCents: bigint) =>
        pendingOn(present(), { accountId, cardId, type: 'PURCHASE', amountCents });
      const refund = { cardId, deltaCents: -100n };
      const both = await commit(
        changeOf([
          approved(await buy(100n), { before: 1_000n }),
          approved(await buy(20n), { seq: 2n, before: 900n }),
        ]),
      );
      expect(both.cardTotals).toEqual([{ cardId, totalCents: 120n, seq: 2n }]);
      const after = await commit(
        changeOf([approved(await buy(3n), { seq: 3n, before: 880n, cardTotal: refund })]),
      );
      expect(after.cardTotals).toEqual([{ cardId, totalCents: 20n, seq: 3n }]);
      const below = await commit(
        changeOf([approved(await buy(1n), { seq: 4n, before: 877n, cardTotal: refund })]),
      );
      expect(below.cardTotals).toEqual([{ cardId, totalCents: 0n, seq: 4n }]);
      // What one commit adds and takes is counted together: only its sum is held to zero.
      const mixed = await commit(
        changeOf([
          approved(await buy(5n), { seq: 5n, before: 876n, cardTotal: refund }),
          approved(await buy(130n), { seq: 6n, before: 871n }),
        ]),
      );
      expect(mixed.cardTotals).toEqual([{ cardId, totalCents: 30n, seq: 6n }]);
      expect(await present().reader.cardTotal(cardId)).toEqual({ cardId, totalCents: 30n, seq: 6n });
    });

    test('what two accounts do with one card in one commit: both count, its version goes up', async () => {
      const [one, two] = [await present().newAccount(), await present().newAccount()];
      const cardId = await present().newCard(one);
      const fields = { cardId, type: 'PURCHASE', amountCents: 50n } as const;
      const [a, b, c] = await Promise.all(
        [one, two, two].map((accountId) => pendingOn(present(), { accountId, ...fields })),
      );
      const together = await commit(
        changeOf([approved(a!, { before: 100n })]),
        changeOf([approved(b!, { before: 100n })]),
      );
      const later = await commit(changeOf([approved(c!, { seq: 2n, before: 50n })]));
      expect(together.cardTotals).toEqual([{ cardId, totalCents: 100n, seq: 1n }]);
      expect(later.cardTotals).toEqual([{ cardId, totalCents: 150n, seq: 2n }]);
    });

    test('nothing where two accounts bring the same transaction, or the same key', async () => {
      const [one, two] = [await present().newAccount(), await present().newAccount()];
      const first = newCommand({ accountId: one, shape: 'documented' });
      const sameId = { ...first, accountId: two, idempotencyKey: randomUUID() };
      const sameKey = { ...first, accountId: two, transactionId: randomUUID() };
      for (const second of [sameId, sameKey])
        await expect(commit(changeOf([approved(first)]), changeOf([approved(second)]))).rejects.toMatchObject(
          { name: 'CommitFailure', kind: 'refused', sqlState: '23505' },
        );
      expect([await present().standingOf(one), await present().standingOf(two)]).toEqual([null, null]);
      expect(await present().outboxSeen()).toEqual([]);
    });

    test('an outbox row of the incarnation that made it', async () => {
      const { outboxId } = await commit(changeOf([approved(await deposit())]));
      const nothing = (): Promise<void> => Promise.resolve();
      const taking = { ageMs: 0, limit: 9, able: 'all', known: [outboxId!] } as const;
      expect(await present().outboxOf(INCARNATION).takeOver(taking, nothing)).toBe(0);
      expect(await present().outboxOf(randomUUID()).takeOver(taking, nothing)).toBe(1);
    });
  });
}
