import type { AccountPlace } from '../actors/account-actor.ts';
import type { Envelope } from '../machines/envelope.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { QuarantineStore } from '../ports/stores.ts';
import type { ShardTable } from './shard-table.ts';
import { TurnBatch } from './turn-batch.ts';

/** An account whose quarantine is on its way into the ledger, and what must wait for it. */
export interface PendingQuarantine {
  readonly place: AccountPlace;
  readonly reason: string;
  /** Commands that no actor has, in the order of delivery; only a balance request may come later than it was due. */
  waiting: Envelope[];
  /** Answers the change or order that the account's actor has proposed meanwhile; it has not reached a lane. */
  heldProposal: ((result: { readonly kind: 'stale' }) => void) | null;
}

export interface QuarantineDeskOptions {
  readonly store: QuarantineStore;
  readonly shards: ShardTable;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The ledger has it, or the shard is no longer ours. From here on the desk has nothing of the account any more. */
  readonly onEnd: (pending: PendingQuarantine, end: 'quarantined' | 'fenced') => void;
}

/**
 * Writes quarantines into the ledger, again and again until it has them.
 *
 * Owns an account's quarantine, with everything in its `waiting`, from `begin` until `onEnd` or `takeAll`.
 * K1. `onEnd('quarantined')` comes after the commit. Until then nobody parks a command of that account: a restart would
 *     forget why it was parked, and newer commands would be decided before it.
 * K2. One write at a time; one that fails goes behind the others.
 */
export class QuarantineDesk {
  readonly #options: QuarantineDeskOptions;
  readonly #pending = new Map<string, PendingQuarantine>();
  readonly #writing: TurnBatch<PendingQuarantine>;

  constructor(options: QuarantineDeskOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#writing = new TurnBatch({
      name: 'writing a quarantine',
      clock,
      logger,
      batchMax: 1,
      work: (batch) => this.#write(batch),
    });
  }

  /** The account's quarantine while it is not in the ledger. Asked for every command, so the empty map is looked at first. */
  pendingOf(accountId: string): PendingQuarantine | undefined {
    return this.#pending.size === 0 ? undefined : this.#pending.get(accountId);
  }

  /** Not for an account that is pending already. */
  begin(place: AccountPlace, reason: string, waiting: readonly Envelope[]): void {
    const pending = { place, reason, waiting: [...waiting], heldProposal: null };
    this.#pending.set(place.accountId, pending);
    this.#writing.add(pending);
  }

  isBusyWith(shard: number): boolean {
    return [...this.#pending.values()].some(({ place }) => place.shard === shard);
  }

  /** Gives up writing those of a shard that is lost; what waited. */
  takeShard(shard: number): readonly Envelope[] {
    const ofShard = [...this.#pending.values()].filter(({ place }) => place.shard === shard);
    for (const { place } of ofShard) this.#pending.delete(place.accountId);
    return ofShard.flatMap(({ waiting }) => waiting);
  }

  /** Gives up writing; what waited, account by account in the order of delivery. */
  takeAll(): readonly Envelope[] {
    const all = [...this.#pending.values()].flatMap(({ waiting }) => waiting);
    this.#pending.clear();
    return all;
  }

  async #write(batch: readonly PendingQuarantine[]): Promise<void> {
    const { store, shards, onEnd } = this.#options;
    for (const pending of batch) {
      const { accountId, shard, epoch } = pending.place;
      if (this.#pending.get(accountId) !== pending) continue;
      const ours = shards.epochOf(shard) === epoch;
      const end = ours ? await store.setAside({ accountId, shard, epoch, reason: pending.reason }) : 'fenced';
      if (this.#pending.get(accountId) !== pending) continue;
      this.#pending.delete(accountId);
      onEnd(pending, end);
    }
  }
}
