import { LIMITS } from '../limits.ts';

/** The epochs under which this node owns its shards. A plain table: who may own what is decided elsewhere. */
export class ShardTable {
  readonly #epochs: (bigint | null)[] = Array.from({ length: LIMITS.shardCount }, () => null);
  #ownedCount = 0;

  /** null: not ours. */
  epochOf(shard: number): bigint | null {
    return this.#epochs[shard] ?? null;
  }

  /** Whether no shard is another node's, or nobody's. */
  get ownsAll(): boolean {
    return this.#ownedCount === this.#epochs.length;
  }

  own(epochs: ReadonlyMap<number, bigint>): void {
    for (const [shard, epoch] of epochs) this.#set(shard, epoch);
  }

  lose(shard: number): void {
    this.#set(shard, null);
  }

  owned(): readonly number[] {
    return this.#epochs.flatMap((epoch, shard) => (epoch === null ? [] : [shard]));
  }

  #set(shard: number, epoch: bigint | null): void {
    if (this.epochOf(shard) !== null) this.#ownedCount -= 1;
    if (epoch !== null) this.#ownedCount += 1;
    this.#epochs[shard] = epoch;
  }
}
