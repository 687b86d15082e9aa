import type { Clock } from '../ports/runtime.ts';
import type { CommandEnvelope } from './command-envelope.ts';

export interface RouterOptions {
  /** Whether the shard's commands may go on at the moment; false while it changes hands. */
  readonly isOpen: (shard: number) => boolean;
  readonly clock: Clock;
  /** Takes what may go on: to the account's actor, or to the shard's owner. */
  readonly deliver: (envelope: CommandEnvelope) => void;
  /** Commands held over all shards: all that a node takes in add up to it. */
  readonly heldMax: number;
}

/**
 * Where every command enters, and where it comes back when it was not decided.
 *
 * Owns the commands of shards that change hands, and those given back, until they go on.
 * R1. While a shard holds anything, everything newer of that shard is held behind it.
 * R2. What is held is in order of arrival (`n`): commands given back go before everything that came after them.
 * R3. Nothing is refused. What a node takes in is bounded; going over that is a mistake of ours and throws.
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

  /** When the oldest of what is held came, in milliseconds since the epoch; null: nothing is held. */
  get oldestReceivedAtMs(): number | null {
    let oldest: number | null = null;
    for (const [first] of this.#held.values())
      if (first !== undefined) oldest = Math.min(oldest ?? Infinity, first.receivedAtMs);
    return oldest;
  }

  /** Of one shard. */
  heldOf(shard: number): number {
    return this.#held.get(shard)?.length ?? 0;
  }

  route(envelope: CommandEnvelope): void {
    const queue = this.#held.get(envelope.shard);
    if (queue === undefined && this.#options.isOpen(envelope.shard)) this.#options.deliver(envelope);
    else this.#hold(envelope, queue);
  }

  /** Takes back what was not decided. Several calls of one turn keep their order. */
  giveBack(envelope: CommandEnvelope): void {
    envelope.trace?.enter('queue');
    this.#hold(envelope, this.#held.get(envelope.shard));
    this.#scheduleRelease();
  }

  /** Lets the held commands of every shard that is open go on, oldest first. */
  release(): void {
    for (const [shard, queue] of [...this.#held]) {
      if (!this.#options.isOpen(shard)) continue;
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
