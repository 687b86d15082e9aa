import type pg from 'pg';
import { DEAD_LETTER_QUEUES } from '../contracts/queues.ts';
import { LIMITS } from '../limits.ts';
import type { LinkState } from '../ports/connection.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { LinkedServers } from './connections.ts';

export interface HealthProbeOptions {
  readonly pool: pg.Pool;
  readonly servers: LinkedServers;
  /** Names of the queues that are read. */
  readonly inbound: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onQueueDepth: (queue: string, messages: number) => void;
  /** Whether work can be done; told after every look. */
  readonly onHealth: (healthy: boolean) => void;
}

export type Dependencies = Readonly<Record<'postgresql' | 'rabbitmq' | 'redis', LinkState>>;

/**
 * Looks at the servers every `healthPollMs` (more often while one is missing), for readiness and metrics. Redis is no condition of work: while it is
 * away decisions go on and cached balances are late.
 */
export class HealthProbe {
  readonly #options: HealthProbeOptions;
  #postgresql: LinkState = 'connecting';
  #phase: 'running' | 'stopped' = 'stopped';
  #cancel: () => void = () => undefined;
  readonly #whenHealthy: (() => void)[] = [];

  constructor(options: HealthProbeOptions) {
    this.#options = options;
  }

  /** Resolves when everything that work needs is there for the first time. */
  async start(): Promise<void> {
    this.#phase = 'running';
    const healthy = new Promise<void>((resolve) => this.#whenHealthy.push(resolve));
    void this.#look();
    await healthy;
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  dependencies(): Dependencies {
    const { inbox, publisher, cache } = this.#options.servers;
    const reading = inbox.state();
    const rabbitmq = reading === 'up' ? publisher.state() : reading;
    return { postgresql: this.#postgresql, rabbitmq, redis: cache.state() };
  }

  async #look(): Promise<void> {
    await Promise.all([this.#lookAtPostgres(), this.#readDepths()]);
    if (this.#phase === 'stopped') return;
    const { postgresql, rabbitmq } = this.dependencies();
    const healthy = postgresql === 'up' && (rabbitmq === 'up' || rabbitmq === 'blocked');
    this.#options.onHealth(healthy);
    if (healthy) for (const resolve of this.#whenHealthy.splice(0)) resolve();
    const delayMs = healthy ? LIMITS.healthPollMs : LIMITS.unhealthyPollMs;
    this.#cancel = this.#options.clock.after(delayMs, () => void this.#look());
  }

  async #lookAtPostgres(): Promise<void> {
    try {
      await this.#options.pool.query('select 1');
      this.#postgresql = 'up';
    } catch (error) {
      this.#postgresql = 'down';
      this.#options.logger.debug({ err: error }, 'PostgreSQL does not answer');
    }
  }

  async #readDepths(): Promise<void> {
    try {
      const { servers, inbound } = this.#options;
      const found = await servers.publisher.queueStatus([...inbound, ...DEAD_LETTER_QUEUES]);
      for (const [queue, status] of found) this.#options.onQueueDepth(queue, status?.messages ?? 0);
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'queue depths could not be read');
    }
  }
}
