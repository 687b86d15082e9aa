import { ensureError } from '../../domain/errors.ts';
import type { ClusterDirectory, IntakePause, ShardRow } from '../../ports/cluster.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';

export interface DirectoryWatchOptions {
  readonly directory: Pick<ClusterDirectory, 'read' | 'paused'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The shard directory as last read, and when PostgreSQL was last reached. One for all who need it.
 *
 * D1. One read at a time: a PostgreSQL that hangs is not asked again and again.
 * D2. Reads are numbered when they begin. What was changed after that may be missing in them; whoever changes something
 *     believes only reads from `nextRead` on.
 */
export class DirectoryWatch {
  readonly #options: DirectoryWatchOptions;
  #rows: readonly ShardRow[] = [];
  #ownerCount = 0;
  #pause: IntakePause | null = null;
  #readNumber = 0;
  #begun = 0;
  #reachedAtMs = -Infinity;
  #reading: Promise<void> | null = null;
  readonly #listeners: (() => void)[] = [];

  constructor(options: DirectoryWatchOptions) {
    this.#options = options;
  }

  /** By shard; empty before the first read. */
  get rows(): readonly ShardRow[] {
    return this.#rows;
  }

  /** Nodes that own shards. */
  get ownerCount(): number {
    return this.#ownerCount;
  }

  /** Whether an operator has paused intake. */
  get pause(): IntakePause | null {
    return this.#pause;
  }

  /** Number of the read that `rows` come from. */
  get readNumber(): number {
    return this.#readNumber;
  }

  get nextRead(): number {
    return this.#begun + 1;
  }

  /** When the last read that succeeded began: a process that was frozen in between has not reached it since. */
  get reachedAtMs(): number {
    return this.#reachedAtMs;
  }

  get isReading(): boolean {
    return this.#reading !== null;
  }

  /** Calls back after every read that succeeded. The listener must not throw. */
  onRead(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Never rejects. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  /** Does not wait longer than that for the read, which goes on. Never rejects. */
  refreshWithin(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(waitMs, resolve);
      void this.refresh().then(() => {
        cancel();
        resolve();
      });
    });
  }

  async #read(): Promise<void> {
    const { directory, clock, logger } = this.#options;
    const begunAtMs = clock.now();
    this.#begun += 1;
    const readNumber = this.#begun;
    try {
      [this.#rows, this.#pause] = await Promise.all([directory.read(), directory.paused()]);
      this.#ownerCount = new Set(this.#rows.flatMap(({ owner }) => owner?.nodeId ?? [])).size;
      this.#readNumber = readNumber;
      this.#reachedAtMs = begunAtMs;
    } catch (error) {
      logger.warn({ err: ensureError(error) }, 'the shard directory cannot be read');
      return;
    }
    for (const listener of this.#listeners) listener();
  }
}
