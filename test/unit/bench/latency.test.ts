/** Without these latencies could leave out what waited to be sent, percentiles could be of nothing measured, and clocks could be guessed. */
import { expect, test } from 'vitest';
import { benchTraffic } from '../../../bench/harness/bench-traffic.ts';
import { offer, planOperations } from '../../../bench/harness/paced-load.ts';
import { WallClock } from '../../../bench/harness/wall-clock.ts';
import { percentile, percentilesOf } from '../../../bench/statistics/percentiles.ts';
import { askedMs, TIMER_GRAIN_MS } from '../../../bench/statistics/response.ts';
import { Schedule } from '../../../bench/statistics/schedule.ts';
import type { Operation } from '../../../src/drive/operation.ts';

test('a percentile is a value that was measured: the smallest that so many do not exceed', () => {
  const sorted = Float64Array.from({ length: 1_000 }, (_, index) => index + 1);
  expect(percentile(sorted, 0.5)).toBe(500);
  expect(percentile(sorted, 0.99)).toBe(990);
  expect(percentile(sorted, 1)).toBe(1_000);
  expect(percentile(Float64Array.of(7), 0.999)).toBe(7);
  expect(() => percentile(Float64Array.of(), 0.5)).toThrow(RangeError);
  // Numbers are sorted as numbers.
  expect(percentilesOf([100, 9, 30]).p50).toBe(30);
});

test('what is due does not depend on what was sent', () => {
  const schedule = new Schedule(1_000, 200, 4);
  expect([0, 1, 2, 3].map((index) => schedule.dueMs(index))).toEqual([1_000, 1_005, 1_010, 1_015]);
  expect([999.9, 1_000, 1_004.9, 1_005, 60_000].map((ms) => schedule.countAt(ms))).toEqual([0, 1, 1, 2, 4]);
});

test('a question counts from when it was asked, one that was held up from when it was due', () => {
  expect(askedMs(100, 100.9)).toBe(100.9);
  expect(askedMs(100, 130)).toBe(100 + TIMER_GRAIN_MS);
});

test('the clock is the time of day, and goes on evenly', () => {
  const clock = new WallClock();
  const before = Date.now();
  const now = clock.now();
  // `Date.now()` cuts off the fraction.
  expect(now).toBeGreaterThan(before - 1);
  expect(now).toBeLessThan(Date.now() + 2);
  expect(clock.now()).toBeGreaterThanOrEqual(now);
});

test('everything is offered once, in order, after its row, also when it is late', async () => {
  const clock = new WallClock();
  const operations = planOperations(benchTraffic({ accounts: 5 }), 50, 1_000);
  const inserted = new Set<Operation>();
  const published: Operation[] = [];
  const sent: number[] = [];
  await offer({
    api: {
      insertPending: async (rows) => {
        await Promise.resolve();
        for (const row of rows) inserted.add(row);
        return rows.length;
      },
      publish: (some) => {
        for (const one of some) expect(inserted.has(one)).toBe(true);
        published.push(...some);
        return Promise.resolve();
      },
    },
    operations,
    // Half of it is due already.
    schedule: new Schedule(clock.now() - 50, 500, operations.length),
    clock,
    signal: new AbortController().signal,
    onSent: (_operation, index) => sent.push(index),
  });
  expect(published).toEqual(operations);
  expect(sent).toEqual(operations.map((_, index) => index));
});
