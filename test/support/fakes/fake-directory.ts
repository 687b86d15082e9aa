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

/** A node's way to the rows; `ask` is the road to the server: does it, and answers or rejects. */
export class DirectoryOnRows implements ClusterDirectory {
  readonly #table: FakeShardRows;
  readonly #claimant: ShardOwner;
  readonly #ask: <T>(act: () => T) => Promise<T>;
  readonly #held = new Map<number, bigint>();

  constructor(table: FakeShardRows, claimant: ShardOwner, ask: <T>(act: () => T) => Promise<T>) {
    this.#table = table;
    this.#claimant = claimant;
    this.#ask = ask;
  }

  read(): Promise<readonly ShardRow[]> {
    return this.#ask(() => [...this.#table.rows]);
  }

  paused(): Promise<IntakePause | null> {
    return this.#ask(() => this.#table.pause);
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
}

export class FakeDirectory extends DirectoryOnRows {
  link: FakeLink = 'up';

  constructor(table: FakeShardRows, claimant: ShardOwner, clock: Clock) {
    super(table, claimant, (act) => answered(act, this.link, clock));
  }
}

/** Done at once, answered a little later. */
function answered<T>(act: () => T, link: FakeLink, clock: Clock): Promise<T> {
  const value = link === 'cut' ? undefined : act();
  return new Promise((resolve, reject) => {
    if (link === 'up') clock.after(ANSWER_MS, () => resolve(value as T));
    else clock.after(FAILURE_MS, () => reject(new Error('PostgreSQL did not answer')));
  });
}
