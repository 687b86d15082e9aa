import type pg from 'pg';
import type { Config } from '../config.ts';
import { ensureError } from '../domain/errors.ts';
import { checkCluster } from '../infra/postgres/cluster.ts';
import { meaningOf } from '../infra/server-errors.ts';
import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';

/** PostgreSQL is not there yet: its port, its name or the server itself is still coming up. Everything else is final. */
function isNotThereYet(error: unknown): boolean {
  if (error instanceof AggregateError) return isNotThereYet(error.errors[0]);
  return meaningOf(error)?.category === 'temporary';
}

export interface OpenLedgerOptions {
  readonly pool: pg.Pool;
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the node is not wanted any more. */
  readonly signal: AbortSignal;
}

/**
 * Waits for PostgreSQL, at most `startPatienceMs`, and checks that a node with these settings may work on this database.
 * Gives the id of its cluster.
 *
 * Rejects with `ClusterRefusal` (the message says what to do) or the driver's last error.
 */
export async function openLedger({
  pool,
  config,
  clock,
  logger,
  signal,
}: OpenLedgerOptions): Promise<string> {
  const untilMs = clock.now() + LIMITS.startPatienceMs;
  for (let delayMs = LIMITS.storeBackoffMsMin; ; delayMs = Math.min(delayMs * 2, LIMITS.storeBackoffMsMax)) {
    try {
      return await checkCluster(pool, { ...config, shardCount: LIMITS.shardCount });
    } catch (error) {
      signal.throwIfAborted();
      if (!isNotThereYet(error) || clock.now() + delayMs > untilMs) throw error;
      logger.warn({ reason: ensureError(error).message, delay_ms: delayMs }, 'PostgreSQL is not there yet');
    }
    await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
    signal.throwIfAborted();
  }
}
