import { ensureError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/runtime.ts';

/**
 * The last answer to a question that is asked again and again, and why there is no newer one.
 *
 * One question is under way at a time; whoever looks never waits for it.
 */
export class Latest<T> {
  readonly #ask: () => Promise<T>;
  readonly #everyMs: number;
  readonly #clock: Clock;
  #value: T | null = null;
  #trouble: string | null = null;
  #askedAtMs = -Infinity;
  #underWay: Promise<void> | null = null;

  constructor(ask: () => Promise<T>, everyMs: number, clock: Clock) {
    this.#ask = ask;
    this.#everyMs = everyMs;
    this.#clock = clock;
  }

  /** null: never answered. It may be old: see `trouble`. */
  get value(): T | null {
    return this.#value;
  }

  /** Why the last question was not answered; null: it was. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Asks if it is time to. Resolves when the question that is under way has ended; never rejects. */
  refresh(): Promise<void> {
    const isDue = this.#clock.now() - this.#askedAtMs >= this.#everyMs;
    if (this.#underWay === null && isDue) {
      this.#askedAtMs = this.#clock.now();
      this.#underWay = this.#askOnce().finally(() => {
        this.#underWay = null;
      });
    }
    return this.#underWay ?? Promise.resolve();
  }

  async #askOnce(): Promise<void> {
    try {
      this.#value = await this.#ask();
      this.#trouble = null;
    } catch (error) {
      this.#trouble = ensureError(error).message || 'no answer';
    }
  }
}
