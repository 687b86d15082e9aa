/**
 * When each of an evenly spaced stream is due, whatever became of those before it. Latencies count from here: one that could not be sent
 * in time because something held up the stream has waited, and leaving that out would be coordinated omission.
 */
export class Schedule {
  readonly #startMs: number;
  readonly #intervalMs: number;
  readonly length: number;

  constructor(startMs: number, ratePerSecond: number, length: number) {
    this.#startMs = startMs;
    this.#intervalMs = 1_000 / ratePerSecond;
    this.length = length;
  }

  /** Of the n-th, beginning with 0. */
  dueMs(index: number): number {
    return this.#startMs + index * this.#intervalMs;
  }

  /** How many are due by then. */
  countAt(nowMs: number): number {
    const due = Math.floor((nowMs - this.#startMs) / this.#intervalMs) + 1;
    return Math.min(this.length, Math.max(0, due));
  }
}
