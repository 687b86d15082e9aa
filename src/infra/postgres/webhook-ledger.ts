import type pg from 'pg';
import { LIMITS } from '../../limits.ts';
import { isoTime } from './journal-entry.ts';
import { poolTransaction } from './pool-transaction.ts';

/** What an operator asks of webhooks, and does to them. Every change is in the operator log, in the same commit. */

/** Who, and why. */
export interface WebhookOrder {
  readonly operator: string;
  readonly why: string;
}

/** An endpoint for a person. Nothing of its secret. */
export interface EndpointView {
  readonly id: number;
  readonly url: string;
  /** null: every type. */
  readonly types: readonly string[] | null;
  readonly state: 'active' | 'disabled';
  readonly disabledBecause: 'operator' | 'failures' | 'gone' | null;
  readonly disabledAt: string | null;
  readonly keyId: string;
  readonly failuresInRow: number;
  readonly failingSince: string | null;
  readonly pausedUntil: string | null;
  readonly lastFailure: string | null;
  /** Since when nothing more is kept for it. */
  readonly fullSince: string | null;
  /** Until when the secret before signs as well. */
  readonly previousSecretUntil: string | null;
  readonly createdAt: string;
  /** Deliveries that are not posted yet, and those given up; at most 10,000 are counted. */
  readonly waiting: number;
  readonly failed: number;
}

export interface NewEndpoint {
  readonly url: string;
  readonly types: readonly string[] | null;
  readonly keyId: string;
  readonly salt: Buffer;
}

/** The number of the new endpoint; null: there are too many. */
export async function addEndpoint(
  pool: pg.Pool,
  added: NewEndpoint,
  order: WebhookOrder,
): Promise<number | null> {
  return poolTransaction(pool, async (client) => {
    const values = [added.url, added.types, added.keyId, added.salt, LIMITS.webhookEndpointsMax];
    const { rows } = await client.query<{ id: number }>(ADD, values);
    const [row] = rows;
    if (row === undefined) return null;
    await log(client, 'webhook-add', row.id, order, { url: added.url, types: added.types });
    return row.id;
  });
}

/** All that are not removed, or the one. */
export async function readEndpoints(pool: pg.Pool, id: number | null): Promise<readonly EndpointView[]> {
  const { rows } = await pool.query<EndpointView>(VIEW, [id]);
  return rows;
}

/** A change of one endpoint. `changed`: it was so before; `unknown`: there is none of that number, or it was removed. */
export type EndpointAnswer = 'changed' | 'unchanged' | 'unknown';

export function disableEndpoint(pool: pg.Pool, id: number, order: WebhookOrder): Promise<EndpointAnswer> {
  return change(pool, { id, order, action: 'webhook-disable', statements: [DISABLE] });
}

/** What waits for it is due now, with all its tries before it. */
export function enableEndpoint(pool: pg.Pool, id: number, order: WebhookOrder): Promise<EndpointAnswer> {
  return change(pool, { id, order, action: 'webhook-enable', statements: [ENABLE, DUE_NOW] });
}

/** What waits for it is gone with it. */
export function removeEndpoint(pool: pg.Pool, id: number, order: WebhookOrder): Promise<EndpointAnswer> {
  return change(pool, { id, order, action: 'webhook-remove', statements: [REMOVE, FORGET] });
}

/** From now on it signs with the secret of this salt; for `overlapMs` with the one before as well. */
export function rotateSecret(
  pool: pg.Pool,
  id: number,
  next: { readonly salt: Buffer; readonly keyId: string; readonly overlapMs: number },
  order: WebhookOrder,
): Promise<EndpointAnswer> {
  const { salt, keyId, overlapMs } = next;
  const statements = [{ text: ROTATE, values: [salt, keyId, overlapMs] }];
  return change(pool, { id, order, action: 'webhook-rotate-secret', statements, detail: { overlapMs } });
}

/** Has this body posted as a delivery of its own; its number. null: there is no such endpoint, or it is disabled. */
export async function orderTest(
  pool: pg.Pool,
  id: number,
  test: { readonly eventId: string; readonly type: string; readonly body: string },
): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>(TEST, [id, test.eventId, test.type, test.body]);
  return rows[0]?.id ?? null;
}

export interface DeliveryView {
  readonly id: string;
  readonly endpointId: number;
  readonly eventId: string;
  readonly type: string;
  readonly state: 'pending' | 'delivered' | 'failed';
  readonly attempts: number;
  readonly dueAt: string;
  readonly createdAt: string;
  readonly endedAt: string | null;
  readonly lastStatus: number | null;
  readonly lastFailure: string | null;
}

export interface DeliveryFilter {
  readonly ids?: readonly string[];
  readonly endpointId?: number;
  readonly state?: DeliveryView['state'];
  readonly limit: number;
}

/** Newest first. */
export async function readDeliveries(
  pool: pg.Pool,
  filter: DeliveryFilter,
): Promise<readonly DeliveryView[]> {
  const values = [filter.ids ?? null, filter.endpointId ?? null, filter.state ?? null, filter.limit];
  const { rows } = await pool.query<DeliveryView>(DELIVERIES, values);
  return rows;
}

/** Which ended deliveries are posted again: these, or what was given up of an endpoint. */
export type ReplayWish = { readonly ids: readonly string[] } | { readonly failedOf: number };

/** Has them posted again, with all their tries before them; how many. What still waits, or is of a removed endpoint, stays. */
export async function replayDeliveries(
  pool: pg.Pool,
  wish: ReplayWish,
  order: WebhookOrder,
): Promise<number> {
  return poolTransaction(pool, async (client) => {
    const isByIds = 'ids' in wish;
    const values = isByIds ? [wish.ids, null] : [null, wish.failedOf];
    const { rows } = await client.query<{ endpointId: number; count: number }>(REPLAY, values);
    for (const { endpointId, count } of rows)
      await log(client, 'webhook-replay', endpointId, order, {
        count,
        ...(isByIds ? { ids: wish.ids } : {}),
      });
    return rows.reduce((sum, { count }) => sum + count, 0);
  });
}

interface Change {
  readonly id: number;
  readonly order: WebhookOrder;
  readonly action: string;
  /** The first changes the endpoint, and says by its count whether it did. The endpoint's number is the last parameter. */
  readonly statements: readonly (string | { readonly text: string; readonly values: readonly unknown[] })[];
  readonly detail?: object;
}

async function change(
  pool: pg.Pool,
  { id, order, action, statements, detail = {} }: Change,
): Promise<EndpointAnswer> {
  return poolTransaction(pool, async (client) => {
    const { rowCount } = await client.query(LOCK, [id]);
    if (rowCount === 0) return 'unknown';
    for (const [place, statement] of statements.entries()) {
      const { text, values } = typeof statement === 'string' ? { text: statement, values: [] } : statement;
      const changed = await client.query(text, [...values, id]);
      if (place === 0 && changed.rowCount === 0) return 'unchanged';
    }
    await log(client, action, id, order, detail);
    return 'changed';
  });
}

async function log(
  client: pg.PoolClient,
  action: string,
  id: number,
  { operator, why }: WebhookOrder,
  detail: object,
): Promise<void> {
  await client.query(
    'insert into processor.operator_log (operator, action, subject, why, detail) values ($1, $2, $3, $4, $5)',
    [operator, action, `webhook:${String(id)}`, why, JSON.stringify(detail)],
  );
}

const ADD = `
insert into processor.webhook_endpoints (url, types, key_id, salt)
select $1, $2::text[], $3, $4
 where (select count(*) from processor.webhook_endpoints where state <> 'removed') < $5
returning id`;

const COUNT_MAX = 10_000;
const counted = (state: string): string => `(select count(*)::int from (
    select from processor.webhook_deliveries d where d.endpoint_id = e.id and d.state = '${state}' limit ${COUNT_MAX}) found)`;

const VIEW = `
select id, url, types, state, disabled_because as "disabledBecause", ${isoTime('disabled_at')} as "disabledAt",
       key_id as "keyId", failures_in_row as "failuresInRow", ${isoTime('failing_since')} as "failingSince",
       case when paused_until > clock_timestamp() then ${isoTime('paused_until')} end as "pausedUntil",
       last_failure as "lastFailure", ${isoTime('full_since')} as "fullSince",
       case when previous_until > clock_timestamp() then ${isoTime('previous_until')} end as "previousSecretUntil",
       ${isoTime('created_at')} as "createdAt", ${counted('pending')} as waiting, ${counted('failed')} as failed
  from processor.webhook_endpoints e
 where state <> 'removed' and ($1::int is null or id = $1) order by id`;

const LOCK = `select from processor.webhook_endpoints where id = $1 and state <> 'removed' for update`;

const DISABLE = `
update processor.webhook_endpoints
   set state = 'disabled', disabled_because = 'operator', disabled_at = clock_timestamp()
 where id = $1 and state = 'active'`;

const ENABLE = `
update processor.webhook_endpoints
   set state = 'active', disabled_because = null, disabled_at = null, failures_in_row = 0, failing_since = null,
       paused_until = null
 where id = $1 and (state = 'disabled' or paused_until is not null)`;

const DUE_NOW = `
update processor.webhook_deliveries set due_at = clock_timestamp(), attempts = 0
 where endpoint_id = $1 and state = 'pending'`;

const REMOVE = `
update processor.webhook_endpoints set state = 'removed', disabled_because = null, disabled_at = null where id = $1`;

const FORGET = 'delete from processor.webhook_deliveries where endpoint_id = $1';

const ROTATE = `
update processor.webhook_endpoints
   set previous_salt = salt, previous_until = clock_timestamp() + $3::float8 * interval '1 millisecond',
       salt = $1, key_id = $2
 where id = $4`;

const TEST = `
insert into processor.webhook_deliveries (endpoint_id, event_id, type, body)
select id, $2, $3, $4 from processor.webhook_endpoints where id = $1 and state = 'active'
returning id::text`;

const DELIVERIES = `
select id::text, endpoint_id as "endpointId", event_id as "eventId", type, state, attempts, ${isoTime('due_at')} as "dueAt",
       ${isoTime('created_at')} as "createdAt", ${isoTime('ended_at')} as "endedAt", last_status as "lastStatus",
       last_failure as "lastFailure"
  from processor.webhook_deliveries
 where ($1::bigint[] is null or id = any ($1)) and ($2::int is null or endpoint_id = $2)
   and ($3::text is null or state = $3)
 order by webhook_deliveries.id desc limit $4`;

const REPLAY = `
with replayed as (
  update processor.webhook_deliveries d
     set state = 'pending', attempts = 0, due_at = clock_timestamp(), ended_at = null
    from processor.webhook_endpoints e
   where e.id = d.endpoint_id and e.state <> 'removed' and d.state <> 'pending'
     and (d.id = any ($1::bigint[]) or (d.endpoint_id = $2::int and d.state = 'failed'))
  returning d.endpoint_id
)
select endpoint_id as "endpointId", count(*)::int as count from replayed group by endpoint_id`;
