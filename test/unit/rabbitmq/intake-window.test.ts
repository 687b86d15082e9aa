/**
 * Without these, the window could stay small (slow), run over its bound, or let thousands of large bodies into memory:
 * the broker has no limit by bytes.
 */
import { expect, it } from 'vitest';
import { IntakeWindow } from '../../../src/infra/rabbitmq/intake-window.ts';
import { LIMITS } from '../../../src/limits.ts';

const SMALL = 450;

/** A turn in which the window was full: `size` bodies come, then all of them are settled. */
function fullTurn(window: IntakeWindow, bytes = SMALL): void {
  const { size } = window;
  for (let n = 1; n <= size; n += 1) window.delivered(bytes, n);
  for (let n = 0; n < size; n += 1) window.settled(bytes);
}

it('starts small and doubles after every full turn, up to its bound', () => {
  const window = new IntakeWindow(() => 1_500);
  const sizes = [window.size];
  for (let turn = 0; turn < 7; turn += 1) {
    fullTurn(window);
    sizes.push(window.size);
  }
  expect(sizes).toEqual([100, 200, 400, 800, 1_500, 1_500, 1_500, 1_500]);
});

it('does not grow while it is never full', () => {
  const window = new IntakeWindow(() => 4_000);
  for (let n = 0; n < 1_000; n += 1) {
    window.delivered(SMALL, 1);
    window.settled(SMALL);
  }
  expect(window.size).toBe(LIMITS.windowStart);
});

it('does not grow to where its bytes would exceed the limit', () => {
  const window = new IntakeWindow(() => 4_000);
  const bytes = LIMITS.largeBodyBytes;
  for (let turn = 0; turn < 10; turn += 1) fullTurn(window, bytes);
  expect(window.size * bytes).toBeLessThanOrEqual(LIMITS.queueBytesMax);
  expect(window.size).toBe(96);
});

it('is halved by the first large body of a turn, once', () => {
  const window = new IntakeWindow(() => 4_000);
  expect(window.delivered(LIMITS.largeBodyBytes + 1, 1)).toBe(true);
  expect(window.delivered(LIMITS.largeBodyBytes + 1, 2)).toBe(false);
  expect(window.size).toBe(LIMITS.windowStart / 2);
});

it('that grew on small bodies lets no more of larger ones in than fit', () => {
  const window = new IntakeWindow(() => 4_000);
  for (let turn = 0; turn < 20; turn += 1) fullTurn(window);
  expect(window.size).toBe(4_000);
  // Not one of them is large, yet 4,000 would be 240 MB.
  const bytes = 60_000;
  let unacknowledged = 0;
  while (unacknowledged < window.size) window.delivered(bytes, (unacknowledged += 1));
  expect(unacknowledged * bytes).toBeLessThanOrEqual(LIMITS.queueBytesMax + bytes);
  for (; unacknowledged > 0; unacknowledged -= 1) window.settled(bytes);
  for (let turn = 0; turn < 20; turn += 1) fullTurn(window, bytes);
  expect(window.size).toBeGreaterThanOrEqual(50);
  expect(window.size * bytes).toBeLessThanOrEqual(LIMITS.queueBytesMax);
});

it('never holds more than the byte limit in bodies like the largest', () => {
  const window = new IntakeWindow(() => 4_000);
  window.delivered(5 * 1024 * 1024, 1);
  expect(window.size * 5 * 1024 * 1024).toBeLessThanOrEqual(LIMITS.queueBytesMax);
  window.delivered(100 * 1024 * 1024, 2);
  expect(window.size).toBe(1);
});

it('settles at a useful size under a stream of large bodies, and grows again after it', () => {
  const window = new IntakeWindow(() => 4_000);
  for (let turn = 0; turn < 20; turn += 1) fullTurn(window, 100 * 1024);
  expect(window.size).toBeGreaterThanOrEqual(7);
  for (let turn = 0; turn < 20; turn += 1) fullTurn(window);
  expect(window.size).toBe(4_000);
});

it('respects a bound below the start size', () => {
  const window = new IntakeWindow(() => 10);
  fullTurn(window);
  expect(window.size).toBe(10);
});

it('follows a bound that moves', () => {
  let max = 200;
  const window = new IntakeWindow(() => max);
  fullTurn(window);
  expect(window.size).toBe(200);
  fullTurn(window);
  expect(window.size).toBe(200);
  max = 800;
  fullTurn(window);
  expect(window.size).toBe(400);
  fullTurn(window);
  expect(window.size).toBe(800);
  max = 300;
  fullTurn(window);
  expect(window.size).toBe(300);
});
