import type pg from 'pg';
import type { EndpointHealth } from '../../domain/webhooks/endpoint-health.ts';
import type { WrittenEvent } from '../../contracts/events.ts';
import type {
  FailureNote,
  FailureRuling,
  TidyBounds,
  Tidied,
  WebhookClaim,
  WebhookEndpoint,
  WebhookSlots,
  WebhookStore,
} from '../../ports/webhooks.ts';
import { ADVISORY_LOCKS } from './advisory-locks.ts';
import { poolTransaction } from './pool-transaction.ts';
import * as statements from './webhook-statements.ts';

interface EndpointRow extends Omit<WebhookEndpoint, 'salts'> {
  readonly salt: Buffer;
  readonly previousSalt: Buffer | null;
}

/**
 * Webhooks in the ledger: where to, and what is left to post.
 *
 * W1. A delivery is written once per endpoint and event, however often the event is told.
 * W2. A claim is an attempt number and a time: whoever ends a delivery names the attempt, so one whose claim has run out changes
 *     nothing of what its successor does.
 * W3. What a failure says about its endpoint is judged under the lock of the endpoint's row: no failure is counted twice or lost.
 */
export class PostgresWebhookStore implements WebhookStore {
  readonly #pool: pg.Pool;

  /** `pool`: of its own, so that nothing here takes a connection from those that load accounts. It is closed with the store. */
  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async endpoints(): Promise<readonly WebhookEndpoint[]> {
    const { rows } = await this.#pool.query<EndpointRow>(statements.ENDPOINTS);
    return rows.map(({ salt, previousSalt, ...row }) => ({
      ...row,
      salts: previousSalt === null ? [salt] : [salt, previousSalt],
    }));
  }

  async record(events: readonly WrittenEvent[]): Promise<number> {
    const { rows } = await this.#pool.query<{ written: number }>({
      ...statements.RECORD,
      values: [events.map(({ id }) => id), events.map(({ type }) => type), events.map(({ json }) => json)],
    });
    return rows[0]?.written ?? 0;
  }

  async claim(wanted: readonly WebhookSlots[], leaseMs: number): Promise<readonly WebhookClaim[]> {
    if (wanted.length === 0) return [];
    const { rows } = await this.#pool.query<WebhookClaim>({
      ...statements.CLAIM,
      values: [wanted.map(({ endpointId }) => endpointId), wanted.map(({ slots }) => slots), leaseMs],
    });
    return rows;
  }

  async delivered(claim: WebhookClaim, status: number): Promise<void> {
    await this.#pool.query(statements.DELIVERED, [claim.id, claim.attempt, status]);
  }

  async failed({ claim, failure, judge }: FailureNote): Promise<FailureRuling | null> {
    const note = `${failure.code}: ${failure.detail}`;
    return poolTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<HealthRow>(statements.LOCK_HEALTH, [claim.endpointId]);
      const [row] = rows;
      if (row === undefined) return null;
      const { nowMs, state, ...health } = row;
      const ruling = judge(health, nowMs);
      const values = [claim.id, claim.attempt, ruling.retryMs, failure.status, note];
      const ended = await client.query(statements.FAILED, values);
      if (ended.rowCount === 0) return null;
      // Somebody has disabled or removed it meanwhile: it stays that.
      if (state !== 'active') return { ...ruling, health, verdict: { kind: 'kept' } };
      if (ruling.health !== health) await noteHealth(client, claim.endpointId, ruling, note);
      return ruling;
    });
  }

  async release(claim: WebhookClaim): Promise<void> {
    await this.#pool.query(statements.RELEASE, [claim.id, claim.attempt]);
  }

  async tidy(bounds: TidyBounds): Promise<Tidied | null> {
    return poolTransaction(this.#pool, async (client) => {
      const lock = await client.query<{ locked: boolean }>(statements.TRY_LOCK, [ADVISORY_LOCKS.webhooks]);
      if (lock.rows[0]?.locked !== true) return null;
      const { rows: moved } = await client.query<{ id: number; full: boolean }>(statements.MARK_FULL, [
        bounds.backlogMax,
      ]);
      const removed = await removeOld(client, bounds);
      return {
        removed,
        full: moved.filter(({ full }) => full).map(({ id }) => id),
        room: moved.filter(({ full }) => !full).map(({ id }) => id),
        more: removed >= bounds.rowsMax,
      };
    });
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

interface HealthRow extends EndpointHealth {
  readonly state: 'active' | 'disabled' | 'removed';
  readonly nowMs: number;
}

async function noteHealth(
  client: pg.PoolClient,
  endpointId: number,
  { health, verdict, pauseMs }: FailureRuling,
  note: string,
): Promise<void> {
  const { failuresInRow, failingSinceMs } = health;
  const because = verdict.kind === 'disabled' ? verdict.because : null;
  await client.query(statements.NOTE_HEALTH, [
    endpointId,
    failuresInRow,
    failingSinceMs,
    pauseMs,
    note,
    because,
  ]);
  if (because === null) return;
  const detail = JSON.stringify({ because, failures: failuresInRow });
  await client.query(statements.LOG_DISABLED, [String(endpointId), note, detail]);
}

async function removeOld(client: pg.PoolClient, bounds: TidyBounds): Promise<number> {
  const { deliveredKeptMs, failedKeptMs, rowsMax } = bounds;
  const old = await client.query(statements.REMOVE_ENDED, [deliveredKeptMs, failedKeptMs, rowsMax]);
  const left = await client.query(statements.REMOVE_OF_REMOVED, [rowsMax]);
  return Math.max(old.rowCount ?? 0, left.rowCount ?? 0);
}
