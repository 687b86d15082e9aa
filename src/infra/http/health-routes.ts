import type { FastifyInstance } from 'fastify';
import type { IntakePause } from '../../ports/cluster.ts';
import type { LinkState } from '../../ports/connection.ts';

export type Readiness = 'starting' | 'ready' | 'degraded' | 'draining' | 'stopped';

/** What `/readyz` answers. */
export interface NodeStatus {
  readonly status: Readiness;
  /** Whether work is being done: false answers 503. */
  readonly serving: boolean;
  readonly node: string;
  /** State of each server that the node depends on. */
  readonly dependencies: Readonly<Record<'postgresql' | 'rabbitmq' | 'redis', LinkState>>;
  /** An operator has paused intake in the whole cluster; null: no. */
  readonly paused: IntakePause | null;
}

/** The figures in `/healthz`. */
export interface HealthFigures {
  /** Messages ready, by queue, as seen within the last seconds. */
  readonly queueDepths: ReadonlyMap<string, number>;
  /** Decided by this node, over the last ten seconds. */
  readonly transactionsPerSecond: number;
  /** Of the oldest command of this node that waits for its decision; 0: none waits. */
  readonly oldestCommandAgeSeconds: number;
  readonly inFlight: number;
  /** Mean of the last minute; null: nothing was written. */
  readonly cacheWriteSeconds: number | null;
}

export interface HealthOptions {
  readonly status: () => NodeStatus;
  readonly figures: () => HealthFigures;
}

/**
 * `/livez`: the process answers. `/readyz`: it does its work (else 503: starting, a server that work needs is away, draining).
 * `/healthz`: how it is, in words and figures; 503 where it is not ready.
 */
export function addHealthRoutes(server: FastifyInstance, { status, figures }: HealthOptions): void {
  server.get('/livez', () => ({ status: 'alive' }));
  server.get('/readyz', (_request, reply) => {
    const current = status();
    return reply.code(current.serving ? 200 : 503).send(current);
  });
  server.get('/healthz', (_request, reply) => {
    const report = healthReport(status(), figures(), new Date());
    return reply.code(report.status === 'unhealthy' ? 503 : 200).send(report);
  });
}

export interface HealthReport {
  /** `degraded`: it works, but cached balances are late (Redis), or dead letters wait (the broker takes no publications). */
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** RFC 3339, UTC. */
  readonly timestamp: string;
  readonly node: string;
  readonly readiness: Readiness;
  readonly services: Readonly<Record<'database' | 'rabbitmq' | 'redis', LinkState>>;
  readonly intake_paused: boolean;
  readonly metrics: {
    readonly backlog: Readonly<Record<string, number>>;
    readonly transactions_per_second: number;
    readonly oldest_command_age_seconds: number;
    readonly in_flight: number;
    readonly cache_write_seconds: number | null;
  };
}

export function healthReport(status: NodeStatus, figures: HealthFigures, now: Date): HealthReport {
  const { postgresql: database, rabbitmq, redis } = status.dependencies;
  const isWhole = [database, rabbitmq, redis].every((state) => state === 'up');
  return {
    status: !status.serving ? 'unhealthy' : isWhole ? 'healthy' : 'degraded',
    timestamp: now.toISOString(),
    node: status.node,
    readiness: status.status,
    services: { database, rabbitmq, redis },
    intake_paused: status.paused !== null,
    metrics: {
      backlog: Object.fromEntries(figures.queueDepths),
      transactions_per_second: rounded(figures.transactionsPerSecond),
      oldest_command_age_seconds: rounded(figures.oldestCommandAgeSeconds),
      in_flight: figures.inFlight,
      cache_write_seconds: figures.cacheWriteSeconds === null ? null : rounded(figures.cacheWriteSeconds),
    },
  };
}

function rounded(value: number): number {
  return Math.round(value * 1_000_000) / 1_000_000;
}
