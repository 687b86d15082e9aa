/** Without this: an account forgets a command, answers before the commit, guesses after a failure, or takes the process with it. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AccountActor } from '../../../src/actors/account-actor.ts';
import type { Envelope } from '../../../src/machines/envelope.ts';
import { LIMITS } from '../../../src/limits.ts';
import { AccountStage } from '../../support/fakes/account-stage.ts';
import {
  accountIdOf,
  balanceRequest,
  cardIdOf,
  FakeEnvelope,
  pendingRow,
  transaction,
  transactionIdOf,
} from '../../support/fakes/fake-envelope.ts';
import type { Fault } from '../../support/fakes/fake-ledger.ts';

let stage: AccountStage;
let faults: Fault[];

beforeEach(() => {
  faults = [];
  stage = new AccountStage({ fault: () => faults.shift() ?? 'none' });
  stage.ledger.addAccount(accountIdOf(1));
});

function deliver(actor: AccountActor, ...envelopes: readonly FakeEnvelope[]): void {
  for (const envelope of envelopes) actor.accept(envelope);
}

const deposit = (n: number): FakeEnvelope => new FakeEnvelope(transaction(n));
const purchase = (n: number, amountCents = 100n): FakeEnvelope =>
  new FakeEnvelope(transaction(n, { type: 'PURCHASE', amountCents }));
const refund = (n: number, original: number, amountCents = 100n): FakeEnvelope =>
  new FakeEnvelope(transaction(n, { type: 'REFUND', originalId: transactionIdOf(original), amountCents }));
const endings = (envelopes: readonly FakeEnvelope[]): readonly string[] =>
  envelopes.map(({ ending }) => ending);
const journalIds = (): readonly string[] =>
  (stage.ledger.journal.get(accountIdOf(1)) ?? []).map(({ command }) => command.transactionId);
const proposals = (): readonly string[][] =>
  stage.ledger.tried.map((changes) =>
    changes.flatMap(({ decisions }) => decisions.map(({ command }) => command.idempotencyKey)),
  );

describe('in the usual way', () => {
  it('decides what waited while it was reading, in one commit, and settles after it', async () => {
    const all = [deposit(1), purchase(2), purchase(3)];
    const actor = stage.start();
    deliver(actor, ...all);
    expect(actor.snapshot().at).toBe('hydrating');
    stage.ledger.gate.close();
    await stage.run();
    expect(actor.snapshot()).toMatchObject({ at: 'active.committing', runCount: 3, waitingCount: 0 });
    expect(endings(all)).toEqual(['open', 'open', 'open']);
    stage.ledger.gate.open();
    await stage.run();
    expect(endings(all)).toEqual(['decided APPROVED', 'decided APPROVED', 'decided INSUFFICIENT_FUNDS']);
    expect(actor.snapshot()).toMatchObject({ at: 'active.idle', state: { balanceCents: 0n, seq: 3n } });
    expect(proposals()).toEqual([['key-1', 'key-2', 'key-3']]);
  });

  it('gathers what comes during a commit for the next one', async () => {
    const actor = stage.start();
    stage.ledger.gate.close();
    deliver(actor, deposit(1));
    await stage.run();
    deliver(actor, deposit(2), deposit(3));
    stage.ledger.gate.open();
    await stage.run();
    expect(proposals()).toEqual([['key-1'], ['key-2', 'key-3']]);
  });

  it('lets a repeat wait for the outcome of the first', async () => {
    const all = [deposit(1), deposit(1), deposit(2)];
    const actor = stage.start();
    deliver(actor, ...all);
    await stage.run();
    expect(endings(all)).toEqual(['decided APPROVED', 'repeat', 'decided APPROVED']);
    expect(journalIds()).toEqual([transactionIdOf(1), transactionIdOf(2)]);
  });

  it('takes no more than a commit holds', async () => {
    const actor = stage.start();
    deliver(actor, ...Array.from({ length: LIMITS.actorBatchMax + 1 }, (_, n) => deposit(n)));
    await stage.run();
    stage.clock.advance(LIMITS.commitGatherMsMax);
    await stage.run();
    expect(proposals().map((keys) => keys.length)).toEqual([LIMITS.actorBatchMax, 1]);
  });

  it('answers balance requests in their turn, with what is committed', async () => {
    const asked = [1, 2].map(() => new FakeEnvelope(balanceRequest()));
    const actor = stage.start();
    deliver(actor, asked[0]!, deposit(1), asked[1]!);
    await stage.run();
    expect(endings(asked)).toEqual(['answered', 'answered']);
    expect(stage.answeredBalances.map(({ cents }) => cents)).toEqual([0n, 100n]);
  });
});

describe('facts', () => {
  it('reads a card once, and again only if there was none', async () => {
    stage.ledger.cards.set(cardIdOf(1), accountIdOf(1));
    const withCard = (n: number, card: number): FakeEnvelope =>
      new FakeEnvelope(transaction(n, { type: 'PURCHASE', cardId: cardIdOf(card) }));
    const actor = stage.start();
    for (const [n, card] of [1, 1, 2, 2].entries()) {
      deliver(actor, withCard(n, card));
      await stage.run();
    }
    const cardReads = stage.reader.reads.filter((read) => read.startsWith('card'));
    expect(cardReads).toEqual([`card ${cardIdOf(1)}`, `card ${cardIdOf(2)}`, `card ${cardIdOf(2)}`]);
  });

  it('reads the original for every refund, so that parts add up', async () => {
    const all = [deposit(1), purchase(2), refund(3, 2, 60n), refund(4, 2, 60n)];
    const actor = stage.start();
    for (const envelope of all) {
      deliver(actor, envelope);
      await stage.run();
    }
    expect(endings(all).slice(2)).toEqual(['decided APPROVED', 'decided REFUND_EXCEEDS_ORIGINAL']);
  });

  it('defers a refund of what nobody knows and decides the others, until it has waited long enough', async () => {
    const all = [deposit(1), refund(2, 99), purchase(3)];
    const actor = stage.start();
    deliver(actor, ...all);
    await stage.run();
    expect(endings(all)).toEqual(['decided APPROVED', 'deferred ORIGINAL_UNDECIDED', 'decided APPROVED']);
    const seenAtMs = stage.clock.now() - stage.rules.refundWaitMs;
    const old = new FakeEnvelope(refund(4, 99).command, { seenAtMs });
    deliver(actor, old);
    await stage.run();
    expect(old.ending).toBe('decided ORIGINAL_NOT_FOUND');
  });

  it('goes on after a run in which all was deferred', async () => {
    const all = [refund(1, 98), refund(2, 99), refund(1, 98), deposit(3)];
    const actor = stage.start();
    deliver(actor, ...all);
    await stage.run();
    expect(endings(all).slice(2)).toEqual(['deferred ORIGINAL_UNDECIDED', 'decided APPROVED']);
    expect(actor.idle).toBe(true);
  });

  it('puts the run back when they cannot be read, and comes back to it', async () => {
    const all = [deposit(1), refund(2, 1, 40n), deposit(3)];
    const actor = stage.start();
    await stage.run();
    stage.reader.gate.close();
    deliver(actor, ...all);
    await stage.run();
    expect(actor.snapshot().at).toBe('active.loading');
    stage.reader.gate.fail(new Error('no database'));
    await stage.run();
    expect(actor.snapshot().at).toBe('backingOff');
    stage.reader.gate.open();
    await stage.runThroughPauses();
    expect(endings(all)).toEqual(['decided APPROVED', 'decided APPROVED', 'decided APPROVED']);
    expect(journalIds()).toEqual([1, 2, 3].map(transactionIdOf));
  });
});

describe('when the ledger leaves the account out', () => {
  it('settles what is already decided and decides the rest again, in order', async () => {
    const actor = stage.start();
    deliver(actor, deposit(1));
    await stage.run();
    const all = [deposit(2), deposit(1), deposit(3)];
    deliver(actor, ...all);
    await stage.run();
    expect(endings(all)).toEqual(['decided APPROVED', 'repeat', 'decided APPROVED']);
    expect(journalIds()).toEqual([1, 2, 3].map(transactionIdOf));
  });

  it('defers a live command whose row is not there, and refuses one whose row says something else', async () => {
    const live = (n: number): FakeEnvelope => new FakeEnvelope(transaction(n, { shape: 'live' }));
    stage.ledger.addRow({ ...pendingRow(transaction(2)), amountCents: 7n });
    stage.ledger.addRow(pendingRow(transaction(3)));
    const all = [live(1), live(2), live(3)];
    const actor = stage.start();
    deliver(actor, ...all);
    await stage.run();
    expect(endings(all)).toEqual(['deferred ROW_MISSING', 'failed PAYLOAD_MISMATCH', 'decided APPROVED']);
  });

  it('reads everything again, after a pause and one by one, when what a command points to has gone', async () => {
    const cardId = cardIdOf(1);
    stage.ledger.cards.set(cardId, accountIdOf(1));
    const bought = new FakeEnvelope(transaction(1, { type: 'PURCHASE', cardId }));
    stage.ledger.gate.close();
    const actor = stage.start();
    deliver(actor, bought, deposit(2));
    await stage.run();
    stage.ledger.cards.delete(cardId);
    stage.ledger.gate.open();
    await stage.run();
    expect(actor.snapshot().at).toBe('backingOff');
    await stage.runThroughPauses();
    expect(bought.ending).toBe('decided CARD_UNKNOWN');
    expect(proposals()).toEqual([['key-1', 'key-2'], ['key-1'], ['key-2']]);
  });

  it('reads the account again when its view is old', async () => {
    const actor = stage.start();
    await stage.run();
    stage.ledger.addAccount(accountIdOf(1), { balanceCents: 500n, seq: 4n });
    const bought = purchase(1, 500n);
    deliver(actor, bought);
    await stage.run();
    expect(bought.ending).toBe('decided APPROVED');
    expect(actor.snapshot().state).toMatchObject({ balanceCents: 0n, seq: 5n });
  });
});

describe('when a commit fails', () => {
  it.each(['lost-before', 'lost-after'] as const)('%s: reads again, decides again, once', async (fault) => {
    faults = [fault];
    const all = [deposit(1), purchase(2)];
    const actor = stage.start();
    deliver(actor, ...all);
    await stage.runThroughPauses();
    expect(endings(all)).toEqual(
      fault === 'lost-after' ? ['repeat', 'repeat'] : ['decided APPROVED', 'decided APPROVED'],
    );
    expect(journalIds()).toEqual([1, 2].map(transactionIdOf));
    expect(stage.reader.reads.filter((read) => read.startsWith('account'))).toHaveLength(2);
  });

  it('busy: the lane tries a few times, then the account waits, reads and decides again', async () => {
    faults = Array.from({ length: LIMITS.commitBusyRetriesMax + 1 }, () => 'busy');
    const one = deposit(1);
    const actor = stage.start();
    deliver(actor, one);
    await stage.runThroughPauses();
    expect(one.ending).toBe('decided APPROVED');
    expect(stage.ledger.tried).toHaveLength(LIMITS.commitBusyRetriesMax + 2);
  });

  it('comes back later each time there is no progress', async () => {
    faults = Array.from({ length: 6 }, () => 'lost-before');
    const actor = stage.start();
    deliver(actor, deposit(1));
    await stage.run();
    const pausesMs: number[] = [];
    while (faults.length > 0) {
      const triedCount = stage.ledger.tried.length;
      const fromMs = stage.clock.now();
      while (stage.ledger.tried.length === triedCount) {
        stage.clock.advance(10);
        await stage.run();
      }
      pausesMs.push(stage.clock.now() - fromMs);
    }
    expect(pausesMs.at(-1)).toBeGreaterThan(4 * (pausesMs[0] ?? 0));
  });

  it('refused: finds the one at fault and goes on with the rest, in order', async () => {
    stage.ledger.poisonedIds.add(transactionIdOf(2));
    const all = [deposit(1), deposit(2), deposit(3)];
    const actor = stage.start();
    deliver(actor, ...all);
    await stage.run();
    expect(endings(all)).toEqual(['decided APPROVED', 'failed COMMIT_REFUSED', 'decided APPROVED']);
    expect(proposals()).toEqual([
      ['key-1', 'key-2', 'key-3'],
      ['key-1'],
      ...Array.from({ length: LIMITS.commitRefusedMax }, () => ['key-2']),
      ['key-3'],
    ]);
    deliver(actor, deposit(4), deposit(5));
    await stage.run();
    expect(proposals().at(-1)).toEqual(['key-5']);
  });

  it('fenced: ends, and what is unanswered is given to the parent in the order of delivery', async () => {
    const all = [deposit(1), deposit(2), deposit(3), deposit(4)];
    const actor = stage.start();
    stage.ledger.gate.close();
    deliver(actor, all[0]!, all[1]!);
    await stage.run();
    deliver(actor, all[2]!, all[3]!);
    stage.ledger.epochs.set(1, 2n);
    stage.ledger.gate.open();
    await stage.run();
    expect(stage.endings).toMatchObject([{ actor, reason: 'fenced' }]);
    expect(stage.endings[0]?.unanswered).toEqual(all);
    expect(actor.snapshot().at).toBe('lost');
    const late = deposit(5);
    actor.accept(late);
    expect(late.ending).toBe('given back fenced');
  });
});

describe('ending', () => {
  it('passivates only when there is nothing to do', async () => {
    const actor = stage.start();
    expect(actor.passivate()).toBe('busy');
    await stage.run();
    stage.ledger.gate.close();
    const one = deposit(1);
    deliver(actor, one);
    expect(actor.idle).toBe(false);
    expect(actor.passivate()).toBe('busy');
    await stage.run();
    stage.ledger.gate.open();
    await stage.run();
    expect(one.ending).toBe('decided APPROVED');
    expect(actor.idle).toBe(true);
    expect(actor.passivate()).toBe('ended');
    expect(stage.endings).toMatchObject([{ reason: 'idle', unanswered: [] }]);
    expect(actor.passivate()).toBe('ended');
    expect(stage.endings).toHaveLength(1);
  });

  it.each(['stopped', 'shutdown'] as const)(
    '%s: finishes nothing and gives everything back',
    async (reason) => {
      const all = [deposit(1), deposit(2), deposit(3)];
      const actor = stage.start();
      stage.ledger.gate.close();
      deliver(actor, all[0]!, all[1]!);
      await stage.run();
      deliver(actor, all[2]!);
      actor.stop(reason);
      expect(stage.endings).toMatchObject([{ reason }]);
      expect(stage.endings[0]?.unanswered).toEqual(all);
      stage.ledger.gate.open();
      await stage.run();
      expect(endings(all)).toEqual(['open', 'open', 'open']);
    },
  );

  it('lets go of its timer', async () => {
    stage.reader.gate.close();
    const actor = stage.start();
    stage.reader.gate.fail(new Error('no database'));
    await stage.run();
    expect(stage.clock.timerCount).toBe(1);
    actor.stop('stopped');
    expect(stage.clock.timerCount).toBe(0);
  });

  it('refuses everything for an account that does not exist, and is not kept', async () => {
    const all = [deposit(1), new FakeEnvelope(balanceRequest())];
    stage.ledger.accounts.clear();
    deliver(stage.start(), ...all);
    await stage.run();
    expect(endings(all)).toEqual(['failed ACCOUNT_UNKNOWN', 'failed ACCOUNT_UNKNOWN']);
    expect(stage.endings).toMatchObject([{ reason: 'unknown', unanswered: [] }]);
  });

  it('asks again for what arrived after it had asked: the account may have been made in between', async () => {
    stage.ledger.accounts.clear();
    const late = deposit(1);
    stage.reader.gate.close();
    const actor = stage.start();
    deliver(actor, late);
    stage.ledger.addAccount(accountIdOf(1));
    stage.reader.gate.open();
    await stage.run();
    expect(late.ending).toBe('decided APPROVED');
    expect(stage.endings).toEqual([]);
  });
});

describe('something wrong', () => {
  it('parks everything of an account that the ledger holds as quarantined', async () => {
    stage.ledger.addAccount(accountIdOf(1), { status: 'quarantined' });
    const [first, second] = [deposit(1), deposit(2)];
    const actor = stage.start();
    deliver(actor, first);
    await stage.run();
    deliver(actor, second);
    expect(endings([first, second])).toEqual(['parked', 'parked']);
    expect(actor.passivate()).toBe('ended');
  });

  it('ends what is being committed, then reads again and parks the rest', async () => {
    const all = [deposit(1), deposit(2)];
    const actor = stage.start();
    stage.ledger.gate.close();
    deliver(actor, all[0]!);
    await stage.run();
    deliver(actor, all[1]!);
    // The ledger has it first.
    stage.ledger.addAccount(accountIdOf(1), { status: 'quarantined' });
    actor.quarantine('the balance is not the sum of the journal');
    stage.ledger.gate.open();
    await stage.run();
    expect(endings(all)).toEqual(['decided APPROVED', 'parked']);
    expect(actor.snapshot().at).toBe('quarantined');
    expect(actor.passivate()).toBe('ended');
  });

  it('crashes alone: the parent gets what is unanswered, the process lives', async () => {
    const all = [deposit(1), deposit(2), deposit(3)];
    const cause = new Error('broken');
    all[1]!.onSettle = () => {
      throw cause;
    };
    const actor = stage.start();
    deliver(actor, ...all);
    await stage.run();
    expect(stage.endings).toMatchObject([{ actor, reason: 'crashed', cause }]);
    expect(stage.endings[0]?.unanswered).toEqual<Envelope[]>([all[2]!]);
    const late = deposit(4);
    actor.accept(late);
    expect(late.ending).toBe('given back crashed');
  });

  it('survives a parent that throws when it is told of the end', async () => {
    stage.stopped = () => {
      throw new Error('broken parent');
    };
    const actor = stage.start();
    await stage.run();
    actor.stop('stopped');
    expect(actor.ended).toBe('stopped');
    expect(stage.logger.messages('error')).toEqual(['the end of an account was not taken note of']);
  });
});
