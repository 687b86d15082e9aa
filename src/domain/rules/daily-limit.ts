import type { RuleOf } from '../../contracts/rule-set.ts';
import { LONGEST_DAY_MS } from './calendar-days.ts';
import type { CalendarDays } from './calendar-days.ts';
import { Scope, sumAfter } from './rule-test.ts';
import type { RuleTest } from './rule-test.ts';

/** More than so much on one calendar day, of the account or of one card. */
export function dailyLimit(rule: RuleOf<'daily-limit'>, days: CalendarDays): RuleTest {
  const scope = new Scope(rule);
  const maxCents = BigInt(rule.maxCents);
  return {
    windowMs: LONGEST_DAY_MS,
    looksAtRejected: false,
    matches(candidate, { approved }) {
      if (!scope.includes(candidate)) return false;
      if (candidate.cents > maxCents) return true;
      const yesterdayMs = days.startOfDay(candidate.atMs) - 1;
      const spentCents = sumAfter(approved, yesterdayMs, scope.countedWith(candidate));
      return spentCents + candidate.cents > maxCents;
    },
  };
}
