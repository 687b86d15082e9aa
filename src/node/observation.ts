import { DEAD_LETTER_QUEUES } from '../contracts/queues.ts';
import type { HealthFigures } from '../infra/http/http-server.ts';
import { NodeFigures } from '../infra/node-figures.ts';
import { NodeRates } from '../infra/node-rates.ts';
import { RateLog } from '../infra/rate-log.ts';
import type { Clock, Logger, Metrics } from '../ports/runtime.ts';
import { NodeLooker } from './node-look.ts';
import type { NodeRuntime } from './node-runtime.ts';

export interface ObservationOptions {
  /** Everything counted is handed on to these; null: they are switched off. */
  readonly metrics: Metrics | null;
  readonly runtime: () => NodeRuntime;
  readonly isReady: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

const HEALTH_RATE_MS = 10_000;
const CACHE_RATE_MS = 60_000;

/** What a node knows of its own work: figures since the start, rates of the last minute, a look at what waits now. */
export class Observation {
  readonly figures: NodeFigures;
  readonly rates: NodeRates;
  readonly looker: NodeLooker;
  readonly #rateLog: RateLog;
  readonly #options: ObservationOptions;

  constructor(options: ObservationOptions) {
    const { metrics, runtime, isReady, clock, logger } = options;
    this.#options = options;
    this.figures = new NodeFigures(metrics);
    this.rates = new NodeRates(() => this.figures.totals(), clock);
    this.looker = new NodeLooker({ runtime, isReady, nowMs: () => clock.now(), logger });
    this.#rateLog = new RateLog({
      rates: this.rates,
      clock,
      logger,
      inFlight: () => this.#inFlight(),
      backlog: () => this.#backlog(),
    });
  }

  start(): void {
    this.rates.start();
    this.#rateLog.start();
  }

  stop(): void {
    this.rates.stop();
    this.#rateLog.stop();
  }

  health(): HealthFigures {
    return {
      queueDepths: this.figures.queueDepths(),
      transactionsPerSecond: this.rates.over(HEALTH_RATE_MS).decidedPerSecond,
      oldestCommandAgeSeconds: this.looker.oldestCommandAgeSeconds(),
      inFlight: this.#inFlight(),
      cacheWriteSeconds: this.rates.over(CACHE_RATE_MS).cacheWriteSeconds,
    };
  }

  #inFlight(): number {
    return this.#options.runtime().parts?.supervision.inFlight.count ?? 0;
  }

  #backlog(): number {
    const isInbound = (queue: string): boolean => !(DEAD_LETTER_QUEUES as readonly string[]).includes(queue);
    return [...this.figures.queueDepths()].reduce(
      (sum, [queue, messages]) => (isInbound(queue) ? sum + messages : sum),
      0,
    );
  }
}
