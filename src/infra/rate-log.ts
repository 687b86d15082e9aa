import type { Clock, Logger } from '../ports/runtime.ts';
import type { NodeRates, Rates } from './node-rates.ts';

export interface RateLogOptions {
  readonly rates: Pick<NodeRates, 'over'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Messages taken in and not answered. */
  readonly inFlight: () => number;
  /** Messages ready in the inbound queues. */
  readonly backlog: () => number;
}

const EVERY_MS = 10_000;

/** One line every ten seconds while there is traffic: what was decided, put off and given up, how fast, in which portions. */
export class RateLog {
  readonly #options: RateLogOptions;
  #cancel: () => void = () => undefined;

  constructor(options: RateLogOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#options.clock.after(EVERY_MS, () => {
      this.#say(this.#options.rates.over(EVERY_MS));
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #say(rates: Rates): void {
    const { logger, inFlight, backlog } = this.#options;
    if (rates.received === 0 && rates.settled === 0 && inFlight() === 0) return;
    logger.info(
      {
        seconds: round(rates.seconds),
        received: rates.received,
        approved: rates.approved,
        rejected: rates.rejected,
        repeated: rates.repeated,
        retried: rates.deferred,
        dead_letters: rates.deadLettered,
        per_second: round(rates.decidedPerSecond),
        commits: rates.commits,
        commands_per_commit: rates.commandsPerCommit === null ? null : round(rates.commandsPerCommit),
        p99_ms: rates.latencySeconds === null ? null : round(rates.latencySeconds.p99 * 1_000),
        in_flight: inFlight(),
        queue_depth: backlog(),
      },
      'traffic',
    );
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
