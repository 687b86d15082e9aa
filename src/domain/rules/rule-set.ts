import type { Rule, RuleAction, RuleSetDocument } from '../../contracts/rule-set.ts';
import { CalendarDays } from './calendar-days.ts';
import { dailyLimit } from './daily-limit.ts';
import type { HistoryNeeds, PastDecisions } from './history.ts';
import { refundRatio } from './refund-ratio.ts';
import { repeatedAmount } from './repeated-amount.ts';
import type { Candidate, RuleTest } from './rule-test.ts';
import { spendAfterDeposit } from './spend-after-deposit.ts';
import { transactionLimit } from './transaction-limit.ts';
import { velocity } from './velocity.ts';

/** What the rules have to say of a transaction. */
export interface RuleFinding {
  /** `<reject|flag|shadow>:<rule>` of each rule that matched, in the order of the set. */
  readonly flags: readonly string[];
  readonly isRefused: boolean;
}

interface NamedTest {
  readonly name: string;
  readonly action: RuleAction;
  readonly test: RuleTest;
}

const NOTHING: RuleFinding = { flags: [], isRefused: false };

/**
 * A rule set in force.
 *
 * R1. All rules are asked, also when one has refused: the journal names every rule that matched.
 * R2. No credit is refused. A rule with action `reject` that matches one (a refund, say) only flags it.
 *
 * `docs/rules.example.json` (eight rules) adds 1 to 1.5 us of CPU to a decision with up to a hundred remembered, 45 us with a full past;
 * no rule set adds what an event time costs, 0.2 us. `npm run bench -- rules` sets drains against each other.
 */
export class RuleSet {
  readonly version: number;
  /** null: its rules look at nothing but the transaction itself. */
  readonly needs: HistoryNeeds | null;
  readonly #rules: readonly NamedTest[];

  constructor(version: number, document: RuleSetDocument) {
    const days = new CalendarDays(document.timezone ?? 'UTC');
    this.version = version;
    this.#rules = document.rules.map((rule) => ({
      name: rule.name,
      action: rule.action,
      test: testOf(rule, days),
    }));
    this.needs = needsOf(this.#rules.map(({ test }) => test));
  }

  /** @param past what was decided before, at least for `needs`. */
  ask(candidate: Candidate, past: PastDecisions): RuleFinding {
    let flags: string[] | null = null;
    let isRefused = false;
    for (const { name, action, test } of this.#rules) {
      if (!test.matches(candidate, past)) continue;
      const effective = action === 'reject' && candidate.isCredit ? 'flag' : action;
      isRefused ||= effective === 'reject';
      flags ??= [];
      flags.push(`${effective}:${name}`);
    }
    return flags === null ? NOTHING : { flags, isRefused };
  }
}

function testOf(rule: Rule, days: CalendarDays): RuleTest {
  switch (rule.type) {
    case 'transaction-limit':
      return transactionLimit(rule);
    case 'daily-limit':
      return dailyLimit(rule, days);
    case 'velocity':
      return velocity(rule);
    case 'repeated-amount':
      return repeatedAmount(rule);
    case 'spend-after-deposit':
      return spendAfterDeposit(rule);
    case 'refund-ratio':
      return refundRatio(rule);
  }
}

function needsOf(tests: readonly RuleTest[]): HistoryNeeds | null {
  const windowMs = Math.max(0, ...tests.map((test) => test.windowMs));
  return windowMs === 0 ? null : { windowMs, rejected: tests.some((test) => test.looksAtRejected) };
}
