/**
 * What an actor reads before it decides, and what the sweeper finds: the same of PostgreSQL and of the simulated one.
 *
 * Without this simulated accounts begin from what no real one would, and lost messages are driven that nobody would drive.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { noHistory, RecentDecisions } from '../../src/domain/rules/history.ts';
import type { DeadLetter } from '../../src/ports/stores.ts';
import { approved, changeOf, newCommand, rejected } from '../support/ledger-fixtures.ts';
import { pendingOn } from './ledger-server.ts';
import type { LedgerServer } from './ledger-server.ts';

export function describeReads(present: () => LedgerServer): void {
  describeReader(present);
  describeSweeps(present);
}

function describeReader(present: () => LedgerServer): void {
  describe('the reader', () => {
    test('knows an account without decisions as active and empty, and no other', async () => {
      const accountId = await present().newAccount();
      expect(await present().reader.account(accountId)).toEqual({
        ...{ accountId, balanceCents: 0n, seq: 0n, status: 'active', overdraftCents: 0n },
        ...{ hasParked: false, lastEventMs: -Infinity },
      });
      expect(await present().reader.account(randomUUID())).toBeNull();
      expect(await present().reader.journalCheck(accountId)).toMatchObject({ journalCents: 0n });
      expect(await present().reader.journalCheck(randomUUID())).toBeNull();
    });

    test('sees every commit: the account, the sum of its journal, its past', async () => {
      const server = present();
      const accountId = await server.newAccount();
      const [deposit, charge] = [
        await pendingOn(server, { accountId }),
        await pendingOn(server, { accountId, type: 'CHARGE', amountCents: 1n }),
      ];
      const decisions = [approved(deposit), approved(charge, { seq: 2n, before: 1_000n })] as const;
      await server.ledger.commit([changeOf([decisions[0]])]);
      expect(await server.reader.account(accountId)).toMatchObject({ balanceCents: 1_000n, seq: 1n });
      await server.ledger.commit([changeOf([decisions[1]])]);
      expect(await server.reader.account(accountId)).toMatchObject({
        ...{ balanceCents: 999n, seq: 2n, lastEventMs: decisions[1].eventTime.atMs },
      });
      expect(await server.reader.journalCheck(accountId)).toMatchObject({
        ...{ state: { accountId, balanceCents: 999n, seq: 2n }, journalCents: 999n },
      });
      const needs = { windowMs: 60_000, rejected: true };
      for (const seq of [1n, 2n]) {
        const recent = new RecentDecisions(noHistory(-Infinity), needs);
        for (const decision of decisions) if (decision.seq <= seq) recent.add(decision);
        const { approved: yes, rejected: no } = recent;
        expect(await server.reader.history({ accountId, seq, needs })).toMatchObject({
          ...{ approved: yes, rejected: no },
        });
      }
    });

    test('knows whose a card is', async () => {
      const accountId = await present().newAccount();
      const cardId = await present().newCard(accountId);
      expect(await present().reader.cardOwner(cardId)).toBe(accountId);
      expect(await present().reader.cardOwner(randomUUID())).toBeNull();
      expect(await present().reader.cardTotal(cardId)).toEqual({ cardId, totalCents: 0n, seq: 0n });
    });

    test('knows an original: unknown, waiting, decided, with what was refunded of it so far', async () => {
      const { reader, ledger } = present();
      const accountId = await present().newAccount();
      const cardId = await present().newCard(accountId);
      const purchase = await pendingOn(present(), { accountId, cardId, type: 'PURCHASE' });
      const refund = (amountCents: bigint) =>
        pendingOn(present(), {
          ...{ accountId, type: 'REFUND', originalId: purchase.transactionId, amountCents },
        });
      const [first, second, refused] = [await refund(100n), await refund(20n), await refund(5_000n)];
      expect(await reader.original(randomUUID())).toMatchObject({
        ...{ status: 'UNKNOWN', refundedCents: 0n, hasRow: false },
      });
      const fact = { accountId, cardId, type: 'PURCHASE', amountCents: 1_000n, hasRow: true };
      const { transactionId } = purchase;
      expect(await reader.original(transactionId)).toEqual({
        ...{ ...fact, transactionId, status: 'PENDING', refundedCents: 0n },
      });
      await ledger.commit([
        changeOf([
          approved(purchase, { before: 5_000n }),
          approved(first, { seq: 2n, before: 4_000n }),
          approved(second, { seq: 3n, before: 4_100n }),
          rejected(refused, 'REFUND_EXCEEDS_ORIGINAL', { seq: 4n, before: 4_120n }),
        ]),
      ]);
      expect(await reader.original(transactionId)).toEqual({
        ...{ ...fact, transactionId, status: 'APPROVED', refundedCents: 120n },
      });
      expect(await reader.original(refused.transactionId)).toMatchObject({ status: 'REJECTED' });
    });

    test('knows what is on record of a transaction: its decision, else its row', async () => {
      const accountId = await present().newAccount();
      const cardId = randomUUID();
      const decided = newCommand({ accountId, cardId, type: 'PURCHASE', shape: 'documented' });
      await present().ledger.commit([changeOf([rejected(decided, 'CARD_UNKNOWN', { rowCardId: null })])]);
      const pending = await pendingOn(present(), { accountId, type: 'REFUND', originalId: randomUUID() });
      expect(await present().reader.stored(decided.transactionId)).toMatchObject({
        ...{ cardId, status: 'REJECTED', reason: 'CARD_UNKNOWN' },
      });
      expect(await present().reader.stored(pending.transactionId)).toMatchObject({
        ...{ status: 'PENDING', originalId: undefined, reason: null },
      });
      expect(await present().reader.stored(randomUUID())).toBeNull();
    });
  });
}

function describeSweeps(present: () => LedgerServer): void {
  const HOUR_MS = 3_600_000;
  const sweeps = () => present().sweepsOf(randomUUID());

  async function lost(
    ageMs: number,
    fields: Partial<Parameters<typeof newCommand>[0]> = {},
  ): Promise<TransactionCommand> {
    const command = newCommand({ accountId: await present().newAccount(), ...fields });
    await present().insertRow(command, 'PENDING', ageMs);
    return command;
  }

  const idsIn = (rows: readonly { readonly id: string }[]): readonly string[] => rows.map(({ id }) => id);

  describe('a sweep', () => {
    test('is one node’s turn at a time, and for whoever has it alone', async () => {
      const [first, second] = [sweeps(), sweeps()];
      const slice = { fromMs: 0, toMs: 1, after: null };
      await expect(first.look(slice, [], 1)).rejects.toThrow('the turn to sweep was lost');
      const turn = await first.begin();
      expect(turn?.markMs).toBeNull();
      expect(Math.abs((turn?.nowMs ?? 0) - Date.now())).toBeLessThan(HOUR_MS);
      expect(await second.begin()).toBeNull();
      expect(await first.begin()).not.toBeNull();
      const markMs = (turn?.nowMs ?? 0) - 5_000;
      await first.finish(markMs);
      await first.finish(markMs - 1_000);
      await first.release();
      await expect(first.finish(1)).rejects.toThrow('the turn to sweep was lost');
      expect((await second.begin())?.markMs).toBeCloseTo(markMs, 0);
      await second.release();
      await second.release();
    });

    test('finds PENDING rows of its slice, oldest first, in pages, without those known', async () => {
      const store = sweeps();
      const { nowMs } = (await store.begin())!;
      const [young, old, middle] = [await lost(HOUR_MS), await lost(3 * HOUR_MS), await lost(2 * HOUR_MS)];
      const [older, known] = [await lost(5 * HOUR_MS), await lost(2 * HOUR_MS)];
      const decided = await lost(2 * HOUR_MS);
      await present().ledger.commit([changeOf([approved(decided)])]);
      const slice = { fromMs: nowMs - 4 * HOUR_MS, toMs: nowMs - HOUR_MS / 2, after: null };
      const page = await store.look(slice, [known.transactionId], 2);
      expect([page.examined, idsIn(page.rows)]).toEqual([5, [old.transactionId, middle.transactionId]]);
      const rest = await store.look({ ...slice, after: page.rows[1]! }, [known.transactionId], 2);
      expect(idsIn(rest.rows)).toEqual([young.transactionId]);
      expect(
        idsIn(await store.again([young.transactionId, decided.transactionId, older.transactionId])),
      ).toEqual([older.transactionId, young.transactionId]);
      expect(page.rows[0]).toMatchObject({ accountId: old.accountId, type: 'DEPOSIT', amountCents: 1_000n });
      await store.release();
    });

    test('leaves what a retry, a parked command of the account or an open letter takes care of', async () => {
      const server = present();
      const letterOf = (code: DeadLetter['code'], { transactionId, accountId }: TransactionCommand) =>
        server.letters.record([
          {
            ...{ queue: 'transactions_queue', deadLetterQueue: 'transactions_dlq', code, detail: '' },
            ...{ transactionId, accountId, body: Buffer.from(transactionId), attempts: 1 },
            ...{ firstSeenAt: '2026-11-22T10:40:00Z', redelivered: false, marksError: false },
          },
        ]);
      const refund = { type: 'REFUND', originalId: randomUUID() } as const;
      const [retried, parked, buried] = [await lost(HOUR_MS), await lost(HOUR_MS), await lost(HOUR_MS)];
      const [mismatched, late, lateRefund] = [
        await lost(3 * HOUR_MS),
        await lost(2 * HOUR_MS),
        await lost(HOUR_MS, refund),
      ];
      await server.retries.schedule([
        {
          ...{ transactionId: retried.transactionId, accountId: retried.accountId, attempt: 1 },
          ...{ code: 'ROW_LOCKED', queue: 'transactions_queue', body: Buffer.from('{}') },
          ...{ dueAtMs: Date.now() + HOUR_MS, firstSeenAtMs: Date.now() },
        },
      ]);
      await server.parked.park([
        {
          ...{ accountId: parked.accountId, shard: 3, epoch: 0n, queue: 'transactions_queue' },
          ...{ body: Buffer.from('{}'), reason: 'a test' },
        },
      ]);
      await letterOf('COMMIT_REFUSED', buried);
      // That of another payload says nothing of the row; a missing row has come since, but only a refund's message knows its target.
      await letterOf('PAYLOAD_MISMATCH', mismatched);
      await letterOf('ROW_MISSING', late);
      await letterOf('ROW_MISSING', lateRefund);
      const store = sweeps();
      const { nowMs } = (await store.begin())!;
      const page = await store.look({ fromMs: 0, toMs: nowMs, after: null }, [], 10);
      expect(idsIn(page.rows)).toEqual([mismatched.transactionId, late.transactionId]);
      expect(await store.again([buried.transactionId, lateRefund.transactionId])).toEqual([]);
      await store.release();
    });

    test('closes letters about a refund’s target when the refund was decided all the same', async () => {
      const server = present();
      const accountId = await server.newAccount();
      const [original, open] = [await pendingOn(server, { accountId }), await lost(HOUR_MS)];
      const refund = await pendingOn(server, {
        ...{ accountId, type: 'REFUND', originalId: original.transactionId, amountCents: 5n },
      });
      for (const { transactionId } of [refund, open])
        await server.letters.record([
          {
            ...{ queue: 'transactions_queue', deadLetterQueue: 'transactions_dlq', detail: '', accountId },
            ...{
              code: 'REFUND_TARGET_UNKNOWN',
              transactionId,
              body: Buffer.from(transactionId),
              attempts: 1,
            },
            ...{ firstSeenAt: '2026-11-22T10:40:00Z', redelivered: false, marksError: false },
          },
        ]);
      await server.ledger.commit([
        changeOf([approved(original), approved(refund, { seq: 2n, before: 1_000n })]),
      ]);
      const store = sweeps();
      const turn = await store.begin();
      await store.finish(turn!.nowMs);
      await store.release();
      expect(await server.lettersSeen()).toEqual([
        'REFUND_TARGET_UNKNOWN replayed',
        'REFUND_TARGET_UNKNOWN open',
      ]);
    });
  });
}
