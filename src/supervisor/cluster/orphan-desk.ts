import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { ParkStore } from '../../ports/stores.ts';
import type { CommandEnvelope } from '../command-envelope.ts';
import type { Router } from '../router.ts';
import type { Settle } from '../settle.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import type { Forwarder } from './forwarder.ts';
import type { ShardDoors } from './shard-doors.ts';

export interface OrphanDeskOptions {
  readonly forwarder: Pick<Forwarder, 'unowned' | 'release'>;
  readonly doors: Pick<ShardDoors, 'hold' | 'letGo'>;
  readonly watch: Pick<DirectoryWatch, 'rows'>;
  readonly store: Pick<ParkStore, 'parkUnowned'>;
  readonly router: Pick<Router, 'giveBack' | 'heldOf'>;
  readonly settle: Pick<Settle, 'refuse'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this node reaches what it needs to know: one that is cut off sees no owners, though they are there. */
  readonly isConnected: () => boolean;
  /** The command is in the ledger, or nothing needs to be: acknowledge, and nothing else (see `endElsewhere`). */
  readonly ended: (envelope: CommandEnvelope) => void;
}

/**
 * Parks the commands of shards that have had no owner for `orphanMs`, so that a shard that nobody takes does not fill the
 * windows of those that are served.
 *
 * Owns the commands of such a shard while they are being parked; the router holds what comes meanwhile.
 * O1. They are parked under the epoch seen, and whoever the row names is fenced by that: no actor that was there before can
 *     decide newer commands past them. Whoever owns the shard next finds them first.
 * O2. What could not be parked goes back to the router, whole and in order, before anything newer.
 * O3. Nothing is parked while the router holds older ones.
 * O4. A retry needs no parking: its row stands in the ledger.
 * O5. What nobody has read is read before: what cannot be is no command, and gets its letter now, not when the shard has an owner.
 */
export class OrphanDesk {
  readonly #options: OrphanDeskOptions;
  readonly #parking = new Set<number>();
  #cancel: () => void = () => undefined;

  constructor(options: OrphanDeskOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#options.clock.after(LIMITS.orphanPollMs, () => {
      if (this.#options.isConnected())
        for (const shard of this.#options.forwarder.unowned(LIMITS.orphanMs)) void this.#park(shard);
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  async #park(shard: number): Promise<void> {
    const { doors, forwarder, router, logger } = this.#options;
    // What the router holds may be older: it comes to the forwarder first.
    if (this.#parking.has(shard) || router.heldOf(shard) > 0) return;
    this.#parking.add(shard);
    doors.hold(shard);
    const envelopes = forwarder.release(shard);
    const left = await this.#parkInOrder(shard, envelopes);
    logger.warn({ shard, parked: envelopes.length - left.length }, 'a shard has no owner');
    for (const envelope of left) router.giveBack(envelope);
    this.#parking.delete(shard);
    doors.letGo(shard);
  }

  /** Gives what is not parked. */
  async #parkInOrder(
    shard: number,
    envelopes: readonly CommandEnvelope[],
  ): Promise<readonly CommandEnvelope[]> {
    const { watch, ended, logger } = this.#options;
    let left = envelopes;
    let epoch = watch.rows[shard]?.epoch;
    while (left.length > 0 && epoch !== undefined) {
      const next = left.slice(0, LIMITS.storeBatchMax);
      left = left.slice(next.length);
      const batch = next.filter((envelope) => this.#isReadable(envelope));
      try {
        epoch = await this.#parkBatch(shard, epoch, batch);
      } catch (error) {
        logger.warn({ err: ensureError(error), shard }, 'commands without an owner could not be parked yet');
        return [...batch, ...left];
      }
      if (epoch === undefined) return [...batch, ...left];
      for (const envelope of batch) ended(envelope);
    }
    return left;
  }

  /** If not, it is refused. */
  #isReadable(envelope: CommandEnvelope): boolean {
    const refusal = envelope.read();
    if (refusal !== null) this.#options.settle.refuse(envelope.origin, refusal, envelope.receivedAtMs);
    return refusal === null;
  }

  /** The epoch that holds then; undefined: somebody owns the shard after all. */
  async #parkBatch(
    shard: number,
    epochSeen: bigint,
    batch: readonly CommandEnvelope[],
  ): Promise<bigint | undefined> {
    const commands = batch
      .filter(({ road }) => road !== 'retry')
      .map(({ accountId, origin }) => ({
        accountId,
        queue: origin.queue,
        body: origin.body,
        reason: 'its shard had no owner',
      }));
    if (commands.length === 0) return epochSeen;
    const { kind, epoch } = await this.#options.store.parkUnowned(shard, epochSeen, commands);
    return kind === 'parked' ? epoch : undefined;
  }
}
