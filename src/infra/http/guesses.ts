import { LIMITS } from '../../limits.ts';

interface Count {
  wrong: number;
  readonly sinceMs: number;
}

/** Where there are too many addresses to count for each. */
const EVERYBODY_ELSE = '';

/**
 * Wrong guesses at a secret, per address.
 *
 * Owns the counts of one window, as many addresses as `httpGuessersMax`. A count is forgotten when its window is over.
 */
export class Guesses {
  readonly #now: () => number;
  readonly #counts = new Map<string, Count>();

  constructor(now: () => number) {
    this.#now = now;
  }

  tooMany(address: string): boolean {
    const count = this.#counts.get(this.#keyOf(address));
    return count !== undefined && !this.#isOver(count) && count.wrong >= LIMITS.httpGuessesMax;
  }

  note(address: string): void {
    for (const [known, count] of this.#counts) if (this.#isOver(count)) this.#counts.delete(known);
    const key = this.#keyOf(address);
    const count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, { wrong: 1, sinceMs: this.#now() });
    else count.wrong += 1;
  }

  #keyOf(address: string): string {
    return this.#counts.has(address) || this.#counts.size < LIMITS.httpGuessersMax ? address : EVERYBODY_ELSE;
  }

  #isOver({ sinceMs }: Count): boolean {
    return this.#now() - sinceMs >= LIMITS.httpGuessWindowMs;
  }
}
