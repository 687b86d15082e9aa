/**
 * Operators' orders: the same of PostgreSQL and of the simulated one.
 *
 * Without this a simulated order is carried out twice, or on an account that has changed since it was judged, and nobody sees it.
 */
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { OperatorAction, OperatorCommand } from '../../src/contracts/command.ts';
import type { AccountState } from '../../src/domain/account.ts';
import { judgeOrder } from '../../src/domain/judge-order.ts';
import type { OrderVerdict } from '../../src/ports/operator-ledger.ts';
import { approved, changeOf } from '../support/ledger-fixtures.ts';
import { claimant, takeOver } from '../support/shard-owner.ts';
import { pendingOn } from './ledger-server.ts';
import type { LedgerServer } from './ledger-server.ts';

const SHARD = 3;
const EPOCH = 1n;

export function describeOrders(server: () => LedgerServer): void {
  let accountId: string;

  async function present(): Promise<AccountState> {
    const account = await server().reader.account(accountId);
    if (account === null) throw new Error('the account is gone');
    return account;
  }

  function command(action: OperatorAction): OperatorCommand {
    return { kind: 'operator', orderId: randomUUID(), accountId, action, operator: 'ada', why: 'a test' };
  }

  /** Judges and applies, as an actor that has just read the account. */
  async function give(
    given: OperatorCommand,
    fields: { readonly epoch?: bigint; readonly state?: AccountState } = {},
  ): Promise<OrderVerdict> {
    const state = fields.state ?? (await present());
    const judgement = judgeOrder(state, given.action);
    return server().operatorLedger.apply({
      ...{ shard: SHARD, epoch: fields.epoch ?? EPOCH, state, command: given, judgement },
    });
  }

  async function deposited(cents: bigint): Promise<string> {
    const { seq, balanceCents } = await present();
    const deposit = await pendingOn(server(), { accountId, amountCents: cents });
    const decision = approved(deposit, { seq: seq + 1n, before: balanceCents });
    const receipt = await server().ledger.commit([changeOf([decision], { shard: SHARD, epoch: EPOCH })]);
    expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
    return deposit.transactionId;
  }

  const setAside = () =>
    server().quarantines.setAside({ accountId, shard: SHARD, epoch: EPOCH, reason: 'a test' });

  describe('an order', () => {
    beforeEach(async () => {
      await takeOver(server().directoryOf(claimant('a')), [SHARD]);
      accountId = await server().newAccount();
    });

    test('takes the next seq, leaves an outbox row, and a decision fits behind it', async () => {
      await deposited(1_000n);
      const verdict = await give(command({ kind: 'freeze' }));
      expect(verdict).toMatchObject({
        kind: 'ended',
        result: { kind: 'done', seq: 2n, balanceCents: 1_000n, overdraftCents: 0n, status: 'frozen' },
        state: { accountId, seq: 2n, status: 'frozen' },
      });
      expect((await server().outboxSeen()).at(-1)).toBe(verdict.kind === 'ended' ? verdict.outboxId : null);
      expect(await present()).toMatchObject({ seq: 2n, balanceCents: 1_000n, status: 'frozen' });
      await deposited(5n);
      expect(await present()).toMatchObject({ seq: 3n, balanceCents: 1_005n });
    });

    test('that adjusts has its row in transactions, in both directions', async () => {
      await deposited(1_000n);
      const [more, less] = [
        command({ kind: 'adjust', amountCents: 25n }),
        command({ kind: 'adjust', amountCents: -400n }),
      ];
      await give(more);
      expect(await give(less)).toMatchObject({ result: { seq: 3n, balanceCents: 625n } });
      const row = { accountId, status: 'APPROVED', cardId: null, originalId: null } as const;
      expect(await server().rowOf(more.orderId)).toEqual({
        ...{ ...row, type: 'DEPOSIT', amountCents: 25n, idempotencyKey: `operator:${more.orderId}` },
      });
      expect(await server().rowOf(less.orderId)).toEqual({
        ...{ ...row, type: 'CHARGE', amountCents: 400n, idempotencyKey: `operator:${less.orderId}` },
      });
      expect(await server().reader.journalCheck(accountId)).toMatchObject({ journalCents: 625n });
    });

    test('is carried out once: again it gets its first outcome, whatever holds by now and however old the view', async () => {
      const state = await present();
      const freeze = command({ kind: 'freeze' });
      const adjust = command({ kind: 'adjust', amountCents: 5n });
      await give(freeze);
      await deposited(100n);
      const done = { kind: 'done', seq: 1n, balanceCents: 0n, status: 'frozen' };
      expect(await give(freeze)).toMatchObject({ result: done, outboxId: null });
      expect(await give(freeze, { state })).toMatchObject({ result: done, outboxId: null });
      const view = await present();
      await Promise.all([give(adjust, { state: view }), give(adjust, { state: view })]);
      expect(await present()).toMatchObject({ seq: 3n, balanceCents: 105n });
    });

    test('under the id of another order, or of a transaction, is refused', async () => {
      const first = command({ kind: 'adjust', amountCents: 5n });
      await give(first);
      const transactionId = await deposited(100n);
      const pending = await pendingOn(server(), { accountId });
      const ids = [first.orderId, transactionId, pending.transactionId];
      for (const orderId of ids)
        expect(await give({ ...command({ kind: 'adjust', amountCents: 6n }), orderId })).toMatchObject({
          result: { kind: 'refused' },
        });
      for (const orderId of ids.slice(0, 2))
        expect(await give({ ...command({ kind: 'freeze' }), orderId })).toMatchObject({
          result: { kind: 'refused' },
        });
      expect(await present()).toMatchObject({ seq: 2n, balanceCents: 105n, status: 'active' });
    });

    test.each([0n, 2n])('under epoch %s is fenced', async (epoch) => {
      expect(await give(command({ kind: 'freeze' }), { epoch })).toEqual({ kind: 'fenced' });
      expect(await present()).toMatchObject({ seq: 0n, status: 'active' });
    });

    test('of an account that was another when it was judged is stale', async () => {
      const fresh = await present();
      await deposited(100n);
      const before = await present();
      await setAside();
      for (const state of [fresh, before, { ...(await present()), overdraftCents: 1n }])
        expect(await give(command({ kind: 'freeze' }), { state })).toEqual({ kind: 'stale' });
      expect(await present()).toMatchObject({ seq: 1n, status: 'quarantined' });
    });

    test.each([
      [{ kind: 'unfreeze' }, 'not frozen'],
      [{ kind: 'close' }, 'its balance is'],
      [{ kind: 'adjust', amountCents: -101n }, 'at most that can be taken'],
      [{ kind: 'release' }, 'not quarantined'],
    ] as const)('that was judged so is refused: %o', async (action, sentence) => {
      await deposited(100n);
      expect(await give(command(action))).toMatchObject({
        result: { kind: 'refused', detail: expect.stringContaining(sentence) as string },
      });
      expect(await present()).toMatchObject({ seq: 1n, balanceCents: 100n, status: 'active' });
    });

    test.each(['active', 'frozen'] as const)(
      'that releases gives the status of before: %s',
      async (before) => {
        await deposited(100n);
        if (before === 'frozen') await give(command({ kind: 'freeze' }));
        await setAside();
        expect(await give(command({ kind: 'freeze' }))).toMatchObject({ result: { kind: 'refused' } });
        expect(await give(command({ kind: 'release' }))).toMatchObject({
          result: { kind: 'done', status: before },
        });
        expect(await present()).toMatchObject({ status: before, balanceCents: 100n });
      },
    );

    test('that releases is refused while the balance is not the sum of the journal', async () => {
      await deposited(100n);
      await server().setBalance(accountId, 101n);
      await setAside();
      expect(await give(command({ kind: 'release' }))).toMatchObject({
        result: { kind: 'refused', detail: expect.stringContaining('still broken') as string },
      });
      await server().setBalance(accountId, 100n);
      expect(await give(command({ kind: 'release' }))).toMatchObject({ result: { kind: 'done', seq: 2n } });
    });
  });
}
