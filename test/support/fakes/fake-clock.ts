import type { Clock, Random } from '../../../src/ports/runtime.ts';

interface Timer {
  readonly atMs: number;
  readonly n: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #nowMs: number;
  #timers: Timer[] = [];
  #soon: (() => void)[] = [];
  #n = 0;

  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs;
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  get soonCount(): number {
    return this.#soon.length;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, n: (this.#n += 1), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Runs what was put off to the end of the turn; what that puts off in its turn stays for the next call. */
  runSoon(): void {
    for (const callback of this.#soon.splice(0)) callback();
  }

  /** Moves on, calling every timer that falls due, in order. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    let next = this.#nextUntil(untilMs);
    while (next !== undefined) {
      const due = next;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
      next = this.#nextUntil(untilMs);
    }
    this.#nowMs = untilMs;
  }

  #nextUntil(untilMs: number): Timer | undefined {
    return this.#timers
      .filter(({ atMs }) => atMs <= untilMs)
      .sort((a, b) => a.atMs - b.atMs || a.n - b.n)
      .at(0);
  }
}

/** Chance that can be repeated: mulberry32. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
