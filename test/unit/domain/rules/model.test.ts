/**
 * Without these: whether a payment is refused would depend on how commands happened to be batched, on which node has the account or
 * when it was started, or on what was decided in the same minute and not on what happened in it.
 *
 * The reference below keeps every decision and looks at all of them for every question; it knows no bounds and forgets nothing.
 */
import { describe, expect, it } from 'vitest';
import { TRANSACTION_TYPES } from '../../../../src/contracts/command.ts';
import type { TransactionCommand } from '../../../../src/contracts/command.ts';
import type { Rule } from '../../../../src/contracts/rule-set.ts';
import { RULE_LIMITS } from '../../../../src/contracts/rule-limits.ts';
import type { AccountState, Decision } from '../../../../src/domain/account.ts';
import { decideRun } from '../../../../src/domain/decide.ts';
import { historyAfter, noHistory, RecentDecisions } from '../../../../src/domain/rules/history.ts';
import type { AccountHistory } from '../../../../src/domain/rules/history.ts';
import type { RuleSet } from '../../../../src/domain/rules/rule-set.ts';
import { account, ACCOUNT, CARD, command, decided, id, original } from '../fixtures.ts';
import { fc } from '../../../support/properties.ts';
import { ruleSet, SECOND_CARD } from './rule-fixtures.ts';

const START_MS = Date.parse('2026-11-22T23:59:00Z');
const CARDS = new Map([
  [CARD, ACCOUNT],
  [SECOND_CARD, ACCOUNT],
]);

/** Small windows and amounts, so that bounds are met. */
const seconds = fc.integer({ min: 1, max: 60 });
const some = fc.integer({ min: 1, max: 4 });
const cents = fc.integer({ min: 1, max: 12 });
const per = fc.constantFrom('account' as const, 'card' as const);
const types = fc.constantFrom(undefined, ['PURCHASE'] as const, ['PURCHASE', 'REFUND'] as const);
const action = fc.constantFrom('reject' as const, 'flag' as const);

const rules: fc.Arbitrary<Rule[]> = fc
  .array(
    fc.oneof(
      fc.record({ type: fc.constant('transaction-limit' as const), action, types, maxCents: cents }),
      fc.record({ type: fc.constant('daily-limit' as const), action, types, per, maxCents: cents }),
      fc.record({
        type: fc.constant('velocity' as const),
        action,
        types,
        per,
        windowSeconds: seconds,
        maxCount: some,
        maxCents: cents,
        counts: fc.constantFrom('approved' as const, 'attempts' as const),
      }),
      fc.record({
        type: fc.constant('repeated-amount' as const),
        action,
        types,
        per,
        windowSeconds: seconds,
        times: fc.integer({ min: 2, max: 4 }),
      }),
      fc.record({
        type: fc.constant('spend-after-deposit' as const),
        action,
        windowSeconds: seconds,
        depositCents: cents,
        debitPercent: fc.integer({ min: 1, max: 100 }),
      }),
      fc.record({
        type: fc.constant('refund-ratio' as const),
        action: fc.constant('flag' as const),
        per,
        windowSeconds: seconds,
        by: fc.constantFrom('count' as const, 'cents' as const),
        maxPercent: fc.integer({ min: 1, max: 150 }),
        minRefunds: some,
      }),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((list) => list.map((rule, n): Rule => ({ ...rule, name: `rule-${n}` })));

/** Time goes on by 0 to 30 s, now and then back by as much: an event may say that it was earlier. */
const commands: fc.Arbitrary<TransactionCommand[]> = fc
  .array(
    fc.record({
      type: fc.constantFrom(...TRANSACTION_TYPES, 'PURCHASE' as const, 'PURCHASE' as const),
      amountCents: fc.bigInt({ min: 1n, max: 9n }),
      cardId: fc.constantFrom(null, CARD, SECOND_CARD),
      afterMs: fc.integer({ min: -5_000, max: 30_000 }),
      target: fc.nat({ max: 25 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((list) => {
    let atMs = START_MS;
    return list.map(({ afterMs, target, ...given }, n) => {
      atMs += afterMs;
      const earlier = n === 0 ? id(3, 1) : id(4, target % n);
      const originalId = given.type === 'REFUND' ? earlier : null;
      const occurredAt = new Date(atMs).toISOString();
      return command({
        ...given,
        occurredAt,
        transactionId: id(4, n),
        originalId,
        idempotencyKey: `key ${n}`,
      });
    });
  });

interface Life {
  readonly state: AccountState;
  readonly history: AccountHistory;
  readonly decisions: readonly Decision[];
}

const born = (set: RuleSet): Life => ({
  state: account({ balanceCents: 60n, seq: 0n }),
  history: { ...noHistory(-Infinity), kept: set.needs },
  decisions: [],
});

/** Decides a run and commits it. */
function live(life: Life, run: readonly TransactionCommand[], set: RuleSet): Life {
  const before = new Map(life.decisions.map((decision) => [decision.command.transactionId, decision]));
  const originals = run.flatMap(({ originalId }) => {
    if (originalId === null) return [];
    const known = before.get(originalId);
    if (known === undefined)
      return [original({ transactionId: originalId, type: 'PURCHASE', amountCents: 1_000n })];
    const { command: of, outcome, requestedCents } = known;
    const refundedCents = life.decisions
      .filter(
        ({ command: { originalId: other }, outcome: end }) => other === originalId && end === 'APPROVED',
      )
      .reduce((sum, refund) => sum + refund.requestedCents, 0n);
    const { type, cardId } = of;
    return [
      original({
        transactionId: originalId,
        type,
        cardId,
        status: outcome,
        amountCents: requestedCents,
        refundedCents,
      }),
    ];
  });
  const verdicts = decideRun(
    life.state,
    run.map((given) => ({ command: given, originalWaitOver: true, receivedAtMs: 0 })),
    { cards: CARDS, originals: new Map(originals.map((fact) => [fact.transactionId, fact])) },
    { refundAmount: 'message' },
    { ruleSet: set, history: life.history },
  );
  const decisions = verdicts.map(decided);
  const last = decisions.at(-1);
  return {
    state:
      last === undefined
        ? life.state
        : { ...life.state, seq: last.seq, balanceCents: last.balanceAfterCents },
    history: historyAfter(life.history, decisions, set.needs),
    decisions: [...life.decisions, ...decisions],
  };
}

/** What a rule has to say of a decision, from all that were made before it. */
function matches(
  rule: Rule,
  { command: given, eventTime, requestedCents, amountCents }: Decision,
  past: readonly Decision[],
): boolean {
  const isDebit = (one: TransactionCommand): boolean =>
    ('types' in rule ? (rule.types ?? ['PURCHASE', 'CHARGE']) : ['PURCHASE', 'CHARGE']).includes(one.type);
  const perCard = 'per' in rule && rule.per === 'card';
  if (perCard && given.cardId === null) return false;
  const windowMs = 'windowSeconds' in rule ? rule.windowSeconds * 1_000 : 0;
  const recent = past.filter(
    (one) =>
      eventTime.atMs - one.eventTime.atMs < windowMs && (!perCard || one.command.cardId === given.cardId),
  );
  const approved = recent.filter(({ outcome }) => outcome === 'APPROVED');
  const sum = (list: readonly Decision[]): bigint => list.reduce((all, one) => all + one.requestedCents, 0n);
  const debits = approved.filter((one) => isDebit(one.command));
  if (rule.type === 'refund-ratio') {
    const refunds = approved.filter((one) => one.command.type === 'REFUND' && one.amountCents > 0n);
    const enough = refunds.length + 1 >= (rule.minRefunds ?? 3);
    const back = rule.by === 'count' ? BigInt(refunds.length + 1) : sum(refunds) + requestedCents;
    const paid = rule.by === 'count' ? BigInt(debits.length) : sum(debits);
    return (
      given.type === 'REFUND' && amountCents > 0n && enough && back * 100n > paid * BigInt(rule.maxPercent)
    );
  }
  if (!isDebit(given)) return false;
  switch (rule.type) {
    case 'transaction-limit':
      return requestedCents > BigInt(rule.maxCents);
    case 'daily-limit': {
      const today = past.filter(
        (one) =>
          one.outcome === 'APPROVED' &&
          isDebit(one.command) &&
          new Date(one.eventTime.atMs).getUTCDate() === new Date(eventTime.atMs).getUTCDate() &&
          (!perCard || one.command.cardId === given.cardId),
      );
      return sum(today) + requestedCents > BigInt(rule.maxCents);
    }
    case 'velocity': {
      const counted = rule.counts === 'attempts' ? recent.filter((one) => isDebit(one.command)) : debits;
      return counted.length + 1 > rule.maxCount! || sum(debits) + requestedCents > BigInt(rule.maxCents!);
    }
    case 'repeated-amount':
      return debits.filter((one) => one.requestedCents === requestedCents).length + 1 >= rule.times;
    case 'spend-after-deposit':
      return approved.some(
        (one) =>
          one.command.type === 'DEPOSIT' &&
          one.requestedCents >= BigInt(rule.depositCents) &&
          requestedCents * 100n >= one.requestedCents * BigInt(rule.debitPercent!),
      );
  }
}

const options = { numRuns: 400 };

describe('rules', () => {
  it('say what the reference says, about whatever passed the other tests', () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(rules, commands, (list, run) => {
        const { decisions } = live(born(ruleSet(...list)), run, ruleSet(...list));
        for (const [index, decision] of decisions.entries()) {
          if (decision.reason !== null && decision.reason !== 'RULE_REFUSED') {
            expect(decision.flags).toEqual([]);
            continue;
          }
          const matching = list.filter((rule) => matches(rule, decision, decisions.slice(0, index)));
          expect(decision.flags.map((flag) => flag.split(':')[1])).toEqual(matching.map(({ name }) => name));
          const refusing = decision.flags.some((flag) => flag.startsWith('reject:'));
          expect(decision.reason).toBe(refusing ? 'RULE_REFUSED' : null);
          for (const { type } of matching) met.add(`${type} ${decision.outcome}`);
        }
      }),
      { numRuns: 1_000, seed: 20261123 },
    );
    for (const type of [
      'transaction-limit',
      'daily-limit',
      'velocity',
      'repeated-amount',
      'spend-after-deposit',
    ])
      expect([...met]).toEqual(expect.arrayContaining([`${type} APPROVED`, `${type} REJECTED`]));
    expect(met).toContain('refund-ratio APPROVED');
  });

  it('decide the same wherever a run is split', () => {
    fc.assert(
      fc.property(rules, commands, fc.nat({ max: 30 }), (list, run, at) => {
        const set = ruleSet(...list);
        const inOne = live(born(set), run, set);
        const inTwo = live(live(born(set), run.slice(0, at), set), run.slice(at), set);
        expect(inTwo.decisions).toEqual(inOne.decisions);
        expect(inTwo.history).toEqual(inOne.history);
      }),
      options,
    );
  });

  it('go on from the journal as from memory', () => {
    fc.assert(
      fc.property(rules, commands, fc.nat({ max: 30 }), (list, run, at) => {
        const set = ruleSet(...list);
        const kept = live(born(set), run.slice(0, at), set);
        const read = { ...kept, history: readFrom(kept.decisions, set) };
        expect(live(read, run.slice(at), set).decisions).toEqual(live(kept, run.slice(at), set).decisions);
      }),
      options,
    );
  });

  it('see event times that never go down', () => {
    fc.assert(
      fc.property(rules, commands, (list, run) => {
        const { decisions } = live(born(ruleSet(...list)), run, ruleSet(...list));
        const times = decisions.map(({ eventTime }) => eventTime.atMs);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
      options,
    );
  });
});

/** As the ledger reads it: from the newest row back, up to the first that is too old (`processor.read_histories`). */
function readFrom(journal: readonly Decision[], { needs }: RuleSet): AccountHistory {
  const newest = journal.at(-1);
  if (needs === null || newest === undefined)
    return { ...noHistory(newest?.eventTime.atMs ?? -Infinity), kept: needs };
  const from = journal.findLastIndex(
    ({ eventTime }) => eventTime.atMs <= newest.eventTime.atMs - needs.windowMs,
  );
  const recent = new RecentDecisions(noHistory(-Infinity), needs);
  for (const decision of journal.slice(from + 1)) recent.add(decision);
  return recent.toHistory();
}

describe('the past of a busy account', () => {
  const set = ruleSet({
    type: 'velocity',
    name: 'many',
    action: 'shadow',
    per: 'account',
    windowSeconds: 3_600,
    maxCount: 500,
    counts: 'attempts',
  });
  const purchase = (n: number, amountCents: bigint): TransactionCommand =>
    command({ type: 'PURCHASE', transactionId: id(4, n), amountCents, occurredAt: '2026-11-22T10:40:00Z' });

  it('is bounded, per outcome, and the same however it was batched', () => {
    const { historyKeptMax } = RULE_LIMITS;
    const list = Array.from({ length: 2 * historyKeptMax + 20 }, (_, n) =>
      purchase(n, n % 2 === 0 ? 1n : 10_000n),
    );
    const start = { ...born(set), state: account({ balanceCents: 5_000n, seq: 0n }) };
    const inOne = live(start, list, set);
    expect(inOne.history.approved.map(({ seq }) => seq)).toHaveLength(historyKeptMax);
    expect(inOne.history.rejected.map(({ seq }) => seq)).toHaveLength(historyKeptMax);
    expect(inOne.history.approved[0]!.seq).toBe(21);
    const inTwo = live(live(start, list.slice(0, 700), set), list.slice(700), set);
    expect(inTwo.history).toEqual(inOne.history);
  });
});
