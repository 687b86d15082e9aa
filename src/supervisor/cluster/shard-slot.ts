import { nextShardState } from '../../machines/shard-machine.ts';
import type { ShardMove, ShardState } from '../../machines/shard-machine.ts';
import type { LeaseName } from '../../ports/cluster.ts';

/** One shard as its node sees it. Owns the state, the epoch, and from which read on the directory is believed about it. */
export class ShardSlot {
  readonly shard: number;
  readonly lease: LeaseName;
  #state: ShardState = 'unowned';
  #epoch = -1n;
  #believedFromRead = 0;

  constructor(shard: number) {
    this.shard = shard;
    this.lease = `shard:${shard}`;
  }

  get state(): ShardState {
    return this.#state;
  }

  /** Under which it is, or last was, ours. */
  get epoch(): bigint {
    return this.#epoch;
  }

  get believedFromRead(): number {
    return this.#believedFromRead;
  }

  /** Whether commits may be under way in our name. */
  get isOurs(): boolean {
    return this.#state === 'owned' || this.#state === 'handingOff';
  }

  /** `nextRead`: what was read before that is no longer news. */
  move(move: ShardMove, nextRead: number): void {
    this.#state = nextShardState(this.#state, move);
    this.#believedFromRead = nextRead;
  }

  own(epoch: bigint, nextRead: number): void {
    if (epoch <= this.#epoch)
      throw new Error(`epoch ${String(epoch)} of shard ${this.shard} is not a new one`);
    this.move('tookOver', nextRead);
    this.#epoch = epoch;
  }

  /** Still the same hand-off, after a wait. */
  isHandingOff(epoch: bigint): boolean {
    return this.#state === 'handingOff' && this.#epoch === epoch;
  }
}
