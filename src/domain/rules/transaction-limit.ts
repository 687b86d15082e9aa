import type { RuleOf } from '../../contracts/rule-set.ts';
import { Scope } from './rule-test.ts';
import type { RuleTest } from './rule-test.ts';

/** More than so much at once. */
export function transactionLimit(rule: RuleOf<'transaction-limit'>): RuleTest {
  const scope = new Scope(rule);
  const maxCents = BigInt(rule.maxCents);
  return {
    windowMs: 0,
    looksAtRejected: false,
    matches: (candidate) => scope.includes(candidate) && candidate.cents > maxCents,
  };
}
