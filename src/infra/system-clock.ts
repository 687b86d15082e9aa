import type { Clock, Random } from '../ports/runtime.ts';

/**
 * The clock of the machine, for one node: whatever waits or repeats by it ends with the node, so that nothing goes on
 * trying on closed connections and nothing keeps the process alive.
 */
export class SystemClock implements Clock {
  readonly #timers = new Set<NodeJS.Timeout>();
  #phase: 'running' | 'stopped' = 'running';

  now(): number {
    return Date.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    if (this.#phase === 'stopped') return () => undefined;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, delayMs);
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
      clearTimeout(timer);
    };
  }

  soon(callback: () => void): void {
    if (this.#phase === 'running') setImmediate(callback);
  }

  /** From now on nothing is called back. */
  stop(): void {
    this.#phase = 'stopped';
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

export const systemRandom: Random = { next: () => Math.random() };
