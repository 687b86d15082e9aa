import type { DeferralCode } from './codes.ts';

/** No retry waits longer than this, unless the base itself is longer: refunds may wait for their original without a limit of attempts. */
export const RETRY_DELAY_MS_MAX = 60_000;

/** Beyond this exponent every base has reached the cap; keeps the power finite. */
const DOUBLINGS_MAX = 30;

/**
 * How long to wait before retry number `attempt`: the base doubled with every attempt, capped, and of that
 * between one half and the whole. Half is kept as a floor because a retry that comes at once finds
 * what the first try found; the other half is jitter, so that commands deferred together do not return together.
 *
 * @param attempt 1 = first retry.
 * @param random 0 ≤ next() < 1.
 * @param capMs no wait is longer, unless the base itself is.
 * @returns whole milliseconds, at least 1.
 */
export function retryDelayMs(
  attempt: number,
  baseMs: number,
  random: { readonly next: () => number },
  capMs = RETRY_DELAY_MS_MAX,
): number {
  const doublings = Math.min(Math.max(attempt - 1, 0), DOUBLINGS_MAX);
  const fullMs = Math.min(baseMs * 2 ** doublings, Math.max(capMs, baseMs));
  return Math.max(1, Math.round(fullMs * (0.5 + random.next() / 2)));
}

/** What a transaction waits for, and the how manieth try for it comes next. */
export interface Wait {
  readonly code: DeferralCode;
  readonly attempt: number;
}

/** Whether `next` takes the place of what waits. A repeat of a message that waits begins at its first try, and must not put off one that is due. */
export function isMovedOn(next: Wait, waiting: Wait): boolean {
  return next.code !== waiting.code || next.attempt > waiting.attempt;
}
