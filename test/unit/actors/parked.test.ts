/**
 * Without this: a released account decides newer commands before those that were parked, forgets parked ones, or decides
 * them a second time with another outcome.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AccountActor } from '../../../src/actors/account-actor.ts';
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
  stage.ledger.addAccount(accountIdOf(1));
});

const deposit = (n: number): FakeEnvelope => new FakeEnvelope(transaction(n));
const release = (): FakeEnvelope => new FakeEnvelope(operatorOrder(1, { kind: 'release' }));
const park = (...ns: readonly number[]): void =>
  void stage.parked.rows.push(...ns.map((n) => transaction(n)));
const journalNs = (): readonly number[] =>
  (stage.ledger.journal.get(accountIdOf(1)) ?? []).map(({ command }) =>
    Number(command.transactionId.slice(-12)),
  );
const takenEndings = (): readonly string[] => stage.parked.taken.map(({ ending }) => ending);

function deliver(actor: AccountActor, ...envelopes: readonly FakeEnvelope[]): void {
  for (const envelope of envelopes) actor.accept(envelope);
}

describe('parked commands', () => {
  it('are decided before everything newer, in order, however many batches they are', async () => {
    park(1, 2, 3, 4, 5);
    deliver(stage.start(), deposit(6), deposit(7));
    await stage.run();
    expect(journalNs()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(stage.parked.rows).toEqual([]);
  });

  it('are decided without any newer command', async () => {
    park(1, 2, 3);
    const actor = stage.start();
    await stage.run();
    expect(journalNs()).toEqual([1, 2, 3]);
    expect(actor.idle).toBe(true);
  });

  it('newer ones that come meanwhile wait, also while the next batch is read', async () => {
    park(1, 2, 3);
    const actor = stage.start();
    await stage.run();
    park(4, 5, 6);
    stage.parked.gate.close();
    stage.ledger.gate.close();
    actor.takeUpParked();
    deliver(actor, deposit(7));
    for (let round = 0; round < 4; round += 1) {
      await stage.run();
      expect(journalNs()).not.toContain(7);
      stage.parked.gate.release();
      await stage.run();
      deliver(actor, deposit(8 + round));
      if (round < 2) stage.ledger.gate.release();
    }
    stage.parked.gate.open();
    stage.ledger.gate.open();
    await stage.run();
    expect(journalNs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('a repeat among them gets the outcome that stands', async () => {
    const actor = stage.start();
    deliver(actor, deposit(1));
    await stage.run();
    park(1, 2);
    actor.takeUpParked();
    await stage.run();
    expect(takenEndings()).toEqual(['repeat', 'decided APPROVED']);
    expect(journalNs()).toEqual([1, 2]);
  });

  it('balance requests among them are answered, orders behind them wait', async () => {
    park(1);
    stage.parked.rows.push(balanceRequest(), transaction(2));
    const freeze = new FakeEnvelope(operatorOrder(1, { kind: 'freeze' }));
    const bought = new FakeEnvelope(transaction(3, { type: 'PURCHASE' }));
    deliver(stage.start(), freeze, bought);
    await stage.run();
    expect(takenEndings()).toEqual(['decided APPROVED', 'answered', 'decided APPROVED']);
    expect([freeze.ending, bought.ending]).toEqual(['operated done', 'decided ACCOUNT_FROZEN']);
  });

  it('are looked for again after a pause when they could not be read; nothing newer is decided until then', async () => {
    park(1, 2);
    stage.parked.gate.close();
    const actor = stage.start();
    const newer = deposit(3);
    deliver(actor, newer);
    await stage.run();
    stage.parked.gate.fail(new Error('no database'));
    await stage.run();
    expect(actor.snapshot().at).toBe('backingOff');
    expect(newer.ending).toBe('open');
    stage.parked.gate.open();
    await stage.runThroughPauses();
    expect(journalNs()).toEqual([1, 2, 3]);
  });

  it('the account is not read while commands of it are being parked', async () => {
    let parked = (): void => undefined;
    stage.parked.parking = new Promise<void>((resolve) => (parked = resolve));
    deliver(stage.start(), deposit(2));
    await stage.run();
    expect(stage.reader.reads).toEqual([]);
    park(1);
    parked();
    await stage.run();
    expect(journalNs()).toEqual([1, 2]);
  });
});

describe('after a release', () => {
  it('what was parked comes before what waited behind the order', async () => {
    stage.ledger.addAccount(accountIdOf(1), { status: 'quarantined' });
    park(1, 2, 3);
    const [order, newer] = [release(), deposit(4)];
    deliver(stage.start(), order, newer);
    await stage.run();
    expect(order.ending).toBe('operated done');
    expect(journalNs()).toEqual([1, 2, 3, 4]);
  });

  it('also what was parked after the account was read', async () => {
    stage.ledger.addAccount(accountIdOf(1), { status: 'quarantined' });
    const actor = stage.start();
    await stage.run();
    park(1, 2);
    deliver(actor, release(), deposit(3));
    await stage.run();
    expect(journalNs()).toEqual([1, 2, 3]);
  });

  it('while the release is refused they stay parked, and newer ones are parked too', async () => {
    stage.ledger.addAccount(accountIdOf(1), { status: 'quarantined' });
    stage.operatorLedger.broken.add(accountIdOf(1));
    park(1, 2);
    const [order, newer] = [release(), deposit(3)];
    const actor = stage.start();
    deliver(actor, order, newer);
    await stage.run();
    expect([order.ending, newer.ending]).toEqual(['operated refused', 'parked']);
    expect(stage.parked.taken).toEqual([]);
    actor.takeUpParked();
    await stage.run();
    expect(stage.parked.taken).toEqual([]);
  });

  it('quarantined again in the middle: the rest is left where it is, in its order', async () => {
    park(1, 2, 3, 4, 5);
    stage.ledger.gate.close();
    const actor = stage.start();
    const newer = deposit(6);
    deliver(actor, newer);
    await stage.run();
    stage.ledger.addAccount(accountIdOf(1), { status: 'quarantined', seq: 1n });
    actor.quarantine('broken');
    stage.ledger.gate.open();
    await stage.run();
    expect(actor.snapshot().at).toBe('quarantined');
    expect(takenEndings()).toEqual(['given back stopped', 'given back stopped']);
    expect(newer.ending).toBe('parked');
    expect(stage.parked.rows).toHaveLength(5);
  });
});

describe('when the actor ends', () => {
  it.each(['stopped', 'shutdown'] as const)(
    '%s in the middle: they stay in the ledger, only the newer ones go back',
    async (reason) => {
      park(1, 2);
      stage.ledger.gate.close();
      const actor = stage.start();
      const newer = deposit(3);
      deliver(actor, newer);
      await stage.run();
      actor.stop(reason);
      expect(takenEndings()).toEqual([`given back ${reason}`, `given back ${reason}`]);
      expect(stage.endings[0]?.unanswered).toEqual([newer]);
      // The commit that was on its way happens all the same; whoever comes next finds repeats.
      stage.ledger.gate.open();
      await stage.run();
      deliver(stage.start(), newer);
      await stage.run();
      expect(takenEndings().slice(2)).toEqual(['repeat', 'repeat']);
      expect(journalNs()).toEqual([1, 2, 3]);
    },
  );

  it('while they are being read: what comes is given back', async () => {
    park(1, 2);
    stage.parked.gate.close();
    const actor = stage.start();
    await stage.run();
    actor.stop('stopped');
    stage.parked.gate.open();
    await stage.run();
    expect(takenEndings()).toEqual(['given back stopped', 'given back stopped']);
  });

  it('a crash over one of them is told apart from one over the others', async () => {
    park(1, 2);
    const actor = stage.start();
    const newer = deposit(3);
    deliver(actor, newer);
    stage.parked.gate.close();
    await stage.run();
    stage.parked.rows.splice(0, 1, { ...transaction(1), amountCents: null as unknown as bigint });
    stage.parked.gate.open();
    await stage.run();
    expect(stage.endings).toMatchObject([{ reason: 'crashed', unanswered: [newer] }]);
    expect(actor.parkedLeft).toBe(2);
    expect(takenEndings()).toEqual(['given back crashed', 'given back crashed']);
  });
});
