import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';

export interface TurnBatchOptions<T> {
  /** What the work is, for the log. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly batchMax?: number;
  /** Items that share it keep their order among themselves, whatever fails. Without it each item is by itself. */
  readonly keyOf?: (item: T) => string;
  /** Does all of them or rejects; may see an item again after a rejection. */
  readonly work: (items: readonly T[]) => Promise<void>;
}

/**
 * Collects the items of a turn and hands them to `work` together, one batch at a time.
 *
 * Owns its items from `add` until `work` has resolved for them.
 * T1. An item leaves only when `work` resolved for a batch it was in.
 * T2. A batch that failed comes back at half its size; one item that failed alone goes to the end, with those that share its key,
 *     so that a single bad one delays the others and never stops them.
 * T3. After a failure there is a pause, doubling up to `storeBackoffMsMax`.
 */
export class TurnBatch<T> {
  readonly #options: TurnBatchOptions<T>;
  readonly #batchMax: number;
  #waiting: T[] = [];
  #limit: number;
  #failures = 0;
  #phase: 'idle' | 'scheduled' | 'working' = 'idle';

  constructor(options: TurnBatchOptions<T>) {
    this.#options = options;
    this.#batchMax = options.batchMax ?? LIMITS.storeBatchMax;
    this.#limit = this.#batchMax;
  }

  add(item: T): void {
    this.#waiting.push(item);
    if (this.#phase === 'idle') this.#schedule(0);
  }

  #schedule(delayMs: number): void {
    this.#phase = 'scheduled';
    const run = (): void => void this.#run();
    if (delayMs === 0) this.#options.clock.soon(run);
    else this.#options.clock.after(delayMs, run);
  }

  async #run(): Promise<void> {
    this.#phase = 'working';
    const batch = this.#waiting.slice(0, this.#limit);
    try {
      await this.#options.work(batch);
      this.#worked(batch.length);
    } catch (error) {
      this.#failed(batch.length, error);
    }
  }

  #moveFirstToEnd(): void {
    const { keyOf } = this.#options;
    const [first, ...others] = this.#waiting;
    if (first === undefined) return;
    const key = keyOf?.(first);
    const goesAlong = (item: T): boolean => keyOf !== undefined && keyOf(item) === key;
    const staying = others.filter((item) => !goesAlong(item));
    this.#waiting = [...staying, first, ...others.filter(goesAlong)];
  }

  #worked(count: number): void {
    this.#waiting = this.#waiting.slice(count);
    this.#failures = 0;
    this.#limit = Math.min(this.#batchMax, this.#limit * 2);
    this.#phase = 'idle';
    if (this.#waiting.length > 0) this.#schedule(0);
  }

  #failed(count: number, error: unknown): void {
    const { name, logger } = this.#options;
    this.#failures += 1;
    const delayMs = Math.min(LIMITS.storeBackoffMsMax, LIMITS.storeBackoffMsMin * 2 ** (this.#failures - 1));
    logger.warn(
      { err: error, work: name, count, waiting: this.#waiting.length, delay_ms: delayMs },
      `${name} failed, trying again`,
    );
    if (count === 1) this.#moveFirstToEnd();
    this.#limit = Math.max(1, Math.floor(count / 2));
    this.#schedule(delayMs);
  }
}
