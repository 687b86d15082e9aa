import type { RuleOf } from '../../contracts/rule-set.ts';
import { countAfter, Scope, sumAfter } from './rule-test.ts';
import type { Counts, RuleTest } from './rule-test.ts';

const MIN_REFUNDS_DEFAULT = 3;

/**
 * Too many, or too large, refunds of purchases and charges beside the purchases and charges of the same window. Refunds of deposits have
 * no part in it.
 */
export function refundRatio(rule: RuleOf<'refund-ratio'>): RuleTest {
  const scope = new Scope(rule);
  const windowMs = rule.windowSeconds * 1_000;
  const minRefunds = rule.minRefunds ?? MIN_REFUNDS_DEFAULT;
  const maxPercent = BigInt(rule.maxPercent);
  return {
    windowMs,
    looksAtRejected: false,
    matches(candidate, { approved }) {
      const { accountId, type, cardId, isCredit, cents } = candidate;
      if (type !== 'REFUND' || !isCredit || !scope.reaches(accountId, cardId)) return false;
      const afterMs = candidate.atMs - windowMs;
      const isPurchase = scope.countedWith(candidate);
      const isRefund: Counts = (past) =>
        past.type === 'REFUND' && past.isCredit && scope.isBeside(candidate, past);
      const refunds = countAfter(approved, afterMs, isRefund) + 1;
      if (refunds < minRefunds) return false;
      const [refunded, paid] =
        rule.by === 'count'
          ? [BigInt(refunds), BigInt(countAfter(approved, afterMs, isPurchase))]
          : [sumAfter(approved, afterMs, isRefund) + cents, sumAfter(approved, afterMs, isPurchase)];
      return refunded * 100n > paid * maxPercent;
    },
  };
}
