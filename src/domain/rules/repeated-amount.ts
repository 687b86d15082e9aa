import type { RuleOf } from '../../contracts/rule-set.ts';
import { countAfter, Scope } from './rule-test.ts';
import type { RuleTest } from './rule-test.ts';

/** The same amount again and again within a window: the `times`-th of them matches. */
export function repeatedAmount(rule: RuleOf<'repeated-amount'>): RuleTest {
  const scope = new Scope(rule);
  const windowMs = rule.windowSeconds * 1_000;
  return {
    windowMs,
    looksAtRejected: false,
    matches(candidate, { approved }) {
      if (!scope.includes(candidate)) return false;
      const counts = scope.countedWith(candidate);
      const isEqual = (past: (typeof approved)[number]): boolean =>
        past.cents === candidate.cents && counts(past);
      return countAfter(approved, candidate.atMs - windowMs, isEqual) + 1 >= rule.times;
    },
  };
}
