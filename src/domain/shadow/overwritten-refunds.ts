/** Originals remembered. */
const ORIGINALS_MAX = 10_000;

/**
 * By how much more than was asked for the old processor has refunded, per original, cents: what is left of it here. It writes the original's
 * amount over the refund's, so the table does not say it. Bounded: of too many the oldest are forgotten.
 */
export class OverwrittenRefunds {
  readonly #extraCents = new Map<string, bigint>();
  readonly #originalsMax: number;

  constructor(originalsMax = ORIGINALS_MAX) {
    this.#originalsMax = originalsMax;
  }

  extraCents(originalId: string): bigint {
    return this.#extraCents.get(originalId) ?? 0n;
  }

  add(originalId: string, extraCents: bigint): void {
    const before = this.extraCents(originalId);
    this.#extraCents.delete(originalId);
    this.#extraCents.set(originalId, before + extraCents);
    if (this.#extraCents.size <= this.#originalsMax) return;
    const [oldest] = this.#extraCents.keys();
    if (oldest !== undefined) this.#extraCents.delete(oldest);
  }
}
