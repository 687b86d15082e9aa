import type { SeededRandom } from './seeded-random.ts';

/** Chooses an index with a probability in proportion to its weight, in O(log n). */
export class WeightedChoice {
  readonly #cumulative: Float64Array;

  /** Throws a RangeError unless the weights are finite, none negative, and one of them positive. */
  constructor(weights: readonly number[]) {
    this.#cumulative = new Float64Array(weights.length);
    let sum = 0;
    for (const [index, weight] of weights.entries()) {
      if (!Number.isFinite(weight) || weight < 0) throw new RangeError('a weight must be 0 or more');
      sum += weight;
      this.#cumulative[index] = sum;
    }
    if (sum === 0) throw new RangeError('one weight must be more than 0');
  }

  choose(random: SeededRandom): number {
    const target = random.fraction() * (this.#cumulative.at(-1) ?? 0);
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#cumulative[middle] ?? 0) > target) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Weights of `count` things of which the n-th is 1/n^exponent as frequent as the first; all equal for 0. */
export function zipfWeights(count: number, exponent: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => 1 / (index + 1) ** exponent);
}
