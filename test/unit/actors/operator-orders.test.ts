/**
 * Without this: an order overtakes commands or is overtaken, is carried out twice, is lost when a commit is, stands still
 * in some state of the account, or takes effect on a node that has lost the shard.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AccountActor } from '../../../src/actors/account-actor.ts';
import type { OperatorAction, OperatorCommand } from '../../../src/contracts/command.ts';
import type { AccountStatus } from '../../../src/domain/codes.ts';
import { AccountStage } from '../../support/fakes/account-stage.ts';
import {
  accountIdOf,
  balanceRequest,
  FakeEnvelope,
  operatorOrder,
  transaction,
} from '../../support/fakes/fake-envelope.ts';

let stage: AccountStage;

beforeEach(() => {
  stage = new AccountStage();
  stage.ledger.addAccount(accountIdOf(1), { balanceCents: 1_000n });
});

const order = (n: number, kind: 'freeze' | 'unfreeze' | 'close' | 'release'): FakeEnvelope<OperatorCommand> =>
  new FakeEnvelope(operatorOrder(n, { kind }));
const orderTo = (n: number, action: OperatorAction): FakeEnvelope =>
  new FakeEnvelope(operatorOrder(n, action));
const deposit = (n: number): FakeEnvelope => new FakeEnvelope(transaction(n));
const purchase = (n: number): FakeEnvelope => new FakeEnvelope(transaction(n, { type: 'PURCHASE' }));
const endings = (envelopes: readonly FakeEnvelope[]): readonly string[] =>
  envelopes.map(({ ending }) => ending);

function deliver(actor: AccountActor, envelopes: readonly FakeEnvelope[]): void {
  for (const envelope of envelopes) actor.accept(envelope);
}

describe('in its turn', () => {
  it('commands before it are decided under the old status, those behind it under the new one', async () => {
    const all = [purchase(1), order(1, 'freeze'), purchase(2), deposit(3), order(2, 'unfreeze'), purchase(4)];
    const actor = stage.start();
    deliver(actor, all);
    await stage.run();
    expect(endings(all)).toEqual([
      'decided APPROVED',
      'operated done',
      'decided ACCOUNT_FROZEN',
      'decided APPROVED',
      'operated done',
      'decided APPROVED',
    ]);
    expect(actor.snapshot()).toMatchObject({
      at: 'active.idle',
      state: { status: 'active', seq: 6n, balanceCents: 900n },
    });
  });

  it('waits for the commit before it, and nothing is decided while it is written', async () => {
    const all = [deposit(1), order(1, 'freeze'), deposit(2)];
    stage.ledger.gate.close();
    stage.operatorLedger.gate.close();
    const actor = stage.start();
    deliver(actor, all);
    await stage.run();
    expect(stage.operatorLedger.tried).toEqual([]);
    stage.ledger.gate.open();
    await stage.run();
    expect(actor.snapshot().at).toBe('ordering');
    expect(stage.operatorLedger.tried).toMatchObject([
      { epoch: 1n, state: { seq: 1n, balanceCents: 1_100n } },
    ]);
    expect(endings(all)).toEqual(['decided APPROVED', 'open', 'open']);
    expect(actor.passivate()).toBe('busy');
    stage.operatorLedger.gate.open();
    await stage.run();
    expect(endings(all)).toEqual(['decided APPROVED', 'operated done', 'decided APPROVED']);
  });

  it('balance requests around it are answered with what is committed by then', async () => {
    const asked = [0, 1].map(() => new FakeEnvelope(balanceRequest()));
    const actor = stage.start();
    deliver(actor, [asked[0]!, orderTo(1, { kind: 'adjust', amountCents: -400n }), asked[1]!]);
    await stage.run();
    expect(stage.answeredBalances.map(({ cents }) => cents)).toEqual([1_000n, 600n]);
  });

  it('what it changed is to be shown: the commit is announced before the order is settled', async () => {
    const one = orderTo(1, { kind: 'adjust', amountCents: 50n });
    let announced = 0;
    one.onSettle = () => (announced = stage.committed.length);
    deliver(stage.start(), [one]);
    await stage.run();
    expect(announced).toBe(1);
    expect(stage.committed).toMatchObject([{ balances: [{ cents: 1_050n, version: 1n }] }]);
  });

  it('one that is refused changes nothing and stops nobody', async () => {
    const all = [order(1, 'close'), purchase(1)];
    deliver(stage.start(), all);
    await stage.run();
    expect(endings(all)).toEqual(['operated refused', 'decided APPROVED']);
    expect(stage.committed).toHaveLength(1);
  });
});

describe('in every state of the account', () => {
  it.each([
    ['active', 'freeze', 'done', 'frozen'],
    ['active', 'release', 'refused', 'active'],
    ['frozen', 'unfreeze', 'done', 'active'],
    ['closed', 'freeze', 'refused', 'closed'],
    ['quarantined', 'freeze', 'refused', 'quarantined'],
    ['quarantined', 'release', 'done', 'active'],
  ] as const)('%s: %s is %s', async (status, kind, result, after) => {
    stage.ledger.addAccount(accountIdOf(1), { status });
    const one = order(1, kind);
    deliver(stage.start(), [one]);
    await stage.run();
    expect(one.ending).toBe(`operated ${result}`);
    expect(stage.ledger.accounts.get(accountIdOf(1))?.status).toBe<AccountStatus>(after);
  });

  it('of an account that does not exist it is refused', async () => {
    stage.ledger.accounts.clear();
    const one = order(1, 'freeze');
    deliver(stage.start(), [one]);
    await stage.run();
    expect(one.settlement).toMatchObject({ kind: 'operated', result: { kind: 'refused' } });
    expect(stage.operatorLedger.tried).toEqual([]);
  });

  it('quarantined: commands around it are parked, balance requests answered, also those behind', async () => {
    stage.ledger.addAccount(accountIdOf(1), { status: 'quarantined' });
    const all = [deposit(1), new FakeEnvelope(balanceRequest()), order(1, 'freeze'), deposit(2)];
    const actor = stage.start();
    deliver(actor, all);
    await stage.run();
    expect(endings(all)).toEqual(['parked', 'answered', 'operated refused', 'parked']);
    expect(actor.snapshot().at).toBe('quarantined');
    const later = [new FakeEnvelope(balanceRequest()), deposit(3), order(2, 'freeze')];
    deliver(actor, later);
    await stage.run();
    expect(endings(later)).toEqual(['answered', 'parked', 'operated refused']);
  });
});

describe('when the ledger does not take it as it is', () => {
  it.each(['lost-before', 'lost-after'] as const)(
    '%s: reads again, and it is carried out once',
    async (fault) => {
      stage.operatorLedger.faults.push(fault);
      const all = [orderTo(1, { kind: 'adjust', amountCents: 7n }), deposit(1)];
      deliver(stage.start(), all);
      await stage.runThroughPauses();
      expect(endings(all)).toEqual(['operated done', 'decided APPROVED']);
      expect(all[0]!.settlement).toMatchObject({ result: { seq: 1n, balanceCents: 1_007n } });
      expect(stage.ledger.accounts.get(accountIdOf(1))).toMatchObject({ balanceCents: 1_107n, seq: 2n });
      expect(stage.reader.reads).toHaveLength(2);
    },
  );

  it('the same order again is answered with its first outcome, although it would be refused now', async () => {
    const [first, again] = [order(1, 'freeze'), order(1, 'freeze')];
    const actor = stage.start();
    deliver(actor, [first]);
    await stage.run();
    deliver(actor, [deposit(1), again]);
    await stage.run();
    expect(again.settlement).toEqual(first.settlement);
    expect(actor.snapshot().state).toMatchObject({ seq: 2n, status: 'frozen', balanceCents: 1_100n });
  });

  it('its view is old: reads again and judges again', async () => {
    const one = order(1, 'close');
    const actor = stage.start();
    await stage.run();
    stage.ledger.addAccount(accountIdOf(1), { balanceCents: 0n, seq: 9n });
    deliver(actor, [one]);
    await stage.run();
    expect(one.settlement).toMatchObject({ result: { kind: 'done', seq: 10n, status: 'closed' } });
  });

  it('busy: waits, reads and tries again', async () => {
    stage.operatorLedger.faults.push('busy', 'busy');
    const all = [order(1, 'freeze'), purchase(1)];
    const actor = stage.start();
    deliver(actor, all);
    await stage.run();
    expect(actor.snapshot().at).toBe('backingOff');
    await stage.runThroughPauses();
    expect(endings(all)).toEqual(['operated done', 'decided ACCOUNT_FROZEN']);
  });

  it('refused by the database: said so, once, and the next goes on', async () => {
    stage.operatorLedger.faults.push('refused');
    const all = [order(1, 'freeze'), purchase(1)];
    deliver(stage.start(), all);
    await stage.run();
    expect(endings(all)).toEqual(['operated refused', 'decided APPROVED']);
    expect(stage.operatorLedger.tried).toHaveLength(1);
  });

  it('fenced: the account is lost, the order and what is behind it go back in order', async () => {
    const all = [order(1, 'freeze'), purchase(1)];
    const actor = stage.start();
    await stage.run();
    stage.ledger.epochs.set(1, 2n);
    deliver(actor, all);
    await stage.run();
    expect(actor.snapshot().at).toBe('lost');
    expect(stage.endings).toMatchObject([{ reason: 'fenced' }]);
    expect(stage.endings[0]?.unanswered).toEqual(all);
    expect(stage.metrics.count('fenced')).toBe(1);
  });

  it('stopped while it is written: it goes back, and its answer disturbs nobody', async () => {
    const all = [order(1, 'freeze'), purchase(1)];
    stage.operatorLedger.gate.close();
    const actor = stage.start();
    deliver(actor, all);
    await stage.run();
    actor.stop('stopped');
    expect(stage.endings[0]?.unanswered).toEqual(all);
    stage.operatorLedger.gate.open();
    await stage.run();
    expect(endings(all)).toEqual(['open', 'open']);
  });
});
