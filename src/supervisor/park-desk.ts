import { shardOf } from '../domain/shard.ts';
import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { ParkStore } from '../ports/stores.ts';
import type { CommandEnvelope } from './command-envelope.ts';
import { TurnBatch } from './turn-batch.ts';

export interface ParkDeskOptions {
  readonly store: Pick<ParkStore, 'park'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Parking {
  readonly envelope: CommandEnvelope;
  readonly reason: string;
  readonly onParked: () => void;
}

/** Commands of one account that are being parked, and who waits until they are. */
interface UnderWay {
  count: number;
  readonly parked: Promise<void>;
  readonly resolve: () => void;
}

/**
 * Parks the commands of accounts that are set aside.
 *
 * Owns a command from `park` until it is in the ledger.
 * P1. `onParked` comes after the commit.
 * P2. An account is read only when `whenParked` says that nothing of it is under way here: else it could be found without
 *     parked commands, and decide newer ones first.
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
      work: (items) => this.#park(items),
    });
  }

  park(envelope: CommandEnvelope, reason: string, onParked: () => void): void {
    const { accountId } = envelope.command;
    const underWay = this.#underWay.get(accountId) ?? newUnderWay();
    underWay.count += 1;
    this.#underWay.set(accountId, underWay);
    this.#parking.add({ envelope, reason, onParked });
  }

  /** Resolves when all of the account that is being parked is in the ledger; null: nothing is. */
  whenParked(accountId: string): Promise<void> | null {
    return this.#underWay.size === 0 ? null : (this.#underWay.get(accountId)?.parked ?? null);
  }

  /** Something of the shard is on its way into the ledger: whoever owns the shard next must find it there. */
  isBusyWith(shard: number): boolean {
    if (this.#underWay.size === 0) return false;
    return [...this.#underWay.keys()].some((accountId) => shardOf(accountId, LIMITS.shardCount) === shard);
  }

  async #park(items: readonly Parking[]): Promise<void> {
    await this.#options.store.park(
      items.map(({ envelope, reason }) => ({
        accountId: envelope.command.accountId,
        queue: envelope.origin.queue,
        body: envelope.origin.body,
        reason,
      })),
    );
    for (const { envelope, onParked } of items) {
      this.#ended(envelope.command.accountId);
      onParked();
    }
  }

  #ended(accountId: string): void {
    const underWay = this.#underWay.get(accountId);
    if (underWay === undefined) return;
    underWay.count -= 1;
    if (underWay.count > 0) return;
    this.#underWay.delete(accountId);
    underWay.resolve();
  }
}

function newUnderWay(): UnderWay {
  let resolve: () => void = () => undefined;
  const parked = new Promise<void>((done) => {
    resolve = done;
  });
  return { count: 0, parked, resolve };
}
