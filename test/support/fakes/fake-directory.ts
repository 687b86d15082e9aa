import { LIMITS } from '../../../src/limits.ts';
import type { ClusterDirectory, IntakePause, ShardOwner, ShardRow } from '../../../src/ports/cluster.ts';
import type { Clock } from '../../../src/ports/runtime.ts';
import type { FakeLink } from './fake-membership.ts';

const ANSWER_MS = 5;
const FAILURE_MS = 300;

/** One table of shards for all nodes. */
export class FakeShardRows {
  pause: IntakePause | null = null;
  readonly rows: ShardRow[] = Array.from({ length: LIMITS.shardCount }, (_, shard) => ({
    shard,
    epoch: 0n,
    owner: null,
  }));

  take(shard: number, seen: bigint, owner: ShardOwner): bigint | null {
    if (this.rows[shard]!.epoch !== seen) return null;
    this.rows[shard] = { shard, epoch: seen + 1n, owner };
    return seen + 1n;
  }

  release(shard: number, epoch: bigint, incarnation: string): void {
    const row = this.rows[shard]!;
    if (row.epoch === epoch && row.owner?.incarnation === incarnation)
      this.rows[shard] = { shard, epoch, owner: null };
  }
}

export class FakeDirectory implements ClusterDirectory {
  link: FakeLink = 'up';
  readonly #table: FakeShardRows;
  readonly #claimant: ShardOwner;
  readonly #clock: Clock;
  readonly #held = new Map<number, bigint>();

  constructor(table: FakeShardRows, claimant: ShardOwner, clock: Clock) {
    this.#table = table;
    this.#claimant = claimant;
    this.#clock = clock;
  }

  read(): Promise<readonly ShardRow[]> {
    return this.#ask(() => [...this.#table.rows]);
  }

  paused(): Promise<IntakePause | null> {
    return this.#ask(() => this.#table.pause);
  }

  takeOver(shards: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    return this.takeOverSeen(new Map(shards.map((shard) => [shard, this.#table.rows[shard]!.epoch])));
  }

  async takeOverSeen(seen: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<number, bigint>> {
    const epochs = await this.#ask(() => {
      const taken = new Map<number, bigint>();
      for (const [shard, epoch] of seen) {
        const raised = this.#table.take(shard, epoch, this.#claimant);
        if (raised !== null) taken.set(shard, raised);
      }
      return taken;
    });
    for (const [shard, epoch] of epochs) this.#held.set(shard, epoch);
    return epochs;
  }

  async release(shards: readonly number[]): Promise<void> {
    const held = shards.flatMap((shard) => {
      const epoch = this.#held.get(shard);
      return epoch === undefined ? [] : [{ shard, epoch }];
    });
    await this.#ask(() => {
      for (const { shard, epoch } of held) this.#table.release(shard, epoch, this.#claimant.incarnation);
    });
    for (const { shard, epoch } of held) if (this.#held.get(shard) === epoch) this.#held.delete(shard);
  }

  /** Done at once, answered a little later. */
  #ask<T>(act: () => T): Promise<T> {
    const value = this.link === 'cut' ? undefined : act();
    return new Promise((resolve, reject) => {
      if (this.link === 'up') this.#clock.after(ANSWER_MS, () => resolve(value as T));
      else this.#clock.after(FAILURE_MS, () => reject(new Error('PostgreSQL did not answer')));
    });
  }
}
