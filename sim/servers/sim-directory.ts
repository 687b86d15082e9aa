import type { ClusterDirectory, IntakePause, ShardOwner, ShardRow } from '../../src/ports/cluster.ts';
import type { SimLink } from './sim-link.ts';
import type { SimTables } from './sim-tables.ts';

/** `processor.shards`: a takeover waits for nobody here, since a simulated commit takes no time. */
export class SimDirectory implements ClusterDirectory {
  readonly #tables: SimTables;
  readonly #link: SimLink;
  readonly #claimant: ShardOwner;
  readonly #held = new Map<number, bigint>();

  constructor(tables: SimTables, link: SimLink, claimant: ShardOwner) {
    this.#tables = tables;
    this.#link = link;
    this.#claimant = claimant;
  }

  read(): Promise<readonly ShardRow[]> {
    return this.#link.ask(() => [...this.#tables.shards.rows]);
  }

  paused(): Promise<IntakePause | null> {
    return this.#link.ask(() => this.#tables.shards.pause);
  }

  async takeOver(shards: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    const { rows } = this.#tables.shards;
    return this.takeOverSeen(new Map(shards.map((shard) => [shard, rows[shard]?.epoch ?? 0n])));
  }

  async takeOverSeen(seen: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<number, bigint>> {
    const epochs = await this.#link.ask(() => {
      const taken = new Map<number, bigint>();
      for (const [shard, epoch] of seen) {
        const raised = this.#tables.shards.take(shard, epoch, this.#claimant);
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
    await this.#link.ask(() => {
      for (const { shard, epoch } of held)
        this.#tables.shards.release(shard, epoch, this.#claimant.incarnation);
    });
    for (const { shard, epoch } of held) if (this.#held.get(shard) === epoch) this.#held.delete(shard);
  }
}
