import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { AccountRegion } from './account-region.ts';
import type { ParkDesk } from './park-desk.ts';

export interface ShardExitsOptions {
  readonly region: Pick<AccountRegion, 'actorsOf' | 'isBusyWith' | 'letGo'>;
  readonly parking: Pick<ParkDesk, 'isBusyWith'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Waits until a shard that is handed off is at rest: nothing new comes in, its actors finish what they have and go.
 *
 * X1. Resolved means that no actor of the shard is left, so nothing of it is decided here any more, and that what is parked
 *     of it is in the ledger.
 * X2. What is not finished within `handOffFinishMs` is ended and given back: whoever owns the shard next decides it. A
 *     commit that is still under way then is in the ledger before the next epoch, or refused by it.
 */
export class ShardExits {
  readonly #options: ShardExitsOptions;

  constructor(options: ShardExitsOptions) {
    this.#options = options;
  }

  async finish(shard: number): Promise<void> {
    const { region, parking, clock, logger } = this.#options;
    const untilMs = clock.now() + LIMITS.handOffFinishMs;
    for (const actor of [...region.actorsOf(shard)]) actor.passivate();
    while (region.isBusyWith(shard) || parking.isBusyWith(shard)) {
      if (clock.now() >= untilMs) {
        logger.warn({ shard, accounts: region.actorsOf(shard).size }, 'a shard is given away unfinished');
        region.letGo(shard, 'stopped');
        return;
      }
      await new Promise<void>((resolve) => void clock.after(LIMITS.handOffPollMs, resolve));
      for (const actor of [...region.actorsOf(shard)]) actor.passivate();
    }
  }
}
