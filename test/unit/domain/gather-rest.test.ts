/**
 * Without these: every command pays a commit, a query or a message of its own under load; or a lonely one waits for company that does not come.
 */
import { describe, expect, it } from 'vitest';
import { gatherRestMs, NO_PORTION } from '../../../src/domain/gather-rest.ts';

const GATHERING = { growthMs: 2.5, mostMs: 50 };

const COMMIT_MS = 2.5;

/** How many go out together once a steady stream has gone on for a while. */
function portionAt(perMs: number): number {
  let count = perMs * COMMIT_MS;
  for (let round = 0; round < 200; round += 1) {
    const intervalMs = gatherRestMs({ count, atMs: 0 }, GATHERING, 0);
    count = perMs * Math.max(COMMIT_MS, intervalMs);
  }
  return count;
}

describe('gatherRestMs', () => {
  it('waits for nothing at first, and for nothing when the last portion was long ago', () => {
    expect(gatherRestMs(NO_PORTION, GATHERING, 0)).toBeLessThanOrEqual(0);
    expect(gatherRestMs({ count: 400, atMs: 1_000 }, GATHERING, 1_050)).toBeLessThanOrEqual(0);
  });

  it('counts from when the last portion went out, and grows with the root of what was in it up to a bound', () => {
    const after = (count: number): number => gatherRestMs({ count, atMs: 1_000 }, GATHERING, 1_002);
    expect([1, 5, 101, 401, 10_000].map(after)).toEqual([-2, 3, 23, 48, 48]);
  });

  it('never waits longer than that bound, also when the clock was set back', () => {
    expect(gatherRestMs({ count: 10, atMs: 3_600_000 }, GATHERING, 0)).toBe(7.5);
  });

  it('settles at portions in proportion to the square of the rate', () => {
    expect(portionAt(0.1)).toBeLessThan(1);
    expect(portionAt(1)).toBeGreaterThan(4);
    expect(portionAt(1)).toBeLessThan(8);
    expect(portionAt(5)).toBeGreaterThan(120);
    expect(portionAt(10)).toBe(500);
  });
});
