import type { Clock } from '../src/ports/runtime.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Between two pieces of work that waited for a frozen process. */
const BACKLOG_STEP_MS = 0.001;

/**
 * One life of a node's process: its clock, and the gate through which everything from outside comes in.
 *
 * P1. A dead process does nothing any more, whatever is still on its way to it.
 * P2. A frozen one does everything late, in the order in which it came; nothing new overtakes what waited.
 */
export class SimProcess {
  readonly clock: Clock;
  readonly #time: VirtualTime;
  readonly #backlog: (() => void)[] = [];
  #state: 'running' | 'frozen' | 'thawing' | 'dead' = 'running';
  #clockErrorMs = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
    this.clock = {
      now: () => Math.floor(time.nowMs) + this.#clockErrorMs,
      after: (delayMs, callback) => this.#after(delayMs, callback),
      soon: (callback) => void this.#after(0, callback),
    };
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  /** Puts its clock wrong by so much from now on; timers go on as they are. */
  setClockError(errorMs: number): void {
    this.#clockErrorMs = errorMs;
  }

  run(callback: () => void): void {
    if (this.#state === 'running') callback();
    else if (this.#state !== 'dead') this.#backlog.push(callback);
  }

  die(): void {
    this.#state = 'dead';
    this.#backlog.length = 0;
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'thawing';
    this.#time.after(0, () => this.#catchUp());
  }

  #catchUp(): void {
    if (this.#state !== 'thawing') return;
    const next = this.#backlog.shift();
    if (next === undefined) {
      this.#state = 'running';
      return;
    }
    this.#time.after(BACKLOG_STEP_MS, () => this.#catchUp());
    next();
  }

  #after(delayMs: number, callback: () => void): () => void {
    let wanted = true;
    this.#time.after(delayMs, () => {
      this.run(() => {
        if (wanted) callback();
      });
    });
    return () => {
      wanted = false;
    };
  }
}
