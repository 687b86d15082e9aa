import { LIMITS } from '../../limits.ts';

/**
 * How many deliveries the broker may have outstanding with us. It follows the work, by count and by bytes; does no I/O.
 *
 * One turn is as many settled deliveries as the window holds.
 * W1. The window doubles after a turn in which it was full, carried no large body and had no more than half of
 *     `LIMITS.inFlightBytesMax` in flight (twice as many deliveries are twice as many bytes).
 * W2. The first body over `LIMITS.largeBodyBytes` in a turn halves it, though not below an eighth of the byte limit in such bodies:
 *     a stream of them settles at a size that still keeps the node busy.
 * W3. A window full of the largest body seen in this turn never exceeds the byte limit.
 * W4. 1 ≤ size ≤ max.
 */
export class IntakeWindow {
  readonly #max: number;
  #size: number;
  #bytesInFlight = 0;
  #bytesPeak = 0;
  #settledThisTurn = 0;
  #wasFull = false;
  #largestBytes = 0;

  constructor(max: number) {
    this.#max = Math.max(1, max);
    this.#size = Math.min(LIMITS.windowStart, this.#max);
  }

  get size(): number {
    return this.#size;
  }

  /** `unacknowledged` includes this one. True when the size changed. */
  delivered(bytes: number, unacknowledged: number): boolean {
    this.#bytesInFlight += bytes;
    if (this.#bytesInFlight > this.#bytesPeak) this.#bytesPeak = this.#bytesInFlight;
    if (unacknowledged >= this.#size) this.#wasFull = true;
    if (bytes <= LIMITS.largeBodyBytes || bytes <= this.#largestBytes) return false;
    return this.#makeRoomFor(bytes);
  }

  /** True when the size changed. */
  settled(bytes: number): boolean {
    this.#bytesInFlight -= bytes;
    this.#settledThisTurn += 1;
    if (this.#settledThisTurn < this.#size) return false;
    const grows = this.#wasFull && this.#largestBytes === 0 && this.#bytesPeak * 2 <= LIMITS.inFlightBytesMax;
    return this.#resize(grows ? this.#size * 2 : this.#size);
  }

  #makeRoomFor(bytes: number): boolean {
    const isFirstThisTurn = this.#largestBytes === 0;
    this.#largestBytes = bytes;
    const fitting = Math.floor(LIMITS.inFlightBytesMax / bytes);
    const halved = isFirstThisTurn
      ? Math.min(this.#size, Math.max(Math.floor(this.#size / 2), Math.floor(fitting / 8)))
      : this.#size;
    const size = Math.max(1, Math.min(halved, fitting));
    if (size === this.#size) return false;
    this.#size = size;
    return true;
  }

  #resize(size: number): boolean {
    this.#settledThisTurn = 0;
    this.#wasFull = false;
    this.#largestBytes = 0;
    this.#bytesPeak = this.#bytesInFlight;
    const bounded = Math.min(size, this.#max);
    if (bounded === this.#size) return false;
    this.#size = bounded;
    return true;
  }
}
