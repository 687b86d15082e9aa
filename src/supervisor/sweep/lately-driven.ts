/**
 * Rows that were driven and ended, though they may be `PENDING` still: something is odd about them, or the end is one that
 * leaves them so. They rest, longer each time.
 *
 * L1. Bounded: beyond `rowsMax` the oldest are forgotten, which costs a drive too many.
 */
export class LatelyDriven {
  readonly #restMs: number;
  readonly #restMsMax: number;
  readonly #rowsMax: number;
  readonly #rows = new Map<string, { readonly times: number; readonly untilMs: number }>();

  constructor(options: { readonly restMs: number; readonly restMsMax: number; readonly rowsMax: number }) {
    this.#restMs = options.restMs;
    this.#restMsMax = options.restMsMax;
    this.#rowsMax = options.rowsMax;
  }

  add(id: string, nowMs: number): void {
    const times = (this.#rows.get(id)?.times ?? 0) + 1;
    const restMs = Math.min(this.#restMs * 2 ** (times - 1), this.#restMsMax);
    this.#rows.delete(id);
    this.#rows.set(id, { times, untilMs: nowMs + restMs });
    const [oldest] = this.#rows.keys();
    if (this.#rows.size > this.#rowsMax && oldest !== undefined) this.#rows.delete(oldest);
  }

  rests(id: string, nowMs: number): boolean {
    const row = this.#rows.get(id);
    return row !== undefined && row.untilMs > nowMs;
  }
}
