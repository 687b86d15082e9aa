import type { RuleOf } from '../../contracts/rule-set.ts';
import { countAfter, Scope, sumAfter } from './rule-test.ts';
import type { RuleTest } from './rule-test.ts';

/** Too many, or too much together, within a window that ends with the candidate. */
export function velocity(rule: RuleOf<'velocity'>): RuleTest {
  const scope = new Scope(rule);
  const windowMs = rule.windowSeconds * 1_000;
  const maxCount = rule.maxCount ?? Infinity;
  const maxCents = rule.maxCents === undefined ? null : BigInt(rule.maxCents);
  const looksAtRejected = rule.counts === 'attempts' && rule.maxCount !== undefined;
  return {
    windowMs,
    looksAtRejected,
    matches(candidate, { approved, rejected }) {
      if (!scope.includes(candidate)) return false;
      const afterMs = candidate.atMs - windowMs;
      const counts = scope.countedWith(candidate);
      if (maxCount !== Infinity) {
        const refusedCount = looksAtRejected ? countAfter(rejected, afterMs, counts) : 0;
        if (countAfter(approved, afterMs, counts) + refusedCount + 1 > maxCount) return true;
      }
      return maxCents !== null && sumAfter(approved, afterMs, counts) + candidate.cents > maxCents;
    },
  };
}
