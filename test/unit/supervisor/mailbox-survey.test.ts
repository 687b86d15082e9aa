/**
 * What metrics, health and console say of accounts at work. Without this: a stuck account is named by nobody, or the oldest
 * command seems young.
 */
import { expect, it } from 'vitest';
import { countByState, mailboxTotals, surveyAccounts } from '../../../src/supervisor/mailbox-survey.ts';

const NOW_MS = 100_000;
const actor = (
  accountId: string,
  at: string,
  unansweredCount: number,
  oldestReceivedAtMs: number | null,
) => ({
  ...{ accountId, at, unansweredCount, oldestReceivedAtMs },
  place: { accountId, shard: accountId.length, epoch: 1n },
});
const ACTORS = [
  actor('a', 'active.idle', 0, null),
  actor('bb', 'active.committing', 3, NOW_MS - 50),
  actor('cc', 'hydrating', 1, NOW_MS - 5_000),
];

it('adds up what waits, and how long the oldest has', () => {
  expect(mailboxTotals(ACTORS, NOW_MS)).toEqual({ total: 4, max: 3, oldestMs: 5_000 });
  expect(mailboxTotals([], NOW_MS)).toEqual({ total: 0, max: 0, oldestMs: 0 });
});

it('names the busiest and those that wait too long, and counts all by state and shard', () => {
  const { states, hot, stuck, byShard } = surveyAccounts(ACTORS, NOW_MS);
  expect(states).toEqual({ 'active.idle': 1, 'active.committing': 1, hydrating: 1 });
  expect(states).toEqual(Object.fromEntries(countByState(ACTORS)));
  expect(hot.map(({ accountId }) => accountId)).toEqual(['bb', 'cc']);
  expect(stuck.map(({ accountId, ageMs }) => [accountId, ageMs])).toEqual([['cc', 5_000]]);
  expect(Object.fromEntries(byShard)).toEqual({ 1: 1, 2: 2 });
});
