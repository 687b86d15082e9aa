/**
 * Without these: an account would be held to rules with a past that is too short for them, to two rule sets within one commit, or to
 * decisions that were never committed.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AccountActor } from '../../../src/actors/account-actor.ts';
import { ruleSetOf } from '../../../src/contracts/rule-set.ts';
import { RuleSet } from '../../../src/domain/rules/rule-set.ts';
import { AccountStage } from '../../support/fakes/account-stage.ts';
import {
  accountIdOf,
  cardIdOf,
  FakeEnvelope,
  operatorOrder,
  transaction,
} from '../../support/fakes/fake-envelope.ts';
import type { Fault } from '../../support/fakes/fake-ledger.ts';

let stage: AccountStage;
let faults: Fault[];
let actor: AccountActor;

beforeEach(async () => {
  faults = [];
  stage = new AccountStage({ fault: () => faults.shift() ?? 'none' });
  stage.ledger.addAccount(accountIdOf(1), { balanceCents: 100_000n });
  stage.ledger.cards.set(cardIdOf(1), accountIdOf(1));
  actor = stage.start();
  await stage.run();
});

/** At most so many purchases within so many seconds. */
function atMost(maxCount: number, windowSeconds = 60, version = 1): RuleSet {
  const rule = { name: 'many', type: 'velocity', action: 'reject', per: 'account', windowSeconds, maxCount };
  const parsed = ruleSetOf({ rules: [rule] });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return new RuleSet(version, parsed.document);
}

/** `second`: when it happened. */
const purchase = (n: number, second = 0, cardId: string | null = null): FakeEnvelope =>
  new FakeEnvelope(
    transaction(n, {
      type: 'PURCHASE',
      cardId,
      occurredAt: new Date(1_800_000_000_000 - 3_600_000 + second * 1_000).toISOString(),
    }),
  );

async function give(...envelopes: readonly FakeEnvelope[]): Promise<readonly string[]> {
  for (const envelope of envelopes) actor.accept(envelope);
  await stage.run();
  return envelopes.map(({ ending }) => ending.replace('decided ', ''));
}

const histories = (): number => stage.reader.reads.filter((read) => read.startsWith('history')).length;
const versions = (): readonly (number | null)[] =>
  (stage.ledger.journal.get(accountIdOf(1)) ?? []).map(({ rulesVersion }) => rulesVersion);

describe('an account under rules', () => {
  it('has no past without them, and reads it when they come', async () => {
    await give(purchase(1), purchase(2));
    expect(histories()).toBe(0);
    stage.ruleSet = atMost(3);
    expect(await give(purchase(3), purchase(4))).toEqual(['APPROVED', 'RULE_REFUSED']);
    expect(histories()).toBe(1);
    expect(await give(purchase(5, 60))).toEqual(['APPROVED']);
    expect(histories()).toBe(1);
    stage.ruleSet = null;
    expect(await give(purchase(6, 60), purchase(7, 60), purchase(8, 60))).toEqual(
      Array.from({ length: 3 }, () => 'APPROVED'),
    );
    expect(versions()).toEqual([null, null, 1, 1, 1, null, null, null]);
  });

  it('reads again for a longer window only', async () => {
    stage.ruleSet = atMost(1, 60);
    expect(await give(purchase(1), purchase(2, 60), purchase(3, 120))).toEqual(
      Array.from({ length: 3 }, () => 'APPROVED'),
    );
    expect(histories()).toBe(1);
    stage.ruleSet = atMost(1, 30, 2);
    expect(await give(purchase(4, 150))).toEqual(['APPROVED']);
    expect(histories()).toBe(1);
    stage.ruleSet = atMost(3, 600, 3);
    expect(await give(purchase(5, 180))).toEqual(['RULE_REFUSED']);
    expect(histories()).toBe(2);
    expect(versions()).toEqual([1, 1, 1, 2, 3]);
  });

  it('that is told of new ones while it reads a card has its past read before it decides', async () => {
    await give(purchase(1));
    stage.reader.gate.close();
    const waiting = purchase(2, 0, cardIdOf(1));
    actor.accept(waiting);
    await stage.run();
    expect(actor.snapshot().at).toBe('active.loading');
    stage.ruleSet = atMost(1);
    stage.reader.gate.open();
    await stage.run();
    expect(waiting.ending).toBe('decided RULE_REFUSED');
    expect(histories()).toBe(1);
  });

  it('remembers what was committed, and nothing else', async () => {
    stage.ruleSet = atMost(2);
    await give(purchase(1));
    faults.push('lost-before');
    expect(await give(purchase(2))).toEqual(['APPROVED']);
    faults.push('lost-after');
    const third = purchase(3);
    await give(third);
    await stage.runThroughPauses();
    expect(third.ending).toBe('repeat');
    expect(versions()).toEqual([1, 1, 1]);
    expect(stage.ledger.journal.get(accountIdOf(1))?.map(({ reason }) => reason)).toEqual([
      null,
      null,
      'RULE_REFUSED',
    ]);
    faults.push('busy', 'busy', 'busy');
    const fourth = purchase(4, 60);
    await give(fourth);
    await stage.runThroughPauses();
    expect(fourth.ending).toBe('decided APPROVED');
  });

  it('counts no order of an operator, and is not moved on by its time', async () => {
    stage.ruleSet = atMost(2);
    await give(purchase(1));
    await give(new FakeEnvelope(operatorOrder(1, { kind: 'adjust', amountCents: -5n })));
    expect(await give(purchase(2, 1), purchase(3, 2), purchase(4, 60))).toEqual([
      'APPROVED',
      'RULE_REFUSED',
      'APPROVED',
    ]);
  });

  it('goes on where it was after it was passivated', async () => {
    stage.ruleSet = atMost(2);
    await give(purchase(1), purchase(2));
    expect(actor.passivate()).toBe('ended');
    actor = stage.start();
    expect(await give(purchase(3, 59), purchase(4, 60))).toEqual(['RULE_REFUSED', 'APPROVED']);
    // What it says is older than what it did: then it was at the same time.
    expect(await give(purchase(5, 1))).toEqual(['APPROVED']);
    expect(await give(purchase(6, 2))).toEqual(['RULE_REFUSED']);
  });
});
