import type { RuleOf } from '../../contracts/rule-set.ts';
import { countAfter, Scope } from './rule-test.ts';
import type { RuleTest } from './rule-test.ts';

/** Money that goes out soon after much came in: so much, or so large a part of one of the deposits. */
export function spendAfterDeposit(rule: RuleOf<'spend-after-deposit'>): RuleTest {
  const scope = new Scope(rule);
  const windowMs = rule.windowSeconds * 1_000;
  const depositCents = BigInt(rule.depositCents);
  const debitCents = rule.debitCents === undefined ? null : BigInt(rule.debitCents);
  const debitPercent = BigInt(rule.debitPercent ?? 0);
  return {
    windowMs,
    looksAtRejected: false,
    matches(candidate, { approved }) {
      if (!scope.includes(candidate)) return false;
      if (debitCents !== null && candidate.cents < debitCents) return false;
      const isEnough = (deposit: (typeof approved)[number]): boolean =>
        deposit.type === 'DEPOSIT' &&
        deposit.cents >= depositCents &&
        candidate.cents * 100n >= deposit.cents * debitPercent;
      return countAfter(approved, candidate.atMs - windowMs, isEnough) > 0;
    },
  };
}
