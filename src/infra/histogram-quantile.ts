/**
 * Quantile of a histogram, by linear interpolation within its bucket, as Prometheus reckons. What lies beyond the last finite
 * bound is told as that bound. null: nothing was counted.
 *
 * @param bounds upper ends of the buckets, ascending; the last may be Infinity.
 * @param counts per bucket, not cumulative; one more than there are bounds counts what lies beyond.
 */
export function histogramQuantile(
  bounds: readonly number[],
  counts: readonly number[],
  quantile: number,
): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  const wanted = total * quantile;
  let below = 0;
  let lower = 0;
  for (const [index, count] of counts.entries()) {
    const upper = bounds[index] ?? Infinity;
    if (count > 0 && below + count >= wanted)
      return Number.isFinite(upper) ? lower + ((upper - lower) * (wanted - below)) / count : lower;
    below += count;
    if (Number.isFinite(upper)) lower = upper;
  }
  return lower;
}
