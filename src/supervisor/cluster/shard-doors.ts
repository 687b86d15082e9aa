import type { Clock } from '../../ports/runtime.ts';
import type { AccountRegion } from '../account-region.ts';
import type { CommandEnvelope } from '../command-envelope.ts';
import type { ParkDesk } from '../park-desk.ts';
import type { Router } from '../router.ts';
import type { Settle } from '../settle.ts';
import type { ShardExits } from '../shard-exits.ts';
import type { ShardTable } from '../shard-table.ts';
import type { ForwardDesk } from './forward-desk.ts';
import type { Forwarder } from './forwarder.ts';
import type { ShardCallbacks } from './shard-keeper.ts';

/** What stands behind the doors. Made after them, since the router asks the doors. */
export interface Rooms {
  readonly region: Pick<AccountRegion, 'deliver' | 'letGo'>;
  readonly exits: Pick<ShardExits, 'finish'>;
  readonly forwarder: Pick<Forwarder, 'take' | 'takeBack'>;
  readonly desk: Pick<ForwardDesk, 'admit' | 'close'>;
  readonly router: Pick<Router, 'release'>;
  readonly settle: Pick<Settle, 'refuse'>;
}

export interface ShardDoorsOptions {
  readonly shards: ShardTable;
  readonly parking: Pick<ParkDesk, 'isBehind'>;
  readonly clock: Clock;
  readonly rooms: () => Rooms;
}

/**
 * Where the commands of a shard go: to our own actors, to the forwarder, or nowhere while the shard leaves us.
 *
 * Owns which shards are leaving. Says nothing about who should have a shard: it does what the keeper has found.
 * D1. A shard that is leaving is shut: what comes waits in the router until no actor of it is left.
 * D2. When a shard goes, in this order: its epoch is gone (or its door is shut), the forwards of others are closed, what is
 *     unanswered is given back to the router, and only then anything newer goes on.
 *     Nothing newer goes on either while something of it is still being parked: the ledger may refuse that.
 * D3. When a shard comes, what was to be forwarded is back in the router, in its place, before anything newer goes on.
 * D4. What comes to our own actors is decoded: what is another node's passes unread.
 */
export class ShardDoors implements ShardCallbacks {
  readonly #options: ShardDoorsOptions;
  readonly #leaving = new Set<number>();
  /** Held for somebody else's sake. */
  readonly #held = new Set<number>();

  constructor(options: ShardDoorsOptions) {
    this.#options = options;
  }

  /** Whether the router may let the shard's commands go on. */
  isOpen(shard: number): boolean {
    const { shards, parking } = this.#options;
    if (this.#leaving.has(shard) || this.#held.has(shard)) return false;
    return !parking.isBehind(shard, shards.epochOf(shard));
  }

  /** From now on the router holds what comes. */
  hold(shard: number): void {
    this.#held.add(shard);
  }

  letGo(shard: number): void {
    if (this.#held.delete(shard)) this.#releaseSoon();
  }

  /** What its commands waited for may be over: the router looks again, at the end of this turn. */
  lookAgain(): void {
    this.#releaseSoon();
  }

  /** Under which we take commands of other nodes; null: not ours, or leaving. */
  epochForOthers(shard: number): bigint | null {
    return this.#leaving.has(shard) ? null : this.#options.shards.epochOf(shard);
  }

  /** What the router lets go on. */
  deliver(envelope: CommandEnvelope): void {
    const { region, forwarder, desk, settle } = this.#options.rooms();
    if (!desk.admit(envelope)) return;
    if (this.#options.shards.epochOf(envelope.shard) === null) {
      forwarder.take(envelope);
      return;
    }
    const refusal = envelope.read();
    if (refusal === null) region.deliver(envelope);
    else settle.refuse(envelope.origin, refusal, envelope.receivedAtMs);
  }

  readonly owned = (shards: readonly number[]): void => {
    const { forwarder } = this.#options.rooms();
    for (const shard of shards) forwarder.takeBack(shard);
    this.#releaseSoon();
  };

  readonly beginHandOff = (shard: number): void => {
    this.#leaving.add(shard);
    this.#options.rooms().desk.close(shard);
  };

  readonly finished = (shard: number): Promise<void> => this.#options.rooms().exits.finish(shard);

  readonly left = (shard: number): void => {
    if (this.#leaving.delete(shard)) this.#releaseSoon();
  };

  readonly lost = (shard: number): void => {
    const { desk, region } = this.#options.rooms();
    this.#leaving.delete(shard);
    desk.close(shard);
    region.letGo(shard, 'fenced');
    this.#releaseSoon();
  };

  #releaseSoon(): void {
    this.#options.clock.soon(() => this.#options.rooms().router.release());
  }
}
