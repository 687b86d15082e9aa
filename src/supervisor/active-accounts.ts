import type { AccountActor } from '../actors/account-actor.ts';
import { LIMITS } from '../limits.ts';

/** How many accounts are looked at when room is needed for one more. */
const ROOM_TRIES_MAX = 8;
/** Time is cut into pieces of this length; the first use of an account in each of them moves it to the end of the line. */
const RECENCY_MS = 1_000;

const NONE: ReadonlySet<AccountActor> = new Set();

/**
 * The accounts that have an actor. Owns which they are, in order of last use to within `RECENCY_MS`, and by shard; not the actors.
 *
 * A1. The first is the first to go, where room is needed or it has been idle for too long. One that is at work stays, and moves to the end.
 * A2. Whoever is told that an actor has stopped takes it out, also while it is stopped from here.
 */
export class ActiveAccounts implements Iterable<AccountActor> {
  readonly #actors = new Map<string, AccountActor>();
  readonly #ofShard = new Map<number, Set<AccountActor>>();

  get size(): number {
    return this.#actors.size;
  }

  /** As often as wanted. */
  [Symbol.iterator](): Iterator<AccountActor> {
    return this.#actors.values();
  }

  get(accountId: string): AccountActor | undefined {
    return this.#actors.get(accountId);
  }

  ofShard(shard: number): ReadonlySet<AccountActor> {
    return this.#ofShard.get(shard) ?? NONE;
  }

  add(actor: AccountActor): void {
    const { shard } = actor.place;
    this.#actors.set(actor.accountId, actor);
    const ofShard = this.#ofShard.get(shard);
    if (ofShard === undefined) this.#ofShard.set(shard, new Set([actor]));
    else ofShard.add(actor);
  }

  /** Nothing, if another actor has its place. */
  remove(actor: AccountActor): void {
    if (this.#actors.get(actor.accountId) !== actor) return;
    this.#actors.delete(actor.accountId);
    this.#ofShard.get(actor.place.shard)?.delete(actor);
  }

  /** To be told before the actor is given what came at that time. */
  used(actor: AccountActor, atMs: number): void {
    if (Math.floor(atMs / RECENCY_MS) !== Math.floor(actor.lastUsedMs / RECENCY_MS)) this.#moveToEnd(actor);
  }

  /** Lets the least recently used idle account go. */
  makeRoom(): void {
    let looked = 0;
    for (const actor of this.#actors.values()) {
      if (looked >= ROOM_TRIES_MAX || actor.passivate() === 'ended') return;
      looked += 1;
      this.#moveToEnd(actor);
    }
  }

  /** Stops what has not been used since; a bounded number, so that a turn stays short. */
  passivateIdle(usedBeforeMs: number): void {
    let looked = 0;
    for (const actor of this.#actors.values()) {
      if (actor.lastUsedMs > usedBeforeMs || looked >= LIMITS.passivationsMax) return;
      looked += 1;
      if (actor.passivate() === 'busy') this.#moveToEnd(actor);
    }
  }

  #moveToEnd(actor: AccountActor): void {
    this.#actors.delete(actor.accountId);
    this.#actors.set(actor.accountId, actor);
  }
}
