-- Up Migration

-- Rows left PENDING by messages that were lost: how they are found, and which of them an operator wants driven.

-- Finds the rows of a stretch of time without reading the table; costs an insert next to nothing and no HOT update anything.
-- Multi-minmax: space that vacuum gives back to new rows leaves two clusters of times in a range of pages, not one wide one.
-- Where the tables are somebody else's he may have made it before (docs/SECURITY.md).
do $$
begin
  if to_regclass('public.transactions_created_brin') is null then
    create index transactions_created_brin on public.transactions
      using brin (created_at timestamptz_minmax_multi_ops) with (pages_per_range = 16, autosummarize = on);
  end if;
end $$;

-- Up to where the sweep has looked: no row older than this is eligible, and not driven. No row: nobody has swept here yet.
create table processor.sweep_mark (
  singleton boolean primary key default true check (singleton),
  looked_to timestamptz not null
);

-- Rows that an operator wants driven whatever their age (`paygate pending drive`).
create table processor.drives (
  transaction_id uuid not null,
  run uuid not null,                         -- one call of the command
  created_at timestamptz not null,           -- of the row: their order
  asked_at timestamptz not null default clock_timestamp(),
  done_at timestamptz,                       -- the row is not PENDING any more, or something else takes care of it
  primary key (run, transaction_id)
);
create index drives_open on processor.drives (created_at, transaction_id) where done_at is null;
create index drives_transaction on processor.drives (transaction_id) where done_at is null;

-- A row as the sweep sees it. Times and amounts as text, exactly.
create type processor.pending_row as (
  id uuid,
  account_id uuid,
  card_id uuid,
  amount_cents text,
  type text,
  idempotency_key text,
  refund_transaction_id uuid,
  created_at text                            -- RFC 3339, UTC, microseconds
);

create function processor.as_pending(t public.transactions) returns processor.pending_row language sql stable as $$
  select row(
    t.id, t.account_id, t.card_id, t.amount_cents::text, t.type, t.idempotency_key, t.refund_transaction_id,
    to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::processor.pending_row
$$;

-- Whether something else takes care of a row: a retry, parked commands of its account, an open dead letter. A letter about
-- another payload with the row's id is no answer for the row; one that an operator discarded is, where writing it anew would
-- be all that a sweep could do.
create function processor.is_cared_for(transaction_id uuid, account_id uuid) returns boolean
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
begin
  return (select r.transaction_id from processor.retries r where r.transaction_id = is_cared_for.transaction_id) is not null
    or (select k.n from processor.parked k where k.account_id = is_cared_for.account_id order by k.n limit 1) is not null
    or (select l.id from processor.dead_letters l
         where l.transaction_id = is_cared_for.transaction_id
           and (l.state = 'open' and l.code <> 'PAYLOAD_MISMATCH'
             or l.state = 'discarded' and l.code = 'REFUND_TARGET_UNKNOWN')
         limit 1) is not null;
end $$;

-- Looks at the rows created in [created_from, created_to), oldest first. A page that is full ends at its last row: go on
-- after that one.
create function processor.sweep_look(
  created_from timestamptz, created_to timestamptz,
  after_at timestamptz, after_id uuid,       -- null = from the beginning
  known uuid[],                              -- left out: on their way already
  row_limit int,
  out examined bigint,                       -- rows of that time, in whatever status
  out eligible processor.pending_row[]          -- null = none
) language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
begin
  select count(*) into examined
    from public.transactions t where t.created_at >= created_from and t.created_at < created_to;
  select array_agg(processor.as_pending(page) order by page.created_at, page.id) into eligible
    from (
      select pending.* from (
        select t.* from public.transactions t
         where t.created_at >= created_from and t.created_at < created_to
           and t.status = 'PENDING'
           and (after_at is null or (t.created_at, t.id) > (after_at, after_id))
           and t.id <> all (known)
         order by t.created_at, t.id
        offset 0                             -- what follows is asked of as few rows as possible
      ) pending
      where not processor.is_cared_for(pending.id, pending.account_id)
      limit row_limit
    ) page;
end $$;

-- The oldest rows that operators want driven, created before `created_to`. Requests that are answered are closed on the way.
create function processor.sweep_ordered(
  created_to timestamptz, known uuid[], row_limit int,
  out taken int,                             -- requests looked at
  out eligible processor.pending_row[]          -- null = none
) language plpgsql volatile
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  ids uuid[];
  drivable uuid[];
begin
  ids := array(
    select distinct on (d.created_at, d.transaction_id) d.transaction_id
      from processor.drives d
     where d.done_at is null and d.created_at < created_to and d.transaction_id <> all (known)
     order by d.created_at, d.transaction_id
     limit row_limit);
  taken := cardinality(ids);
  if taken = 0 then return; end if;
  select array_agg(t.id), array_agg(processor.as_pending(t) order by t.created_at, t.id) into drivable, eligible
    from public.transactions t
   where t.id = any (ids) and t.status = 'PENDING' and not processor.is_cared_for(t.id, t.account_id);
  update processor.drives d set done_at = clock_timestamp()
   where d.transaction_id = any (ids) and d.done_at is null
     and d.transaction_id <> all (coalesce(drivable, '{}'));
end $$;

-- A letter that says a refund has no target is answered when the refund was decided all the same: its message was late.
create function processor.close_answered_letters() returns bigint language plpgsql volatile as $$
declare
  closed bigint;
begin
  update processor.dead_letters l
     set state = 'replayed', closed_at = clock_timestamp(), closed_by = 'its own message'
    from public.transactions t
   where l.state = 'open' and l.code = 'REFUND_TARGET_UNKNOWN' and t.id = l.transaction_id
     and t.status in ('APPROVED', 'REJECTED');
  get diagnostics closed = row_count;
  return closed;
end $$;
create index dead_letters_refund_target on processor.dead_letters (transaction_id)
  where state = 'open' and code = 'REFUND_TARGET_UNKNOWN';
