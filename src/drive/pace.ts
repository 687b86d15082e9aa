/** A paced stream wakes this often, so a batch is what is due in that time. */
const TICK_MS = 10;
/** After a hold-up at most this much is caught up at once; the rest of the time is forgotten. */
const CATCH_UP_MS = 1_000;

/** How many transactions may be sent now, so that they come at an even rate. */
export class Pace {
  readonly #ratePerSecond: number;
  readonly #batchMax: number;
  /** When the next transaction is due. */
  #nextDueMs: number;

  /** `ratePerSecond` 0 = no limit but `batchMax`. */
  constructor(ratePerSecond: number, batchMax: number, nowMs: number) {
    if (!Number.isFinite(ratePerSecond) || ratePerSecond < 0)
      throw new RangeError('a rate must be 0 or more');
    this.#ratePerSecond = ratePerSecond;
    this.#batchMax = batchMax;
    this.#nextDueMs = nowMs;
  }

  /** 0 … `wanted`: these count as sent. */
  take(nowMs: number, wanted: number): number {
    const most = Math.min(wanted, this.#batchMax);
    if (this.#ratePerSecond === 0) return most;
    this.#nextDueMs = Math.max(this.#nextDueMs, nowMs - CATCH_UP_MS);
    if (nowMs < this.#nextDueMs) return 0;
    const intervalMs = 1000 / this.#ratePerSecond;
    const taken = Math.min(most, Math.floor((nowMs - this.#nextDueMs) / intervalMs) + 1);
    this.#nextDueMs += taken * intervalMs;
    return taken;
  }

  /** Until something worth sending is due. */
  waitMs(nowMs: number): number {
    if (this.#ratePerSecond === 0) return 0;
    return Math.max(this.#nextDueMs - nowMs, TICK_MS);
  }
}
