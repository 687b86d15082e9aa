/**
 * Without these: deferred commands could return all at once, at once, or after days.
 */
import { describe, expect, it } from 'vitest';
import { RETRY_DELAY_MS_MAX, isMovedOn, retryDelayMs } from '../../../src/domain/retry-policy.ts';
import { fc } from '../../support/properties.ts';

const always = (value: number) => ({ next: () => value });
const LEAST = always(0);
const MOST = always(1 - Number.EPSILON);

describe('retryDelayMs', () => {
  it('doubles with every attempt, between half and the whole', () => {
    expect([1, 2, 3, 4].map((attempt) => retryDelayMs(attempt, 1000, LEAST))).toEqual([
      500, 1000, 2000, 4000,
    ]);
    expect([1, 2, 3, 4].map((attempt) => retryDelayMs(attempt, 1000, MOST))).toEqual([
      1000, 2000, 4000, 8000,
    ]);
  });

  it('keeps to the cap, or to the base where that is longer', () => {
    expect(retryDelayMs(10_000, 1000, MOST)).toBe(RETRY_DELAY_MS_MAX);
    expect(retryDelayMs(9, 3_600_000, MOST)).toBe(3_600_000);
  });

  it('is always a whole number of milliseconds that a timer takes', () => {
    const attempts = fc.integer({ min: 0, max: 1_000_000 });
    const bases = fc.integer({ min: 1, max: 3_600_000 });
    const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempts, bases, chances, (attempt, baseMs, chance) => {
        const delayMs = retryDelayMs(attempt, baseMs, always(chance));
        expect(Number.isSafeInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(1);
        expect(delayMs).toBeLessThanOrEqual(3_600_000);
      }),
    );
  });
});

describe('isMovedOn', () => {
  it('a later try or another cause takes the place of what waits, a repeat does not', () => {
    const waiting = { code: 'ROW_MISSING', attempt: 2 } as const;
    expect([1, 2, 3].map((attempt) => isMovedOn({ ...waiting, attempt }, waiting))).toEqual([
      false,
      false,
      true,
    ]);
    expect(isMovedOn({ code: 'ROW_LOCKED', attempt: 1 }, waiting)).toBe(true);
  });
});
