import { max, median, min, quantile } from 'simple-statistics';

/** What several runs come to. */
export interface Summary {
  readonly runs: number;
  readonly median: number;
  /** A quarter of the runs is below, a quarter above. */
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly min: number;
  readonly max: number;
}

/** null: there are no values. */
export function summarize(values: readonly number[]): Summary | null {
  if (values.length === 0) return null;
  const all = [...values];
  return {
    runs: all.length,
    median: median(all),
    lowerQuartile: quantile(all, 0.25),
    upperQuartile: quantile(all, 0.75),
    min: min(all),
    max: max(all),
  };
}

/** Of each round in which both ran; the machine is the same to both then, whatever else it does. */
export function pairedRatios(
  of: readonly (number | null)[],
  against: readonly (number | null)[],
): readonly number[] {
  return of.flatMap((value, round) => {
    const other = against[round] ?? null;
    return value === null || other === null || other === 0 ? [] : [value / other];
  });
}
