import { afterEach, beforeEach } from 'vitest';
import { VirtualTime } from '../../sim/virtual-time.ts';

const STEP_MS = 10;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** Virtual time that goes on by itself, so that a suite which knows nothing of it can wait for a simulated server. */
export class PassingTime {
  readonly time: VirtualTime;
  readonly #pace: 'on demand' | 'always';
  readonly #passing: Promise<void>;
  readonly #wanted: { readonly ms: number; readonly done: () => void }[] = [];
  #isOver = false;

  /** `on demand`: what is to happen within a moment happens, and nothing else; so nothing runs out while a test is busy. */
  constructor(pace: 'on demand' | 'always') {
    this.time = new VirtualTime(Date.now());
    this.#pace = pace;
    this.#passing = this.#pass();
  }

  /** So much of it passes at once. */
  pass(ms: number): Promise<void> {
    return new Promise((done) => void this.#wanted.push({ ms, done }));
  }

  stop(): Promise<void> {
    this.#isOver = true;
    return this.#passing;
  }

  async #pass(): Promise<void> {
    while (!this.#isOver) {
      if (this.#pace === 'always') this.time.after(STEP_MS, () => undefined);
      await this.time.run(this.time.elapsedMs + STEP_MS, () => this.#isOver);
      for (const { ms, done } of this.#wanted.splice(0)) {
        this.time.after(ms, done);
        await this.time.run(this.time.elapsedMs + ms, () => this.#isOver);
      }
      await turn();
    }
  }
}

/** A new simulated server for each test of a file, on a time of its own. */
export function useSimulated<T>(
  pace: ConstructorParameters<typeof PassingTime>[0],
  make: (passing: PassingTime) => T,
): () => T {
  let present: { readonly passing: PassingTime; readonly server: T } | null = null;
  beforeEach(() => {
    const passing = new PassingTime(pace);
    present = { passing, server: make(passing) };
  });
  afterEach(() => present?.passing.stop());
  return () => {
    if (present === null) throw new Error('no test is running');
    return present.server;
  };
}
