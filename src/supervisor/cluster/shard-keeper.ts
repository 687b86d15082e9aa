import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ShardState } from '../../machines/shard-machine.ts';
import type { ClusterDirectory, LeaseAnswer, LeaseName, Membership } from '../../ports/cluster.ts';
import type { Logger } from '../../ports/runtime.ts';
import type { ShardTable } from '../shard-table.ts';
import { claimsOf } from './claims.ts';
import type { Claim, LeaseMode } from './claims.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import { HandOffs } from './hand-offs.ts';
import type { HandOffCallbacks } from './hand-offs.ts';
import type { Situation } from './peers.ts';
import { movesOf, Placement } from './placement.ts';
import { ShardSlot } from './shard-slot.ts';

export type ShardLeases = Pick<Membership, 'held' | 'acquire' | 'reassert' | 'overwrite' | 'release'>;

export interface ShardCallbacks extends HandOffCallbacks {
  /** They are in the table now: the router may let go of what it holds for them. Must not throw. */
  readonly owned: (shards: readonly number[]) => void;
  /** Somebody else has it, it is out of the table: its actors stop as fenced. Must not throw. */
  readonly lost: (shard: number) => void;
}

export interface ShardKeeperOptions {
  readonly membership: ShardLeases;
  readonly directory: Pick<ClusterDirectory, 'takeOverSeen' | 'release'>;
  readonly watch: Pick<DirectoryWatch, 'rows' | 'readNumber' | 'nextRead'>;
  readonly shards: ShardTable;
  readonly callbacks: ShardCallbacks;
  readonly logger: Logger;
  /** Something that was under way has ended. Must not throw. */
  readonly onSettled: () => void;
  /** Shards of ours have become free. Must not throw. */
  readonly onReleased: () => void;
}

/** What one pass may do. `take`: hand-offs are left to the next tick, of which there is one a second. */
export type Pass = 'take' | 'take-and-hand-off' | 'take-and-hand-off-all';

/**
 * Which shards are this node's. Owns the shards' states, and alone writes the `ShardTable`.
 *
 * K1. Lease, then epoch, committed; only then the table, and only then the router.
 * K2. A shard that is ours by PostgreSQL is served until PostgreSQL says otherwise; its lease is put back meanwhile.
 * K3. A lease of ours for a shard that is not ours is given back.
 * K4. At most `LIMITS.handOffsMax` hand-offs are under way, and none is begun unless the leases are settled, or we drain.
 * K5. An unknown outcome is looked up: a row that names us under an epoch we were not given is taken again.
 */
export class ShardKeeper {
  readonly #options: ShardKeeperOptions;
  readonly #slots: readonly ShardSlot[];
  readonly #placement: Placement;
  readonly #handOffs: HandOffs;

  constructor(options: ShardKeeperOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: LIMITS.shardCount }, (_, shard) => new ShardSlot(shard));
    this.#placement = new Placement(leasesOf(this.#slots));
    this.#handOffs = new HandOffs(options);
  }

  /** How many are in each state: for inspection and metrics. */
  counts(): Readonly<Record<ShardState, number>> {
    const counts = { unowned: 0, acquiring: 0, owned: 0, handingOff: 0, lost: 0 };
    for (const { state } of this.#slots) counts[state] += 1;
    return counts;
  }

  stateOf(shard: number): ShardState {
    return this.#slot(shard).state;
  }

  /** Nothing is ours, and nothing is about to become so. */
  get isEmpty(): boolean {
    return this.#slots.every(({ state }) => state === 'unowned' || state === 'lost');
  }

  /** After the directory was read: what somebody else has taken from us is lost. */
  reconcile(): void {
    const { watch, logger } = this.#options;
    const { rows, readNumber } = watch;
    const taken = rows.filter(({ shard, epoch }) => this.#isTaken(this.#slot(shard), epoch));
    for (const { shard } of rows) {
      const slot = this.#slot(shard);
      if (slot.state === 'lost' && readNumber >= slot.believedFromRead)
        slot.move('lookedUp', slot.believedFromRead);
    }
    if (taken.length === 0) return;
    logger.warn({ shards: taken.map(({ shard }) => shard) }, 'other nodes have taken these shards');
    for (const { shard } of taken) this.#lose(this.#slot(shard));
  }

  /** PostgreSQL has refused a commit under this epoch. News about an epoch that we no longer have changes nothing. */
  fenced(shard: number, epoch: bigint): void {
    const slot = this.#slot(shard);
    if (!slot.isOurs || slot.epoch !== epoch) return;
    this.#options.logger.warn(
      { shard, epoch: String(epoch) },
      'a commit was refused: another node has the shard',
    );
    this.#lose(slot);
  }

  /** Puts right what is held, then begins what is to be done; does not wait for it. To be called while the gate is open. */
  act(situation: Situation, pass: Pass): void {
    if (situation.trust !== 'unknown') this.#squareLeases();
    const desired = this.#placement.of(situation.places);
    if (pass !== 'take') this.#beginHandOffs(desired, situation, pass);
    const { rows, readNumber } = this.#options.watch;
    const free = rows.filter(({ shard }) => {
      const { state, believedFromRead } = this.#slot(shard);
      return state === 'unowned' && readNumber >= believedFromRead;
    });
    const isDesired = (shard: number): boolean =>
      desired.get(this.#slot(shard).lease) === situation.nodeId && !situation.draining;
    for (const claim of claimsOf(free, isDesired, situation)) void this.#take(claim);
  }

  /** Tries once more to write "nobody" for what is finished. Also while the gate is closed. */
  retryReleases(): void {
    void this.#handOffs.release();
  }

  #squareLeases(): void {
    const { membership } = this.#options;
    const held = membership.held();
    const missing = this.#slots.filter(({ isOurs, lease }) => isOurs && !held.has(lease));
    const idle = this.#slots.filter(
      ({ state, lease }) => (state === 'unowned' || state === 'lost') && held.has(lease),
    );
    if (missing.length > 0) void membership.reassert(leasesOf(missing));
    if (idle.length > 0) void membership.release(leasesOf(idle));
  }

  #beginHandOffs(desired: ReadonlyMap<string, string>, situation: Situation, pass: Pass): void {
    const owned = this.#slots.filter(({ state }) => state === 'owned');
    if (situation.draining) {
      const room = pass === 'take-and-hand-off-all' ? owned.length : this.#room();
      for (const slot of owned.slice(0, room)) this.#handOffs.begin(slot);
      return;
    }
    if (situation.trust !== 'settled') return;
    const ours = new Map(owned.map(({ lease }) => [lease, situation.nodeId]));
    const wanted = new Map([...desired].filter(([lease]) => ours.has(lease as LeaseName)));
    const { handOffs } = movesOf(wanted, ours, { movesMax: this.#room() });
    const leaving = new Set(handOffs.map(({ slot }) => slot));
    for (const slot of owned) if (leaving.has(slot.lease)) this.#handOffs.begin(slot);
  }

  #room(): number {
    return Math.max(0, LIMITS.handOffsMax - this.counts().handingOff);
  }

  async #take({ mode, seen }: Claim): Promise<void> {
    const { membership, watch, onSettled } = this.#options;
    const slots = [...seen.keys()].map((shard) => this.#slot(shard));
    for (const slot of slots) slot.move('claim', watch.nextRead);
    const leased = await this.#lease(mode, slots);
    const epochs = await this.#raise(new Map([...seen].filter(([shard]) => leased.has(`shard:${shard}`))));
    const taken = slots.filter(({ shard }) => epochs.has(shard));
    const refused = slots.filter(({ shard }) => !epochs.has(shard));
    for (const slot of refused) slot.move('refused', watch.nextRead);
    this.#own(taken, epochs);
    const inVain = refused.filter(({ lease }) => membership.held().has(lease));
    if (inVain.length > 0) await membership.release(leasesOf(inVain));
    onSettled();
  }

  #own(slots: readonly ShardSlot[], epochs: ReadonlyMap<number, bigint>): void {
    if (slots.length === 0) return;
    const { shards, watch, callbacks } = this.#options;
    for (const slot of slots) slot.own(epochs.get(slot.shard) ?? -1n, watch.nextRead);
    shards.own(epochs);
    callbacks.owned(slots.map(({ shard }) => shard));
  }

  async #lease(mode: LeaseMode, slots: readonly ShardSlot[]): Promise<ReadonlySet<LeaseName>> {
    const leases = leasesOf(slots);
    if (mode === 'none') return new Set(leases);
    const answer: LeaseAnswer<readonly LeaseName[]> = await this.#options.membership[mode](leases);
    return new Set(answer.kind === 'done' ? answer.value : []);
  }

  async #raise(seen: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<number, bigint>> {
    if (seen.size === 0) return new Map();
    const { directory, logger } = this.#options;
    try {
      return await directory.takeOverSeen(seen);
    } catch (error) {
      logger.warn({ err: ensureError(error), shards: seen.size }, 'shards could not be taken over');
      return new Map();
    }
  }

  #isTaken(slot: ShardSlot, epoch: bigint): boolean {
    return slot.isOurs && epoch > slot.epoch;
  }

  #lose(slot: ShardSlot): void {
    const { shards, watch, callbacks, membership, onSettled } = this.#options;
    slot.move('fenced', watch.nextRead);
    shards.lose(slot.shard);
    callbacks.lost(slot.shard);
    void membership.release([slot.lease]);
    onSettled();
  }

  #slot(shard: number): ShardSlot {
    const slot = this.#slots[shard];
    if (slot === undefined) throw new RangeError(`there is no shard ${shard}`);
    return slot;
  }
}

function leasesOf(slots: readonly ShardSlot[]): readonly LeaseName[] {
  return slots.map(({ lease }) => lease);
}
