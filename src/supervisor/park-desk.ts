import type { Clock, Logger } from '../ports/runtime.ts';
import type { ParkingEnd, ParkStore } from '../ports/stores.ts';
import type { CommandEnvelope } from './command-envelope.ts';
import type { ShardTable } from './shard-table.ts';
import { TurnBatch } from './turn-batch.ts';

export interface ParkDeskOptions {
  readonly store: Pick<ParkStore, 'park'>;
  readonly shards: Pick<ShardTable, 'epochOf'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing of an account of the shard is under way any more: what waited for that may go on. Must not throw. */
  readonly onSettled: (shard: number) => void;
  /** The ledger has refused to park under this epoch. Called when all that it concerns is given back. Must not throw. */
  readonly onFenced: (shard: number, epoch: bigint) => void;
}

interface Parking {
  readonly envelope: CommandEnvelope;
  readonly reason: string;
  readonly epoch: bigint;
  readonly onEnd: (end: ParkingEnd) => void;
}

/** Commands of one account that are being parked, and who waits until they are. */
interface UnderWay {
  readonly shard: number;
  /** Of the oldest of them. */
  readonly epoch: bigint;
  count: number;
  readonly parked: Promise<void>;
  readonly resolve: () => void;
}

/** A command of a shard that is gone already is parked under no epoch at all. */
const NO_EPOCH = -1n;

/**
 * Parks the commands of accounts that are set aside.
 *
 * Owns a command from `park` until `onEnd`.
 * P1. `parked` is said after the commit.
 * P2. An account is read only when `whenParked` says that nothing of it is under way here: else it could be found without
 *     parked commands, and decide newer ones first.
 * P3. Parked is only under the epoch at which the account was found set aside: the next owner may release the account, and decide
 *     newer commands before what is written behind its back.
 * P4. Those of an account go into the ledger in the order in which they came, whatever fails on the way.
 * P5. While something of a shard is under way under another epoch than the present one, newer commands of the shard have to
 *     wait (`isBehind`): what is refused then goes back before them.
 */
export class ParkDesk {
  readonly #options: ParkDeskOptions;
  readonly #parking: TurnBatch<Parking>;
  readonly #underWay = new Map<string, UnderWay>();

  constructor(options: ParkDeskOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#parking = new TurnBatch({
      name: 'parking commands',
      clock,
      logger,
      keyOf: ({ envelope }) => envelope.command.accountId,
      work: (items) => this.#park(items),
    });
  }

  /** `onEnd`, `fenced`: it was not written, and is the caller's again. */
  park(envelope: CommandEnvelope, reason: string, onEnd: (end: ParkingEnd) => void): void {
    const { command, shard } = envelope;
    const { accountId } = command;
    const epoch = this.#options.shards.epochOf(shard) ?? NO_EPOCH;
    const underWay = this.#underWay.get(accountId) ?? newUnderWay(shard, epoch);
    underWay.count += 1;
    this.#underWay.set(accountId, underWay);
    this.#parking.add({ envelope, reason, epoch, onEnd });
  }

  /** Resolves when nothing of the account is being parked any more; null: nothing is. */
  whenParked(accountId: string): Promise<void> | null {
    return this.#underWay.size === 0 ? null : (this.#underWay.get(accountId)?.parked ?? null);
  }

  /** Something of the shard is on its way into the ledger: whoever owns the shard next must find it there. */
  isBusyWith(shard: number): boolean {
    return this.#some((underWay) => underWay.shard === shard);
  }

  /** The same, but only what the ledger may refuse. `ownEpoch`: under which the shard is ours now; null: it is not. */
  isBehind(shard: number, ownEpoch: bigint | null): boolean {
    return this.#some((underWay) => underWay.shard === shard && underWay.epoch !== ownEpoch);
  }

  #some(is: (underWay: UnderWay) => boolean): boolean {
    // Asked for every command, and nearly always empty.
    return this.#underWay.size > 0 && [...this.#underWay.values()].some(is);
  }

  async #park(items: readonly Parking[]): Promise<void> {
    const { store, onFenced } = this.#options;
    const ends = await store.park(
      items.map(({ envelope, reason, epoch }) => ({
        accountId: envelope.command.accountId,
        shard: envelope.shard,
        epoch,
        queue: envelope.origin.queue,
        body: envelope.origin.body,
        reason,
      })),
    );
    if (ends.length !== items.length) throw new Error('parking did not answer for every command');
    const fenced = new Map<number, bigint>();
    for (const [index, { envelope, epoch, onEnd }] of items.entries()) {
      const end = ends[index] ?? 'fenced';
      if (end === 'fenced') fenced.set(envelope.shard, epoch);
      onEnd(end);
      this.#ended(envelope.command.accountId);
    }
    for (const [shard, epoch] of fenced) onFenced(shard, epoch);
  }

  #ended(accountId: string): void {
    const underWay = this.#underWay.get(accountId);
    if (underWay === undefined) return;
    underWay.count -= 1;
    if (underWay.count > 0) return;
    this.#underWay.delete(accountId);
    underWay.resolve();
    this.#options.onSettled(underWay.shard);
  }
}

function newUnderWay(shard: number, epoch: bigint): UnderWay {
  let resolve: () => void = () => undefined;
  const parked = new Promise<void>((done) => {
    resolve = done;
  });
  return { shard, epoch, count: 0, parked, resolve };
}
