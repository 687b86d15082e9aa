/** A timer of Node fires up to this much late when nothing is wrong. */
export const TIMER_GRAIN_MS = 1.25;

/**
 * When a question counts as asked: when it was, unless it was asked later than a timer's grain explains. Then something held up the asker,
 * what came after it would have waited too, and it counts from when it was due.
 */
export function askedMs(dueMs: number, sentMs: number): number {
  return sentMs - dueMs <= TIMER_GRAIN_MS ? sentMs : dueMs + TIMER_GRAIN_MS;
}
