const DAY_MS = 24 * 3_600_000;
/** No day is longer, whatever a clock change adds to it. */
export const LONGEST_DAY_MS = 26 * 3_600_000;
/** Days begin on one of these everywhere. */
const SLOT_MS = 15 * 60_000;
const SLOTS_KEPT_MAX = 500;

/**
 * Where the days of a time zone begin.
 *
 * Asking `Intl` costs some 2 us a question and a day's beginning 27 questions, so the answers for the last quarters of an hour
 * are kept.
 */
export class CalendarDays {
  readonly #format: Intl.DateTimeFormat | null;
  readonly #startOfSlot = new Map<number, number>();

  /** `UTC` or an IANA name. Throws RangeError for anything else. */
  constructor(timeZone: string) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric', era: 'short' } as const;
    this.#format = timeZone === 'UTC' ? null : new Intl.DateTimeFormat('en-US', { timeZone, ...parts });
  }

  /** First millisecond of the day in which `atMs` is; both since the epoch. */
  startOfDay(atMs: number): number {
    if (this.#format === null) return Math.floor(atMs / DAY_MS) * DAY_MS;
    const slot = Math.floor(atMs / SLOT_MS);
    const known = this.#startOfSlot.get(slot);
    if (known !== undefined) return known;
    if (this.#startOfSlot.size >= SLOTS_KEPT_MAX) this.#startOfSlot.clear();
    const startMs = searchStart(this.#format, slot * SLOT_MS);
    this.#startOfSlot.set(slot, startMs);
    return startMs;
  }
}

function searchStart(format: Intl.DateTimeFormat, atMs: number): number {
  const today = format.format(atMs);
  let beforeMs = atMs - LONGEST_DAY_MS;
  let insideMs = atMs;
  while (insideMs - beforeMs > 1) {
    const middleMs = Math.floor((beforeMs + insideMs) / 2);
    if (format.format(middleMs) === today) insideMs = middleMs;
    else beforeMs = middleMs;
  }
  return insideMs;
}
