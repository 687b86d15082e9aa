/** What `PostgresWebhookStore` asks of the ledger. */

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

/** Named: every node asks every second. */
export const ENDPOINTS = {
  name: 'read_webhook_endpoints',
  text: `
select id, url, types, state, key_id as "keyId", salt,
       case when previous_until > clock_timestamp() then previous_salt end as "previousSalt",
       failures_in_row as "failuresInRow", coalesce(paused_until > clock_timestamp(), false) as paused
  from processor.webhook_endpoints where state <> 'removed' order by id`,
};

export const RECORD = {
  name: 'record_webhooks',
  text: 'select processor.record_webhooks($1::uuid[], $2::text[], $3::text[]) as written',
};

export const CLAIM = {
  name: 'claim_webhooks',
  text: `
select id::text, endpoint_id as "endpointId", event_id as "eventId", type, body, attempts as attempt
  from processor.claim_webhooks($1::int[], $2::int[], $3::int) order by id`,
};

/** The row of an endpoint that does well is not touched. */
export const DELIVERED = `
with delivery as (
  update processor.webhook_deliveries
     set state = 'delivered', ended_at = clock_timestamp(), last_status = $3, last_failure = null
   where id = $1 and attempts = $2 and state = 'pending'
  returning endpoint_id
)
update processor.webhook_endpoints e
   set failures_in_row = 0, failing_since = null, paused_until = null
  from delivery
 where e.id = delivery.endpoint_id and e.failures_in_row > 0`;

export const LOCK_HEALTH = `
select state, failures_in_row as "failuresInRow", ${ms('failing_since')} as "failingSinceMs", ${ms('clock_timestamp()')} as "nowMs"
  from processor.webhook_endpoints where id = $1 for update`;

export const FAILED = `
update processor.webhook_deliveries
   set state = case when $3::float8 is null then 'failed' else 'pending' end,
       due_at = case when $3::float8 is null then due_at
                     else clock_timestamp() + $3::float8 * interval '1 millisecond' end,
       ended_at = case when $3::float8 is null then clock_timestamp() end,
       last_status = $4, last_failure = $5
 where id = $1 and attempts = $2 and state = 'pending'`;

/** The row is locked, and the endpoint is active. */
export const NOTE_HEALTH = `
update processor.webhook_endpoints
   set failures_in_row = $2, failing_since = to_timestamp($3::float8 / 1000),
       paused_until = clock_timestamp() + $4::float8 * interval '1 millisecond', last_failure = $5,
       state = case when $6::text is null then 'active' else 'disabled' end, disabled_because = $6,
       disabled_at = case when $6::text is not null then clock_timestamp() end
 where id = $1`;

export const LOG_DISABLED = `
insert into processor.operator_log (operator, action, subject, why, detail)
values ('paygate', 'webhook-disable', 'webhook:' || $1, $2, $3)`;

export const RELEASE = `
update processor.webhook_deliveries set due_at = clock_timestamp(), attempts = attempts - 1
 where id = $1 and attempts = $2 and state = 'pending'`;

export const TRY_LOCK = 'select pg_try_advisory_xact_lock($1::bigint) as locked';

/** Room again at nine tenths, so that it does not go to and fro. */
export const MARK_FULL = `
update processor.webhook_endpoints e
   set full_since = case when e.full_since is null then clock_timestamp() end
  from (
    select o.id, (select count(*) from (
             select from processor.webhook_deliveries d where d.endpoint_id = o.id and d.state = 'pending' limit $1::int
           ) found) as waiting
      from processor.webhook_endpoints o where o.state <> 'removed'
  ) w
 where w.id = e.id
   and case when e.full_since is null then w.waiting >= $1::int else w.waiting < 0.9 * $1::int end
returning e.id, e.full_since is not null as full`;

export const REMOVE_ENDED = `
delete from processor.webhook_deliveries where id in (
  (select id from processor.webhook_deliveries
    where state = 'delivered' and ended_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
    order by ended_at limit $3)
  union all
  (select id from processor.webhook_deliveries
    where state = 'failed' and ended_at < clock_timestamp() - $2::float8 * interval '1 millisecond'
    order by ended_at limit $3)
)`;

export const REMOVE_OF_REMOVED = `
delete from processor.webhook_deliveries where id in (
  select d.id from processor.webhook_endpoints e join processor.webhook_deliveries d on d.endpoint_id = e.id
   where e.state = 'removed' limit $1)`;
