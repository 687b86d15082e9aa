import type pg from 'pg';

/** A server's clock may be read this much earlier or later than ours before we say that they are two clocks. */
const APART_MS_MAX = 2;
const READINGS = 20;

/**
 * The time of day in milliseconds, with fractions: `Date.now()` has none, and `performance.timeOrigin` is as right as the clock was when the
 * process began. Set by the moment at which `Date.now()` moves on; goes on evenly from there, and is set again wherever `Date.now()` says something
 * else: a clock that is being corrected runs away from an even one.
 */
export class WallClock {
  #originMs: number;

  constructor() {
    const before = Date.now();
    let now = before;
    while (now === before) now = Date.now();
    this.#originMs = now - performance.now();
  }

  now(): number {
    const wholeMs = Date.now();
    const nowMs = this.#originMs + performance.now();
    const rightMs = Math.min(Math.max(nowMs, wholeMs), wholeMs + 1);
    this.#originMs += rightMs - nowMs;
    return rightMs;
  }

  /**
   * Rejects unless the database reads the same clock as we do: its times are then as exact as ours. The answer of the server lies between
   * our question and our reading of it, so how exactly this can be told is the round trip's to say.
   */
  async compareWith(pool: pg.Pool): Promise<void> {
    let apartMs = Infinity;
    for (let reading = 0; reading < READINGS && apartMs > 0; reading += 1) {
      const askedMs = this.now();
      const { rows } = await pool.query<{ ms: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
      );
      const ms = rows[0]?.ms ?? NaN;
      apartMs = Math.min(apartMs, Math.max(askedMs - ms, ms - this.now(), 0));
    }
    if (!(apartMs <= APART_MS_MAX))
      throw new Error(
        `the database's clock is ${apartMs.toFixed(1)} ms apart from ours: no latency can be told`,
      );
  }
}
