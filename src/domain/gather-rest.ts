/** The portion that went out last: how much was in it, and when it did. */
export interface LastPortion {
  readonly count: number;
  readonly atMs: number;
}

export interface Gathering {
  /** Portions of at least so many follow each other no faster than `gatherMs`. */
  readonly largeCount: number;
  readonly gatherMs: number;
}

/** Before the first one. */
export const NO_PORTION: LastPortion = { count: 0, atMs: -Infinity };

/**
 * How long the next portion waits for company, in milliseconds; 0 or less: not at all. Each portion has a price, so large ones gather;
 * where there is little to do nothing waits. At most `gatherMs`, also when the clock was set back meanwhile.
 */
export function gatherRestMs(last: LastPortion, { largeCount, gatherMs }: Gathering, nowMs: number): number {
  return last.count < largeCount ? 0 : Math.min(gatherMs, last.atMs + gatherMs - nowMs);
}
