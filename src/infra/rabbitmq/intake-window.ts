import { LIMITS } from '../../limits.ts';

/**
 * How many deliveries the broker may have outstanding on one queue. It follows the work, by count and by bytes; does no I/O.
 *
 * One turn is as many settled deliveries as the window holds.
 * W1. The window doubles after a turn in which it was full, carried no large body and had no more than half of
 *     `LIMITS.queueBytesMax` in flight (twice as many deliveries are twice as many bytes).
 * W2. The first body over `LIMITS.largeBodyBytes` in a turn halves it, though not below an eighth of the byte limit in such bodies:
 *     a stream of them settles at a size that still keeps the node busy.
 * W3. A window full of the largest body seen in this turn never exceeds the byte limit.
 * W4. Where the byte limit is exceeded all the same, because a window that grew on small bodies filled up with larger ones, it
 *     is at once no more than half of what is in flight.
 * W5. 1 ≤ size ≤ max.
 *
 * What the broker has sent before it hears of a smaller window still comes; that is why the first window is small.
 */
export class IntakeWindow {
  readonly #max: () => number;
  #size: number;
  #bytesInFlight = 0;
  #bytesPeak = 0;
  #settledThisTurn = 0;
  #wasFull = false;
  #largestBytes = 0;

  /** `max` is asked for each turn. */
  constructor(max: () => number) {
    this.#max = max;
    this.#size = Math.max(1, Math.min(LIMITS.windowStart, max()));
  }

  get size(): number {
    return this.#size;
  }

  /** `unacknowledged` includes this one. True when the size changed. */
  delivered(bytes: number, unacknowledged: number): boolean {
    this.#bytesInFlight += bytes;
    if (this.#bytesInFlight > this.#bytesPeak) this.#bytesPeak = this.#bytesInFlight;
    if (unacknowledged >= this.#size) this.#wasFull = true;
    const before = this.#size;
    if (bytes > LIMITS.largeBodyBytes && bytes > this.#largestBytes) this.#makeRoomFor(bytes);
    if (this.#bytesInFlight > LIMITS.queueBytesMax) this.#shrinkTo(Math.floor(unacknowledged / 2));
    return this.#size !== before;
  }

  /** True when the size changed. */
  settled(bytes: number): boolean {
    this.#bytesInFlight -= bytes;
    this.#settledThisTurn += 1;
    if (this.#settledThisTurn < this.#size) return false;
    const grows = this.#wasFull && this.#largestBytes === 0 && this.#bytesPeak * 2 <= LIMITS.queueBytesMax;
    return this.#resize(grows ? this.#size * 2 : this.#size);
  }

  #makeRoomFor(bytes: number): void {
    const isFirstThisTurn = this.#largestBytes === 0;
    this.#largestBytes = bytes;
    const fitting = Math.floor(LIMITS.queueBytesMax / bytes);
    if (isFirstThisTurn) this.#shrinkTo(Math.max(Math.floor(this.#size / 2), Math.floor(fitting / 8)));
    this.#shrinkTo(fitting);
  }

  #shrinkTo(size: number): void {
    this.#size = Math.max(1, Math.min(this.#size, size));
  }

  #resize(size: number): boolean {
    this.#settledThisTurn = 0;
    this.#wasFull = false;
    this.#largestBytes = 0;
    this.#bytesPeak = this.#bytesInFlight;
    const bounded = Math.max(1, Math.min(size, this.#max()));
    if (bounded === this.#size) return false;
    this.#size = bounded;
    return true;
  }
}
