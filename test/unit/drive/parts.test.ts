/**
 * The small parts below the stream: random numbers, choices, times, pace. Without these, a seed would not mean the
 * same on another machine, ids would not be UUIDs, and a stream of 1,000/s would be one of something else.
 */
import { describe, expect, it } from 'vitest';
import { documentedTimestamp, goKeyTime, goTimestamp } from '../../../src/drive/go-time.ts';
import { Pace } from '../../../src/drive/pace.ts';
import { SeededRandom } from '../../../src/drive/seeded-random.ts';
import { WeightedChoice, zipfWeights } from '../../../src/drive/weighted-choice.ts';

describe('seeded random numbers', () => {
  it('never change', () => {
    const random = new SeededRandom('paygate');
    expect([random.uint32(), random.uint32(), random.uuid()]).toMatchInlineSnapshot(`
      [
        2695350608,
        1462089582,
        "c818475d-713a-4827-9967-0e45e3b4f58d",
      ]
    `);
  });

  it('are spread evenly and stay in their bounds', () => {
    const random = new SeededRandom('even');
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw += 1) counts[random.below(10)]! += 1;
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    for (let draw = 0; draw < 1_000; draw += 1) {
      const cents = random.cents(5n, 7n);
      expect(cents >= 5n && cents <= 7n).toBe(true);
    }
    expect(random.cents(3n, 3n)).toBe(3n);
  });

  it('make version 4 UUIDs', () => {
    const random = new SeededRandom('ids');
    const ids = Array.from({ length: 1_000 }, () => random.uuid());
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(1_000);
  });
});

describe('a weighted choice', () => {
  it('follows the weights and never takes what has none', () => {
    const random = new SeededRandom('weights');
    const choice = new WeightedChoice([0, 1, 0, 3, 0]);
    const counts = [0, 0, 0, 0, 0];
    for (let draw = 0; draw < 4_000; draw += 1) counts[choice.choose(random)]! += 1;
    expect([counts[0], counts[2], counts[4]]).toEqual([0, 0, 0]);
    expect(counts[3]! / counts[1]!).toBeGreaterThan(2.6);
    expect(counts[3]! / counts[1]!).toBeLessThan(3.4);
  });

  it('has equal Zipf weights at exponent 0 and falling ones above', () => {
    expect(zipfWeights(3, 0)).toEqual([1, 1, 1]);
    expect(zipfWeights(4, 1)).toEqual([1, 1 / 2, 1 / 3, 1 / 4]);
  });
});

describe('times as the Go API writes them', () => {
  it.each([
    [0, '2026-11-22T10:40:00Z', '2026-11-22-10:40:00.000'],
    [123_456, '2026-11-22T10:40:00.123456Z', '2026-11-22-10:40:00.123'],
    [120_000, '2026-11-22T10:40:00.12Z', '2026-11-22-10:40:00.120'],
    [1, '2026-11-22T10:40:00.000001Z', '2026-11-22-10:40:00.000'],
    [999_999, '2026-11-22T10:40:00.999999Z', '2026-11-22-10:40:00.999'],
  ])('%i µs past the second', (rest, timestamp, keyTime) => {
    const micros = Date.UTC(2026, 10, 22, 10, 40) * 1000 + rest;
    expect([goTimestamp(micros), goKeyTime(micros)]).toEqual([timestamp, keyTime]);
    expect(documentedTimestamp(micros)).toBe('2026-11-22T10:40:00Z');
  });
});

describe('the pace', () => {
  it('gives out the rate evenly, without a burst at the start', () => {
    const pace = new Pace(1_000, 500, 0);
    let sent = 0;
    for (let nowMs = 0; nowMs < 5_000; nowMs += 7) sent += pace.take(nowMs, 500);
    expect(sent).toBeGreaterThan(4_990);
    expect(sent).toBeLessThanOrEqual(5_000);
  });

  it('works below one a second, and says how long to wait', () => {
    const pace = new Pace(0.5, 500, 0);
    expect(pace.take(0, 10)).toBe(1);
    expect(pace.take(1_999, 10)).toBe(0);
    expect(pace.waitMs(1_500)).toBe(500);
    expect(pace.take(2_000, 10)).toBe(1);
  });

  it('catches up one second, not an hour', () => {
    const pace = new Pace(100, 1_000_000, 0);
    expect(pace.take(3_600_000, 1_000_000)).toBe(101);
  });

  it('never exceeds what is wanted nor the batch, paced or not', () => {
    expect(new Pace(0, 500, 0).take(0, 10_000)).toBe(500);
    expect(new Pace(0, 500, 0).take(0, 3)).toBe(3);
    expect(new Pace(1_000_000, 500, 0).take(1_000, 3)).toBe(3);
    expect(() => new Pace(-1, 500, 0)).toThrow(RangeError);
  });
});
