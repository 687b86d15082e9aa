import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { EVENT_SCHEMA_VERSION } from '../../contracts/events.ts';
import { WEBHOOK_TEST_TYPE } from '../../contracts/webhooks.ts';
import { orderTest, readDeliveries } from '../../infra/postgres/webhook-ledger.ts';
import type { DeliveryView } from '../../infra/postgres/webhook-ledger.ts';
import { LIMITS } from '../../limits.ts';

/** Has a node post a test, and waits for what comes of it: `pending` if nothing did in time. null: the endpoint is not active. */
export async function postTest(
  pool: pg.Pool,
  endpointId: number,
  waitMs: number,
): Promise<DeliveryView | null> {
  const eventId = randomUUID();
  const type = WEBHOOK_TEST_TYPE;
  const time = new Date().toISOString();
  const body = JSON.stringify({
    id: eventId,
    schema_version: EVENT_SCHEMA_VERSION,
    time,
    type,
    webhook: endpointId,
  });
  const id = await orderTest(pool, endpointId, { eventId, type, body });
  if (id === null) return null;
  const untilMs = Date.now() + waitMs;
  for (;;) {
    const [delivery] = await readDeliveries(pool, { ids: [id], limit: 1 });
    if (delivery === undefined) return null;
    if (delivery.state !== 'pending' || Date.now() >= untilMs) return delivery;
    await sleep(LIMITS.letterPollMs);
  }
}
