import { LIMITS } from '../../limits.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import type { StreamTarget } from './shard-stream.ts';

export interface ShardLocationsOptions {
  readonly watch: Pick<DirectoryWatch, 'rows' | 'isReading' | 'refresh' | 'onRead'>;
  /** Our own: a shard whose row names it has no other owner to be sent to. */
  readonly ownInbox: string;
  readonly clock: Clock;
  /** After every read that succeeded, whoever asked for it. */
  readonly onRead: () => void;
}

/**
 * Which node owns a shard, as the directory said last. Owns neither the view nor the shards, only when to look again.
 *
 * D1. No read is asked for within `LIMITS.forwardReopenPauseMs` of the one before.
 * D2. After a nudge there is a read that began after it: one that was under way may have missed the news.
 * D3. A read that fails changes nothing; whoever still needs an answer nudges again.
 */
export class ShardLocations {
  readonly #options: ShardLocationsOptions;
  #targets: readonly (StreamTarget | null)[] = [];
  #phase: 'idle' | 'waiting' | 'reading' | 'reading-outdated' | 'stopped' = 'idle';
  #beganAtMs = -Infinity;
  #cancel: () => void = () => undefined;

  constructor(options: ShardLocationsOptions) {
    this.#options = options;
    options.watch.onRead(() => this.#take());
  }

  /** null: nobody, ourselves, or not known yet. */
  targetOf(shard: number): StreamTarget | null {
    return this.#targets[shard] ?? null;
  }

  /** Somebody has reason to think that the view is out of date. */
  nudge(): void {
    if (this.#phase === 'reading') this.#phase = 'reading-outdated';
    if (this.#phase !== 'idle') return;
    const { clock } = this.#options;
    const restMs = this.#beganAtMs + LIMITS.forwardReopenPauseMs - clock.now();
    if (restMs <= 0) {
      void this.#read();
      return;
    }
    this.#phase = 'waiting';
    this.#cancel = clock.after(restMs, () => void this.#read());
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  async #read(): Promise<void> {
    const { watch, clock } = this.#options;
    // One that is under way for somebody else is joined, and does not count.
    this.#phase = watch.isReading ? 'reading-outdated' : 'reading';
    this.#beganAtMs = clock.now();
    await watch.refresh();
    if (this.#isStopped()) return;
    const isOutdated = this.#phase === 'reading-outdated';
    this.#phase = 'idle';
    if (isOutdated) this.nudge();
  }

  #take(): void {
    if (this.#isStopped()) return;
    const targets: (StreamTarget | null)[] = Array.from({ length: LIMITS.shardCount }, () => null);
    for (const { shard, epoch, owner } of this.#options.watch.rows) {
      if (owner === null || owner.inbox === this.#options.ownInbox) continue;
      targets[shard] = { inbox: owner.inbox, epoch };
    }
    this.#targets = targets;
    this.#options.onRead();
  }

  #isStopped(): boolean {
    return this.#phase === 'stopped';
  }
}
