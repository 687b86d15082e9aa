import { LIMITS } from '../../limits.ts';

/**
 * Which delivery tags of one channel to acknowledge, and how. Owns the tags, does no I/O.
 *
 * Tags count up from 1 by one. They come to be settled out of order; the broker wants few, large acknowledgements.
 *
 * ```
 *   stragglers (unsettled)      ring: base … next − 1
 *   ── 7 ───── 19 ──────────┃ settled settled ┃ open ┃ settled ┃ open ┃
 *                           └ the prefix ─────┘       └ held back by the gap
 * ```
 * A1. `upTo` never covers a tag that is not settled: while there are stragglers every acknowledgement is single.
 * A2. A tag is acknowledged at most once.
 * A3. A gap that does not move for `LIMITS.ackGapMsMax`, or that holds back most of a window, stops holding anything back:
 *     what is open behind the newest settled tag becomes a straggler.
 *     (The time counts from the last move of the prefix, not from the delivery: under load every delivery waits its turn
 *     for longer than that, and the prefix moves all the same. Both bounds are wide because single acknowledgements are dear:
 *     RabbitMQ walks over the older unacknowledged messages for each of them. With 50 ms and half a window a drain of
 *     100,000 messages over 10,000 accounts ran at 5,500/s, almost without single ones at 8,900/s, with these bounds at 7,800/s.)
 * A4. The ring holds no more than the broker has unacknowledged, so it is as large as the window; it grows if that was wrong.
 */

export interface Acknowledgements {
  /** Acknowledge everything up to this tag at once. */
  readonly upTo: number | null;
  /** Acknowledge these one by one. */
  readonly singles: readonly number[];
}

const OPEN = 0;
const SETTLED = 1;

export class Acker {
  #flags: Uint8Array;
  #mask: number;
  #base = 1;
  #next = 1;
  /** Settled tags in the ring. */
  #held = 0;
  #newestSettled = 0;
  #prefixMovedAtMs = 0;
  readonly #stragglers = new Set<number>();
  /** Stragglers that are settled now and wait for `take`. */
  #released: number[] = [];

  constructor(windowMax: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(windowMax, 2)));
    this.#flags = new Uint8Array(size);
    this.#mask = size - 1;
  }

  /** Deliveries the broker counts as unacknowledged. */
  get unacknowledged(): number {
    return this.#next - this.#base + this.#stragglers.size + this.#released.length;
  }

  /** True while settled tags wait behind a gap: `take` wants to be asked again after `LIMITS.ackGapMsMax`. */
  get holdsBack(): boolean {
    return this.#held > 0;
  }

  delivered(tag: number, nowMs: number): void {
    if (this.#next === this.#base) this.#prefixMovedAtMs = nowMs;
    if (tag - this.#base > this.#mask) this.#grow();
    this.#flags[tag & this.#mask] = OPEN;
    this.#next = tag + 1;
  }

  /** False where there is nothing to settle: settled already, or never delivered. */
  settle(tag: number): boolean {
    if (tag < this.#base) {
      if (!this.#stragglers.delete(tag)) return false;
      this.#released.push(tag);
      return true;
    }
    if (tag >= this.#next) return false;
    const slot = tag & this.#mask;
    if (this.#flags[slot] === SETTLED) return false;
    this.#flags[slot] = SETTLED;
    this.#held += 1;
    if (tag > this.#newestSettled) this.#newestSettled = tag;
    return true;
  }

  /** What is to be acknowledged now; from here on it counts as acknowledged. `window`: its present size; 0 takes whatever is settled. */
  take(nowMs: number, window: number): Acknowledgements {
    const prefixEnd = this.#takePrefix(nowMs);
    const gapIsOver =
      this.#held > 0 && (this.#held * 8 >= window * 7 || nowMs - this.#prefixMovedAtMs >= LIMITS.ackGapMsMax);
    let upTo: number | null = null;
    if (prefixEnd !== null) {
      if (this.#stragglers.size === 0) {
        // Covers the released ones as well: they are older than the ring.
        upTo = prefixEnd.last;
        this.#released = [];
      } else {
        for (let tag = prefixEnd.first; tag <= prefixEnd.last; tag += 1) this.#released.push(tag);
      }
    }
    if (gapIsOver) this.#leaveGapBehind(nowMs);
    const singles = this.#released;
    this.#released = [];
    return { upTo, singles };
  }

  #takePrefix(nowMs: number): { readonly first: number; readonly last: number } | null {
    const first = this.#base;
    let end = first;
    while (end < this.#next && this.#flags[end & this.#mask] === SETTLED) end += 1;
    if (end === first) return null;
    this.#base = end;
    this.#held -= end - first;
    this.#prefixMovedAtMs = nowMs;
    return { first, last: end - 1 };
  }

  #leaveGapBehind(nowMs: number): void {
    for (let tag = this.#base; tag <= this.#newestSettled; tag += 1) {
      if (this.#flags[tag & this.#mask] === SETTLED) this.#released.push(tag);
      else this.#stragglers.add(tag);
    }
    this.#base = this.#newestSettled + 1;
    this.#held = 0;
    this.#prefixMovedAtMs = nowMs;
  }

  #grow(): void {
    const flags = new Uint8Array(this.#flags.length * 2);
    const mask = flags.length - 1;
    for (let tag = this.#base; tag < this.#next; tag += 1) {
      flags[tag & mask] = this.#flags[tag & this.#mask] ?? OPEN;
    }
    this.#flags = flags;
    this.#mask = mask;
  }
}
