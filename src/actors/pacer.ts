import { gatherRestMs, NO_PORTION } from '../domain/gather-rest.ts';
import type { Gathering } from '../domain/gather-rest.ts';
import type { Clock } from '../ports/runtime.ts';

export interface PacerOptions extends Gathering {
  readonly clock: Clock;
  /** Sends what has gathered; gives how much that was. Must not throw. */
  readonly send: () => number;
}

/**
 * Says when the next portion goes out: with the present turn where there is little to do; the larger the last one was, the longer
 * it waits for company, since each portion has a price.
 */
export class Pacer {
  readonly #options: PacerOptions;
  #phase: 'idle' | 'scheduled' | 'stopped' = 'idle';
  #last = NO_PORTION;
  #cancel: () => void = () => undefined;

  constructor(options: PacerOptions) {
    this.#options = options;
  }

  /** There is something to send. */
  schedule(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'scheduled';
    const { clock } = this.#options;
    const restMs = gatherRestMs(this.#last, this.#options, clock.now());
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
    // What is scheduled while this is sent waits from now on.
    this.#last = { ...this.#last, atMs: this.#options.clock.now() };
    const count = this.#options.send();
    this.#last = { ...this.#last, count };
  }
}
