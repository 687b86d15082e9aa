import { LIMITS } from '../limits.ts';

/**
 * Which refunds wait for which original, as far as this node has seen it, so that the original's decision can wake them.
 *
 * A hint, not the truth: that is in `processor.retries`, and the retry clock comes for whatever is forgotten here.
 * Bounded by `earlyOriginalsMax`, the oldest goes first; a refund that has ended meanwhile is woken in vain, harmlessly.
 */
export class EarlyRefunds {
  readonly #waiting = new Map<string, Set<string>>();

  get size(): number {
    return this.#waiting.size;
  }

  add(originalId: string, refundId: string): void {
    const refunds = this.#waiting.get(originalId);
    if (refunds !== undefined) {
      refunds.add(refundId);
      return;
    }
    if (this.#waiting.size >= LIMITS.earlyOriginalsMax) this.#forgetOldest();
    this.#waiting.set(originalId, new Set([refundId]));
  }

  has(originalId: string, refundId: string): boolean {
    return this.#waiting.get(originalId)?.has(refundId) === true;
  }

  /** Those that wait for this original; they are forgotten here. */
  take(originalId: string): readonly string[] {
    const refunds = this.#waiting.get(originalId);
    if (refunds === undefined) return [];
    this.#waiting.delete(originalId);
    return [...refunds];
  }

  #forgetOldest(): void {
    for (const originalId of this.#waiting.keys()) {
      this.#waiting.delete(originalId);
      return;
    }
  }
}
