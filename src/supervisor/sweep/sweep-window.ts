import type { RowPlace, SweepSlice } from '../../ports/sweep.ts';

/** Times between which rows are eligible, in milliseconds since the epoch. */
export interface SweepBounds {
  readonly oldestMs: number;
  /** Rows created at this time or later are left alone. */
  readonly horizonMs: number;
}

export type SweepPass = 'first' | 'again';

export interface WindowSlice extends SweepSlice {
  readonly pass: SweepPass;
}

export interface SweepWindowOptions {
  /** Up to where has been looked before; null = nowhere. */
  readonly markMs: number | null;
  /** Rows, in whatever status, that one slice should hold. */
  readonly sliceRows: number;
  /** Rows looked at again in one round. */
  readonly againRowsMax: number;
}

/** Of the first slice of each pass: not much however busy the installation is. */
const WIDTH_START_MS = 60_000;
/** A slice is at most so many times as wide, or as narrow, as the one before. */
const STEP_MAX = 4;

interface Place {
  widthMs: number;
  /** A page of it was full: the rest of it comes next. */
  unfinished: WindowSlice | null;
}

/**
 * Which stretch of time is looked at next. Whoever wants to know which rows are PENDING has to look at all rows of a time, so
 * each is looked at once as soon as it is old enough, and then again and again at a pace that does not hurt: for rows that
 * came late into the past (a long transaction of the writer, a clock that is behind, a restored row, a discarded letter).
 *
 * Owns up to where has been looked.
 * W1. In the first pass slices follow each other without a gap, oldest first; the next one begins when the one before has
 *     been looked at to its end.
 * W2. Nothing at the horizon or beyond, and nothing older than the bounds allow, is ever in a slice.
 * W3. A round ends: the second pass goes around the window once at most, and stops earlier when it has looked at enough.
 */
export class SweepWindow {
  readonly #options: SweepWindowOptions;
  readonly #places: Readonly<Record<SweepPass, Place>> = {
    first: { widthMs: WIDTH_START_MS, unfinished: null },
    again: { widthMs: WIDTH_START_MS, unfinished: null },
  };
  #frontMs: number;
  #againMs = -Infinity;
  #roundRows = 0;
  #roundSpanMs = Infinity;

  constructor(options: SweepWindowOptions) {
    this.#options = options;
    this.#frontMs = options.markMs ?? -Infinity;
  }

  /** Everything older has been looked at; -Infinity: nothing has. */
  get frontMs(): number {
    return this.#frontMs;
  }

  beginRound(): void {
    this.#roundRows = 0;
    this.#roundSpanMs = Infinity;
  }

  /** null: the round has looked at enough. */
  next(bounds: SweepBounds): WindowSlice | null {
    return this.#nextFirst(bounds) ?? this.#nextAgain(bounds);
  }

  /** `last`: the page was full, and that was its last row; null: the slice has been looked at to its end. */
  looked(slice: WindowSlice, examined: number, last: RowPlace | null): void {
    const place = this.#places[slice.pass];
    if (slice.pass === 'again') this.#roundRows += examined;
    if (last !== null) {
      place.unfinished = { ...slice, after: last };
      return;
    }
    place.unfinished = null;
    place.widthMs = this.#widthAfter(slice.toMs - slice.fromMs, examined);
    if (slice.pass === 'first') this.#frontMs = slice.toMs;
    else {
      this.#againMs = slice.toMs;
      this.#roundSpanMs -= slice.toMs - slice.fromMs;
    }
  }

  #nextFirst({ oldestMs, horizonMs }: SweepBounds): WindowSlice | null {
    const { unfinished, widthMs } = this.#places.first;
    if (unfinished !== null && unfinished.toMs <= horizonMs) return unfinished;
    const fromMs = Math.max(this.#frontMs, oldestMs);
    if (fromMs >= horizonMs) return null;
    const toMs = Math.min(fromMs + widthMs, horizonMs);
    return { pass: 'first', fromMs, toMs, after: null };
  }

  #nextAgain({ oldestMs, horizonMs }: SweepBounds): WindowSlice | null {
    const endMs = Math.min(this.#frontMs, horizonMs);
    this.#roundSpanMs = Math.min(this.#roundSpanMs, endMs - oldestMs);
    if (this.#roundSpanMs <= 0 || this.#roundRows >= this.#options.againRowsMax) return null;
    const { unfinished, widthMs } = this.#places.again;
    if (unfinished !== null && unfinished.toMs <= endMs) return unfinished;
    const hasPlace = this.#againMs >= oldestMs && this.#againMs < endMs;
    const fromMs = hasPlace ? this.#againMs : oldestMs;
    const toMs = Math.min(fromMs + widthMs, fromMs + this.#roundSpanMs, endMs);
    return { pass: 'again', fromMs, toMs, after: null };
  }

  #widthAfter(spanMs: number, examined: number): number {
    const wantedMs = (spanMs * this.#options.sliceRows) / Math.max(examined, 1);
    return Math.max(1, Math.min(spanMs * STEP_MAX, Math.max(spanMs / STEP_MAX, wantedMs)));
  }
}
