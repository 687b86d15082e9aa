import { ensureError } from '../domain/errors.ts';
import type { Clock } from '../ports/runtime.ts';

export interface RegularLookOptions {
  readonly clock: Clock;
  /** From the end of a look to the next one. */
  readonly pollMs: number;
  readonly look: () => Promise<void>;
  /** A look rejected, after one that did not. The next ones that reject are not told: once, not every second. */
  readonly onLost: (error: Error) => void;
}

/** Looks again and again, from `start` to `stop`, whatever becomes of each look. */
export class RegularLook {
  readonly #options: RegularLookOptions;
  #sight: 'clear' | 'lost' = 'clear';
  #phase: 'running' | 'stopped' = 'stopped';
  #cancel: () => void = () => undefined;
  #underWay: Promise<void> = Promise.resolve();

  constructor(options: RegularLookOptions) {
    this.#options = options;
  }

  start(): void {
    this.#phase = 'running';
    this.#lookLater();
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  /** Stops; resolves when the look that was under way has ended, so that what it looks with may be closed. */
  async end(): Promise<void> {
    this.stop();
    await this.#underWay;
  }

  #lookLater(): void {
    if (this.#phase === 'stopped') return;
    const { clock, pollMs } = this.#options;
    this.#cancel = clock.after(pollMs, () => {
      this.#underWay = this.#lookNow();
    });
  }

  async #lookNow(): Promise<void> {
    try {
      await this.#options.look();
      this.#sight = 'clear';
    } catch (error) {
      if (this.#sight === 'clear') this.#options.onLost(ensureError(error));
      this.#sight = 'lost';
    }
    this.#lookLater();
  }
}
