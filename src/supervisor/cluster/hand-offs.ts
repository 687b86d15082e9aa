import { ensureError } from '../../domain/errors.ts';
import type { ClusterDirectory, Membership } from '../../ports/cluster.ts';
import type { Logger } from '../../ports/runtime.ts';
import type { ShardTable } from '../shard-table.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import type { ShardSlot } from './shard-slot.ts';

export interface HandOffCallbacks {
  /** From now on the shard takes nothing; its epoch stays in the table for what is under way. Must not throw. */
  readonly beginHandOff: (shard: number) => void;
  /** Resolves when nothing of the shard is under way any more. Bounded in time. */
  readonly finished: (shard: number) => Promise<void>;
  /** It is out of the table: its commands may go to whoever owns it next. Must not throw. */
  readonly left: (shard: number) => void;
}

export interface HandOffsOptions {
  readonly membership: Pick<Membership, 'release'>;
  readonly directory: Pick<ClusterDirectory, 'release'>;
  readonly watch: Pick<DirectoryWatch, 'nextRead'>;
  readonly shards: ShardTable;
  readonly callbacks: HandOffCallbacks;
  readonly logger: Logger;
  readonly onSettled: () => void;
  /** Shards have become free: whoever they belong to may take them. Must not throw. */
  readonly onReleased: () => void;
}

/**
 * Gives shards away: stop taking, finish, out of the table, "nobody" into the directory, and only then the lease.
 *
 * Owns what is finished and not yet written, with the epoch that ends. A shard that is lost on the way is simply no longer
 * handed off, also if it has come back since: only the hand-off that finished is written.
 */
export class HandOffs {
  readonly #options: HandOffsOptions;
  readonly #finished = new Map<ShardSlot, bigint>();
  #phase: 'idle' | 'releasing' = 'idle';

  constructor(options: HandOffsOptions) {
    this.#options = options;
  }

  begin(slot: ShardSlot): void {
    slot.move('handOff', this.#options.watch.nextRead);
    this.#options.callbacks.beginHandOff(slot.shard);
    void this.#finish(slot, slot.epoch);
  }

  /** Those finished meanwhile go together. What fails is left to the next call. Never rejects. */
  async release(): Promise<void> {
    if (this.#phase === 'releasing') return;
    this.#phase = 'releasing';
    while (this.#finished.size > 0 && (await this.#releaseBatch()) === 'done');
    this.#phase = 'idle';
  }

  async #finish(slot: ShardSlot, epoch: bigint): Promise<void> {
    const { callbacks, shards, logger } = this.#options;
    const { shard } = slot;
    try {
      await callbacks.finished(shard);
    } catch (error) {
      // Whatever is still under way is stopped by the next owner's epoch.
      logger.error({ err: ensureError(error), shard }, 'a shard is given away unfinished');
    }
    if (!slot.isHandingOff(epoch)) return;
    shards.lose(shard);
    callbacks.left(shard);
    this.#finished.set(slot, epoch);
    await this.release();
  }

  async #releaseBatch(): Promise<'done' | 'failed'> {
    const { directory, membership, watch, logger, onSettled, onReleased } = this.#options;
    this.#dropLost();
    const batch = [...this.#finished].map(([slot, epoch]) => ({ slot, epoch }));
    if (batch.length === 0) return 'done';
    try {
      await directory.release(batch.map(({ slot }) => slot.shard));
    } catch (error) {
      logger.warn({ err: ensureError(error), shards: batch.length }, 'shards could not be given away yet');
      return 'failed';
    }
    const given = batch.filter(({ slot, epoch }) => slot.isHandingOff(epoch)).map(({ slot }) => slot);
    for (const { slot, epoch } of batch) if (this.#finished.get(slot) === epoch) this.#finished.delete(slot);
    await membership.release(given.map(({ lease }) => lease));
    for (const { slot, epoch } of batch) if (slot.isHandingOff(epoch)) slot.move('released', watch.nextRead);
    onReleased();
    onSettled();
    return 'done';
  }

  #dropLost(): void {
    for (const [slot, epoch] of this.#finished) if (!slot.isHandingOff(epoch)) this.#finished.delete(slot);
  }
}
