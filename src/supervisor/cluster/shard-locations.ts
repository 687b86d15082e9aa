import { LIMITS } from '../../limits.ts';
import type { ClusterDirectory, ShardRow } from '../../ports/cluster.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { StreamTarget } from './shard-stream.ts';

export interface ShardLocationsOptions {
  readonly directory: Pick<ClusterDirectory, 'read'>;
  /** Our own: a shard whose row names it has no other owner to be sent to. */
  readonly ownInbox: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After every read that succeeded. */
  readonly onRead: () => void;
}

/**
 * Which node owns a shard, as the directory said last. Owns that view and its age, not the shards.
 *
 * D1. One read at a time, and none begins within `LIMITS.forwardReopenPauseMs` of the one before.
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
    const { directory, clock, logger } = this.#options;
    this.#phase = 'reading';
    this.#beganAtMs = clock.now();
    try {
      const rows = await directory.read();
      if (!this.#isStopped()) this.#take(rows);
    } catch (error) {
      logger.warn({ err: error }, 'the owners of the shards could not be read, later again');
    }
    this.#finish();
  }

  #take(rows: readonly ShardRow[]): void {
    const targets: (StreamTarget | null)[] = Array.from({ length: LIMITS.shardCount }, () => null);
    for (const { shard, epoch, owner } of rows) {
      if (owner === null || owner.inbox === this.#options.ownInbox) continue;
      targets[shard] = { inbox: owner.inbox, epoch };
    }
    this.#targets = targets;
    this.#options.onRead();
  }

  #finish(): void {
    if (this.#isStopped()) return;
    const isOutdated = this.#phase === 'reading-outdated';
    this.#phase = 'idle';
    if (isOutdated) this.nudge();
  }

  #isStopped(): boolean {
    return this.#phase === 'stopped';
  }
}
