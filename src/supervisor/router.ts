import type { Clock } from '../ports/runtime.ts';
import type { CommandEnvelope } from './command-envelope.ts';
import type { ShardTable } from './shard-table.ts';

export interface RouterOptions {
  readonly shards: ShardTable;
  readonly clock: Clock;
  /** Takes the commands of the shards that are ours. */
  readonly deliver: (envelope: CommandEnvelope) => void;
  /** Commands held over all shards; the intake windows and the retries in flight add up to it. */
  readonly heldMax: number;
}

/**
 * Where every command enters: to the account's actor if the shard is ours, else into the shard's queue.
 *
 * Owns the commands of shards that cannot be served at the moment.
 * R1. While a shard holds anything, everything newer of that shard is held behind it.
 * R2. What is held is in order of arrival (`n`): commands given back go before everything that came after them.
 * R3. Nothing is refused. The bound is the intake windows; going over it is a mistake of ours and throws.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #held = new Map<number, CommandEnvelope[]>();
  #heldCount = 0;
  #releaseScheduled = false;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  get heldCount(): number {
    return this.#heldCount;
  }

  route(envelope: CommandEnvelope): void {
    const queue = this.#held.get(envelope.shard);
    if (queue === undefined && this.#options.shards.epochOf(envelope.shard) !== null) {
      this.#options.deliver(envelope);
    } else {
      this.#hold(envelope, queue);
    }
  }

  /** Takes back what was not decided. Several calls of one turn keep their order. */
  giveBack(envelope: CommandEnvelope): void {
    this.#hold(envelope, this.#held.get(envelope.shard));
    this.#scheduleRelease();
  }

  /** Lets the held commands of every shard that is ours go on, oldest first. */
  release(): void {
    for (const [shard, queue] of [...this.#held]) {
      if (this.#options.shards.epochOf(shard) === null) continue;
      this.#held.delete(shard);
      this.#heldCount -= queue.length;
      for (const envelope of queue) this.route(envelope);
    }
  }

  #hold(envelope: CommandEnvelope, present: CommandEnvelope[] | undefined): void {
    if (this.#heldCount >= this.#options.heldMax)
      throw new Error(`more than ${this.#options.heldMax} commands held`);
    const queue = present ?? [];
    if (present === undefined) this.#held.set(envelope.shard, queue);
    let place = queue.length;
    while (place > 0 && (queue[place - 1]?.n ?? 0) > envelope.n) place -= 1;
    queue.splice(place, 0, envelope);
    this.#heldCount += 1;
  }

  #scheduleRelease(): void {
    if (this.#releaseScheduled) return;
    this.#releaseScheduled = true;
    this.#options.clock.soon(() => {
      this.#releaseScheduled = false;
      this.release();
    });
  }
}
