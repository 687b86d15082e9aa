import { LIMITS } from '../limits.ts';

/** The epochs under which this node owns its shards. A plain table: who may own what is decided elsewhere. */
export class ShardTable {
  readonly #epochs: (bigint | null)[] = Array.from({ length: LIMITS.shardCount }, () => null);

  /** null: not ours. */
  epochOf(shard: number): bigint | null {
    return this.#epochs[shard] ?? null;
  }

  own(epochs: ReadonlyMap<number, bigint>): void {
    for (const [shard, epoch] of epochs) this.#epochs[shard] = epoch;
  }

  lose(shard: number): void {
    this.#epochs[shard] = null;
  }

  owned(): readonly number[] {
    return this.#epochs.flatMap((epoch, shard) => (epoch === null ? [] : [shard]));
  }
}
