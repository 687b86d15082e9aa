/** Four buckets per doubling, from 2^-14 s (61 us) to 2^7 s: a quantile is right to 19 %. */
const PER_DOUBLING = 4;
const DOUBLINGS_BELOW_ONE = 14;
const BUCKETS = (DOUBLINGS_BELOW_ONE + 7) * PER_DOUBLING;

/** Upper end of a bucket of `LatencyCounts`, in seconds; of the last one: what lies above is in it, too. */
export function bucketEndSeconds(index: number): number {
  return 2 ** (index / PER_DOUBLING - DOUBLINGS_BELOW_ONE);
}

/** How many took how long, in buckets of equal ratio. Adding costs one logarithm. */
export class LatencyCounts {
  readonly #counts: number[] = Array.from({ length: BUCKETS }, () => 0);

  add(seconds: number): void {
    const place = Math.ceil((Math.log2(seconds) + DOUBLINGS_BELOW_ONE) * PER_DOUBLING);
    // 0 s has no logarithm, and a clock that was put back makes less.
    const index = Number.isFinite(place) ? Math.min(BUCKETS - 1, Math.max(0, place)) : 0;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  copy(): readonly number[] {
    return [...this.#counts];
  }
}

/** Upper bound in seconds of the bucket in which the quantile lies; null: nothing was counted. `counts` as in `LatencyCounts.copy`. */
export function quantileSeconds(counts: readonly number[], quantile: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.max(1, Math.ceil(total * quantile));
  const index = counts.findIndex((count) => (left -= count) <= 0);
  return bucketEndSeconds(index);
}
