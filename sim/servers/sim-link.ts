import { ensureError } from '../../src/domain/errors.ts';
import type { Chance } from '../chance.ts';
import type { SimProcess } from '../sim-process.ts';
import type { VirtualTime } from '../virtual-time.ts';

/**
 * `cut`: nothing gets through. `deaf`: what is asked is done, the answer does not come back. `flaky`: each question is lost, or
 * its answer, or it is done after its asker was told that nobody knows.
 */
export type LinkQuality = 'up' | 'slow' | 'flaky' | 'deaf' | 'cut';

/** A server as a whole: while it is down nothing is done. */
export interface ServerState {
  isUp: boolean;
}

/** One way. What is flaky takes its time, so that what is done late meets what was done meanwhile. */
const DELAYS: Readonly<Record<LinkQuality, { readonly fromMs: number; readonly toMs: number }>> = {
  up: { fromMs: 0.2, toMs: 3 },
  slow: { fromMs: 20, toMs: 300 },
  flaky: { fromMs: 1, toMs: 80 },
  deaf: { fromMs: 0.2, toMs: 3 },
  cut: { fromMs: 0.2, toMs: 3 },
};
const FAILURE_MS = 250;
const LATE_MS_MAX = 1_500;

/**
 * The way from one process to one server, question and answer.
 *
 * What is asked is done at one moment or never; whoever gets no answer does not know which.
 */
export class SimLink {
  quality: LinkQuality = 'up';
  readonly #time: VirtualTime;
  readonly #process: SimProcess;
  readonly #chance: Chance;
  readonly #server: ServerState;

  constructor(time: VirtualTime, process: SimProcess, chance: Chance, server: ServerState) {
    this.#time = time;
    this.#process = process;
    this.#chance = chance;
    this.#server = server;
  }

  get isUp(): boolean {
    return this.quality !== 'cut' && this.#server.isUp;
  }

  /** One way, in milliseconds. */
  delayMs(): number {
    const { fromMs, toMs } = DELAYS[this.quality];
    return this.#chance.between(fromMs, toMs);
  }

  ask<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = (end: () => void): void =>
        void this.#time.after(this.delayMs(), () => this.#process.run(end));
      const fail = (): void => {
        this.#time.after(FAILURE_MS, () =>
          this.#process.run(() => reject(new Error('the server did not answer'))),
        );
      };
      const perform = (isHeard: boolean): void => {
        if (!this.isUp) {
          if (isHeard) fail();
          return;
        }
        try {
          const value = act();
          if (isHeard) answer(() => resolve(value));
        } catch (error) {
          if (isHeard) answer(() => reject(ensureError(error)));
        }
      };
      switch (this.#fate()) {
        case 'answered':
          this.#time.after(this.delayMs(), () => perform(true));
          break;
        case 'lost':
          fail();
          break;
        case 'unheard':
          this.#time.after(this.delayMs(), () => perform(false));
          fail();
          break;
        case 'late':
          fail();
          this.#time.after(FAILURE_MS + this.#chance.between(0, LATE_MS_MAX), () => perform(false));
      }
    });
  }

  #fate(): 'answered' | 'lost' | 'unheard' | 'late' {
    if (!this.isUp) return 'lost';
    if (this.quality === 'deaf') return 'unheard';
    if (this.quality !== 'flaky') return 'answered';
    return this.#chance.pick(['answered', 'answered', 'lost', 'unheard', 'late'] as const);
  }
}
