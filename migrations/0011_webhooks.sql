-- Up Migration

-- Webhooks: where events are posted to, and what is left to post. docs/WEBHOOKS.md says what a receiver can rely on.

-- No secret is kept here: it is derived from the salt and WEBHOOK_KEY, which the database does not know.
create table processor.webhook_endpoints (
  id int generated always as identity primary key,
  url text not null,
  types text[],                              -- null: every type
  state text not null default 'active' check (state in ('active', 'disabled', 'removed')),
  disabled_because text check (disabled_because in ('operator', 'failures', 'gone')),
  disabled_at timestamptz,
  key_id text not null,                      -- names the WEBHOOK_KEY that its secrets are derived from
  salt bytea not null,
  previous_salt bytea,                       -- of a secret that was replaced, and until when it signs as well
  previous_until timestamptz,
  failures_in_row int not null default 0,
  failing_since timestamptz,
  paused_until timestamptz,                  -- it fails, and is left alone until then
  last_failure text,
  full_since timestamptz,                    -- too much waits for it: nothing more is kept
  created_at timestamptz not null default clock_timestamp(),
  check ((state = 'disabled') = (disabled_because is not null))
);

-- One event for one endpoint. A delivery that is being tried has a due_at beyond the longest try: should whoever tries it die, it
-- is due again by itself. No foreign key: writing one must not wait for whoever works on its endpoint.
create table processor.webhook_deliveries (
  id bigint generated always as identity primary key,
  endpoint_id int not null,
  event_id uuid not null,
  type text not null,
  body text not null,                        -- as it was published
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts int not null default 0,
  due_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  last_status int,                           -- of the last answer
  last_failure text,
  unique (endpoint_id, event_id)
) with (fillfactor = 80);
create index webhook_deliveries_due on processor.webhook_deliveries (endpoint_id, due_at) where state = 'pending';
create index webhook_deliveries_ended on processor.webhook_deliveries (state, ended_at) where state <> 'pending';

-- Writes down what endpoints are to be told of these events; what is written already stays. Returns how many were new.
create function processor.record_webhooks(ids uuid[], types text[], bodies text[]) returns int language sql as $$
  with written as (
    insert into processor.webhook_deliveries (endpoint_id, event_id, type, body)
    select e.id, v.id, v.type, v.body
      from unnest(ids, types, bodies) with ordinality as v (id, type, body, place)
      join processor.webhook_endpoints e
        on e.state <> 'removed' and e.full_since is null and (e.types is null or v.type = any (e.types))
     order by v.place, e.id
    on conflict (endpoint_id, event_id) do nothing
    returning 1
  )
  select count(*)::int from written
$$;

-- Takes up to slots[i] due deliveries of endpoint endpoints[i], those due longest first. Each counts as tried, and is out of
-- everybody's sight for lease_ms.
create function processor.claim_webhooks(endpoints int[], slots int[], lease_ms int)
returns setof processor.webhook_deliveries language sql as $$
  with mine as materialized (
    select due.id
      from unnest(endpoints, slots) as w (endpoint_id, slots)
      join processor.webhook_endpoints e on e.id = w.endpoint_id
     cross join lateral (
       select p.id from processor.webhook_deliveries p
        where p.endpoint_id = e.id and p.state = 'pending' and p.due_at <= clock_timestamp()
        order by p.due_at limit w.slots for update skip locked
     ) due
     where e.state = 'active' and (e.paused_until is null or e.paused_until <= clock_timestamp())
  )
  update processor.webhook_deliveries d
     set attempts = d.attempts + 1, due_at = clock_timestamp() + lease_ms * interval '1 millisecond'
    from mine
   where d.id = mine.id
  returning d.*
$$;
