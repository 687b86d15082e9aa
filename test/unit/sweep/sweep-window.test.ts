/** Which stretch of time is looked at. Without these: rows are never looked at, or a busy installation is read all day long. */
import { describe, expect, it } from 'vitest';
import { SweepWindow } from '../../../src/supervisor/sweep/sweep-window.ts';
import type { SweepBounds } from '../../../src/supervisor/sweep/sweep-window.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = 1_800_000_000_000;
const DAY: SweepBounds = { oldestMs: NOW_MS - DAY_MS, horizonMs: NOW_MS };

const windowFrom = (markMs: number | null): SweepWindow =>
  new SweepWindow({ markMs, sliceRows: 1_000, againRowsMax: 3_000 });

/** Looks at everything that the round gives, at so many rows a second. */
function round(
  window: SweepWindow,
  bounds: SweepBounds,
  rowsPerSecond: number,
): readonly { readonly pass: string; readonly fromMs: number; readonly toMs: number }[] {
  const slices = [];
  window.beginRound();
  for (let slice = window.next(bounds); slice !== null; slice = window.next(bounds)) {
    slices.push(slice);
    window.looked(slice, Math.round(((slice.toMs - slice.fromMs) / 1_000) * rowsPerSecond), null);
    expect(slices.length).toBeLessThan(10_000);
  }
  return slices;
}

describe('the first pass', () => {
  it('covers the window without a gap, oldest first, and ends at the horizon', () => {
    const window = windowFrom(null);
    const first = round(window, DAY, 1).filter(({ pass }) => pass === 'first');
    expect(first[0]?.fromMs).toBe(DAY.oldestMs);
    for (const [index, slice] of first.slice(1).entries()) expect(slice.fromMs).toBe(first[index]?.toMs);
    expect(first.at(-1)?.toMs).toBe(NOW_MS);
    expect(window.frontMs).toBe(NOW_MS);
  });

  it('goes on where an earlier sweeper was, and later only with what has become old enough', () => {
    const window = windowFrom(NOW_MS - 10_000);
    expect(round(window, DAY, 1)[0]).toMatchObject({ pass: 'first', fromMs: NOW_MS - 10_000, toMs: NOW_MS });
    const later = { oldestMs: DAY.oldestMs + 5_000, horizonMs: NOW_MS + 5_000 };
    const first = round(window, later, 1).filter(({ pass }) => pass === 'first');
    expect(first).toMatchObject([{ fromMs: NOW_MS, toMs: NOW_MS + 5_000 }]);
  });

  it('a full page is gone on with before anything else', () => {
    const window = windowFrom(NOW_MS - 10_000);
    window.beginRound();
    const slice = window.next(DAY);
    if (slice === null) throw new Error('nothing to look at');
    const last = { createdAt: '2026-11-22T10:00:00.000000Z', id: 'a' };
    window.looked(slice, 10, last);
    expect(window.next(DAY)).toEqual({ ...slice, after: last });
    expect(window.frontMs).toBe(NOW_MS - 10_000);
  });

  it('never looks at what the horizon forbids, also when that goes back', () => {
    const window = windowFrom(null);
    round(window, DAY, 1);
    const back = { oldestMs: DAY.oldestMs, horizonMs: NOW_MS - HOUR_MS };
    for (const { toMs } of round(window, back, 1)) expect(toMs).toBeLessThanOrEqual(back.horizonMs);
    expect(round(windowFrom(null), { oldestMs: NOW_MS, horizonMs: NOW_MS - 1 }, 1)).toEqual([]);
  });
});

describe('the second pass', () => {
  it('looks at everything again in each round where little happens', () => {
    const window = windowFrom(NOW_MS);
    round(window, DAY, 0.001);
    const again = round(window, DAY, 0.001);
    const spanMs = again.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    expect(spanMs).toBe(DAY_MS);
  });

  it('stops where much happens, goes on there the next time, and comes around', () => {
    const window = windowFrom(NOW_MS);
    const seen = new Set<number>();
    let rounds = 0;
    let spanMs = 0;
    while (spanMs < DAY_MS) {
      const slices = round(window, DAY, 100);
      const rows = slices.reduce((sum, { fromMs, toMs }) => sum + ((toMs - fromMs) / 1_000) * 100, 0);
      // Slices are fitted while they are looked at: the first one is a minute, 6,000 rows.
      expect(rows).toBeLessThanOrEqual(6_000);
      for (const { fromMs, toMs } of slices) {
        spanMs += toMs - fromMs;
        seen.add(fromMs);
      }
      rounds += 1;
    }
    expect(rounds).toBeGreaterThan(1_000);
    expect(seen.has(DAY.oldestMs)).toBe(true);
  });
});
