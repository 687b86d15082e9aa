import type { Clock } from '../ports/runtime.ts';

export interface PacerOptions {
  readonly clock: Clock;
  /** Portions of at least so many follow each other no faster than `gatherMs`. */
  readonly largeCount: number;
  readonly gatherMs: number;
  /** Sends what has gathered; gives how much that was. Must not throw. */
  readonly send: () => number;
}

/**
 * Says when the next portion goes out: with the present turn while portions are small, so that nothing waits for company when
 * there is little to do; together with what comes within `gatherMs` while they are large, since each portion has a price.
 */
export class Pacer {
  readonly #options: PacerOptions;
  #phase: 'idle' | 'scheduled' | 'stopped' = 'idle';
  #lastCount = 0;
  #lastAtMs = -Infinity;
  #cancel: () => void = () => undefined;

  constructor(options: PacerOptions) {
    this.#options = options;
  }

  /** There is something to send. */
  schedule(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'scheduled';
    const { clock, largeCount, gatherMs } = this.#options;
    // At most `gatherMs`, also when the clock was set back meanwhile.
    const restMs =
      this.#lastCount < largeCount ? 0 : Math.min(gatherMs, this.#lastAtMs + gatherMs - clock.now());
    if (restMs <= 0) clock.soon(() => this.#send());
    else this.#cancel = clock.after(restMs, () => this.#send());
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  #send(): void {
    if (this.#phase === 'stopped') return;
    this.#phase = 'idle';
    this.#lastAtMs = this.#options.clock.now();
    this.#lastCount = this.#options.send();
  }
}
