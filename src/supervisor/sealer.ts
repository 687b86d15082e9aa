import { LIMITS } from '../limits.ts';
import type { SealHorizon, SealStore } from '../ports/seals.ts';
import type { Clock, Logger, Metrics } from '../ports/runtime.ts';

export interface SealerOptions {
  readonly store: SealStore;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'sealed'>;
  readonly logger: Logger;
}

/** Nothing is done where less than this share of the interval is unsealed: another node was there. Not 1, since timers are not exact. */
const DUE_SHARE = 0.9;

/**
 * Seals what was decided, every `intervalMs`, off the way of the commands.
 *
 * Owns the round under way.
 * E1. Every node does it; one at a time works, and whoever comes soon after another one does nothing.
 * E2. A round that fails is given up: what is sealed stands, the next round goes on from there.
 */
export class Sealer {
  readonly #options: SealerOptions;
  #phase: 'running' | 'stopped' = 'stopped';
  #cancel: () => void = () => undefined;
  /** Before the first round has told: the start, so that a node that never learns it looks older and older. */
  #sealedThroughMs = 0;

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** Of the moment up to which everything is sealed, as far as this node knows; of its start, as long as it does not. */
  get ageSeconds(): number {
    return Math.max(0, this.#options.clock.now() - this.#sealedThroughMs) / 1_000;
  }

  get intervalSeconds(): number {
    return this.#options.intervalMs / 1_000;
  }

  start(): void {
    this.#phase = 'running';
    this.#sealedThroughMs = this.#options.clock.now();
    void this.#round();
  }

  /** A step under way ends by itself. */
  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  async #round(): Promise<void> {
    const { store, clock, logger, intervalMs } = this.#options;
    try {
      const horizon = await store.horizon();
      if (horizon.aheadMs === null || horizon.aheadMs >= DUE_SHARE * intervalMs) await this.#sealTo(horizon);
      else this.#sealedThroughMs = Date.parse(horizon.through) - horizon.aheadMs;
    } catch (error) {
      logger.warn({ err: error }, 'the journal could not be sealed, later again');
    }
    if (!this.#stopped()) this.#cancel = clock.after(intervalMs, () => void this.#round());
  }

  async #sealTo(horizon: SealHorizon): Promise<void> {
    for (let waits = 0; !this.#stopped();) {
      const step = await this.#options.store.seal(horizon);
      switch (step.kind) {
        case 'busy':
          return;
        case 'waiting':
          waits += 1;
          if (waits > LIMITS.sealRetriesMax) {
            this.#options.logger.warn(
              { commit: horizon.commit },
              'a commit does not end: nothing is sealed meanwhile',
            );
            return;
          }
          await this.#pause();
          break;
        case 'sealed':
          this.#options.metrics.sealed(step.rows);
          if (step.more) break;
          this.#sealedThroughMs = Date.parse(horizon.through);
          return;
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(LIMITS.sealRetryMs, resolve));
  }

  #stopped(): boolean {
    return this.#phase === 'stopped';
  }
}
