/**
 * Without this: some order of deliveries, verdicts, failures, stops and crashes loses a command, answers it twice, answers
 * before the commit, decides out of order, or leaves an account with a state that is not its journal's.
 *
 * One seed is one story: a few accounts, some 40 commands, a scheduler that picks what happens next. Every step of it
 * comes from the seed, so a failing one replays exactly: fast-check prints it.
 */
import { describe, expect, it } from 'vitest';
import type { AccountActor } from '../../../src/actors/account-actor.ts';
import type { StopReason } from '../../../src/actors/account-actor.ts';
import type { Envelope } from '../../../src/machines/envelope.ts';
import type { Command, TransactionCommand } from '../../../src/contracts/command.ts';
import { AccountStage, settlePromises } from '../../support/fakes/account-stage.ts';
import { SeededRandom } from '../../support/fakes/fake-clock.ts';
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
import { fc } from '../../support/properties.ts';

const STORIES = 300;
const COMMANDS = 40;
const STEPS_MAX = 400;
/** The last one is not in the ledger. */
const ACCOUNTS = [1, 2, 3, 4] as const;

/** Keeps actors as a region does: what comes back goes before what is newer, to a fresh actor. */
class Keeper extends AccountStage {
  readonly actors = new Map<number, AccountActor>();
  readonly backlogs = new Map<number, Envelope[]>();
  readonly reasons: StopReason[] = [];

  deliver(n: number, envelope: Envelope): void {
    const backlog = this.backlogs.get(n);
    if (backlog !== undefined) backlog.push(envelope);
    else this.#actorOf(n).accept(envelope);
  }

  /** Lets an account go on that has ended. */
  revive(n: number): void {
    const backlog = this.backlogs.get(n) ?? [];
    this.backlogs.delete(n);
    for (const envelope of backlog) this.deliver(n, envelope);
  }

  override stopped(actor: AccountActor, reason: StopReason, unanswered: readonly Envelope[]): void {
    const n = actor.place.shard;
    this.reasons.push(reason);
    if (this.actors.get(n) !== actor) throw new Error('ended twice');
    this.actors.delete(n);
    if (unanswered.length > 0) this.backlogs.set(n, [...unanswered]);
  }

  #actorOf(n: number): AccountActor {
    const actor = this.actors.get(n) ?? this.start(n, this.ledger.epochOf(n));
    this.actors.set(n, actor);
    return actor;
  }
}

class Story {
  readonly envelopes: FakeEnvelope[] = [];
  readonly keeper: Keeper;
  readonly violations: string[] = [];
  readonly #random: SeededRandom;
  #calm = false;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.keeper = new Keeper({ fault: () => (this.#calm ? 'none' : this.#fault()) });
    for (const n of ACCOUNTS.slice(0, -1)) this.keeper.ledger.addAccount(accountIdOf(n));
    this.keeper.ledger.cards.set(cardIdOf(1), accountIdOf(1));
    this.keeper.ledger.cards.set(cardIdOf(2), accountIdOf(2));
    this.keeper.ledger.poisonedIds.add(transactionIdOf(7));
    this.keeper.ledger.gate.close();
    this.keeper.reader.gate.close();
  }

  /** Everything happens; then the troubles end and the story runs out. */
  async tell(): Promise<void> {
    for (let step = 0; step < STEPS_MAX; step += 1) {
      this.#step();
      if (this.#chance(0.5)) await settlePromises();
    }
    this.#calm = true;
    while (this.envelopes.length < COMMANDS) this.#deliver();
    const { keeper } = this;
    keeper.ledger.gate.open();
    keeper.reader.gate.open();
    await keeper.runThroughPauses();
    while (keeper.backlogs.size > 0) {
      for (const n of [...keeper.backlogs.keys()]) keeper.revive(n);
      await keeper.runThroughPauses();
    }
  }

  #step(): void {
    const { keeper } = this;
    const { clock, ledger, reader } = keeper;
    const roll = this.#random.next();
    const n = this.#pick(ACCOUNTS);
    if (roll < 0.25) this.#deliver();
    else if (roll < 0.45) clock.runSoon();
    else if (roll < 0.65) ledger.gate.release();
    else if (roll < 0.8) reader.gate.release(this.#index(reader.gate.waitingCount));
    else if (roll < 0.83) reader.gate.fail(new Error('no database'), this.#index(reader.gate.waitingCount));
    else if (roll < 0.9) clock.advance(this.#index(400));
    else if (roll < 0.94) keeper.revive(n);
    else if (roll < 0.96) keeper.actors.get(n)?.passivate();
    else if (roll < 0.98) keeper.actors.get(n)?.stop('stopped');
    else ledger.epochs.set(n, ledger.epochOf(n) + 1n);
  }

  #deliver(): void {
    if (this.envelopes.length >= COMMANDS) return;
    const n = this.#pick(ACCOUNTS);
    const envelope = new FakeEnvelope(this.#command(n), { shard: n });
    this.envelopes.push(envelope);
    const isCrash = this.#chance(0.03);
    envelope.onSettle = (settlement) => {
      if (settlement.kind === 'decided' && !this.#isCommitted(settlement.decision.command)) {
        this.violations.push(`${settlement.decision.command.transactionId} was settled before its commit`);
      }
      if (isCrash) throw new Error('a crash in the middle of settling');
    };
    this.keeper.deliver(n, envelope);
  }

  #command(n: number): Command {
    const accountId = accountIdOf(n);
    if (this.#chance(0.1)) return balanceRequest({ accountId });
    const earlier = this.envelopes.map(({ command }) => command).find((one) => one.accountId === accountId);
    if (earlier?.kind === 'transaction' && this.#chance(0.05)) {
      return {
        ...earlier,
        transactionId: transactionIdOf(n * 100 + 50 + this.#index(50)),
        shape: 'documented',
      };
    }
    // Few ids for many commands: repeats, on purpose, also of another account's.
    const id = this.#chance(0.05) ? 500 : n * 100 + this.#index(12);
    const type = this.#pick(['DEPOSIT', 'DEPOSIT', 'PURCHASE', 'CHARGE', 'REFUND'] as const);
    const command = transaction(this.#chance(0.03) ? 7 : id, {
      accountId,
      type,
      amountCents: BigInt(this.#pick([50, 100])),
      cardId: type === 'PURCHASE' && this.#chance(0.5) ? cardIdOf(this.#pick([1, 2, 3])) : null,
      originalId: type === 'REFUND' ? transactionIdOf(n * 100 + this.#index(12)) : null,
      idempotencyKey: this.#chance(0.05) ? 'shared key' : `key-${id}`,
      shape: this.#chance(0.3) ? 'live' : 'documented',
    });
    const { rows } = this.keeper.ledger;
    if (command.shape === 'live' && this.#chance(0.8) && !rows.has(command.transactionId)) {
      this.keeper.ledger.addRow(pendingRow(command));
    }
    return command;
  }

  #isCommitted(command: TransactionCommand): boolean {
    return this.keeper.ledger.decided.get(command.transactionId)?.command === command;
  }

  #fault(): Fault {
    const roll = this.#random.next();
    if (roll < 0.06) return 'lost-before';
    if (roll < 0.12) return 'lost-after';
    if (roll < 0.18) return 'busy';
    return roll < 0.22 ? 'refused' : 'none';
  }

  #chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  #index(length: number): number {
    return Math.floor(this.#random.next() * length);
  }

  #pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.#index(items.length)] ?? items[0];
  }
}

async function told(seed: number): Promise<Story> {
  const story = new Story(seed);
  await story.tell();
  return story;
}

function expectPromises({ envelopes, keeper, violations }: Story): void {
  const { ledger } = keeper;
  expect(violations).toEqual([]);
  expect(keeper.logger.messages('error')).toEqual([]);
  expect(envelopes.filter(({ isOpen }) => isOpen).map(({ command }) => command)).toEqual([]);
  expect(envelopes.filter(({ givenBack }) => givenBack !== null)).toEqual([]);
  const deliveredAt = new Map(envelopes.map(({ command }, index) => [command, index]));
  for (const [accountId, rows] of ledger.journal) {
    const places = rows.map(({ command }) => deliveredAt.get(command) ?? -1);
    expect(places, `order of ${accountId}`).toEqual([...places].sort((a, b) => a - b));
    expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => BigInt(index + 1)));
    const sum = rows.reduce((total, { amountCents }) => total + amountCents, 0n);
    expect(ledger.accounts.get(accountId)).toMatchObject({ balanceCents: sum, seq: BigInt(rows.length) });
    expect(rows.every(({ balanceAfterCents }) => balanceAfterCents >= 0n)).toBe(true);
  }
  for (const actor of keeper.actors.values()) {
    const { state } = actor.snapshot();
    if (state !== null) expect(state).toEqual(ledger.accounts.get(actor.accountId));
  }
  for (const { settlement } of envelopes) {
    if (settlement?.kind === 'decided') {
      expect(ledger.decided.get(settlement.decision.command.transactionId)).toMatchObject(
        settlement.decision,
      );
    }
  }
}

describe('whatever happens in whatever order', () => {
  it(`keeps the promises in ${STORIES} stories`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
        expectPromises(await told(seed));
      }),
      { numRuns: STORIES, endOnFailure: true },
    );
  });

  it('is told with every kind of ending and every reason to stop', async () => {
    const kinds = new Set<string>();
    const reasons = new Set<string>();
    for (let seed = 1; seed <= 40; seed += 1) {
      const { envelopes, keeper } = await told(seed);
      for (const { ending } of envelopes) kinds.add(ending);
      for (const reason of keeper.reasons) reasons.add(reason);
    }
    expect([...reasons].sort()).toEqual(['crashed', 'fenced', 'idle', 'stopped', 'unknown']);
    for (const kind of ['decided APPROVED', 'decided INSUFFICIENT_FUNDS', 'repeat', 'same-key', 'answered']) {
      expect(kinds).toContain(kind);
    }
    for (const kind of ['PAYLOAD_MISMATCH', 'ACCOUNT_UNKNOWN', 'COMMIT_REFUSED']) {
      expect(kinds).toContain(`failed ${kind}`);
    }
    for (const kind of ['ROW_MISSING', 'ORIGINAL_UNDECIDED']) expect(kinds).toContain(`deferred ${kind}`);
  });
});
