/** The portion that went out last: how much was in it, and when it did. */
export interface LastPortion {
  readonly count: number;
  readonly atMs: number;
}

/** What follows a portion of `1 + company` goes out no sooner than `growthMs · √company` after it, and waits no longer than `mostMs`. */
export interface Gathering {
  readonly growthMs: number;
  readonly mostMs: number;
}

/** Before the first one. */
export const NO_PORTION: LastPortion = { count: 0, atMs: -Infinity };

/**
 * How long the next portion waits for company, in milliseconds; 0 or less: not at all. Each portion has a price, so the more there is
 * to do the longer they gather: at a steady rate `r` per millisecond the interval settles at `r · growthMs²`, in proportion to the rate,
 * where a threshold would jump between next to nothing and all. At most `mostMs`, also when the clock was set back meanwhile.
 */
export function gatherRestMs(last: LastPortion, { growthMs, mostMs }: Gathering, nowMs: number): number {
  const intervalMs = Math.min(mostMs, growthMs * Math.sqrt(Math.max(0, last.count - 1)));
  return Math.min(intervalMs, last.atMs + intervalMs - nowMs);
}
