-- Up Migration

-- The Go API's tables, exactly as its own migrations make them; left alone where they exist, also by a role that may not
-- create any: "if not exists" would ask for that right all the same.
do $$
begin
  if to_regtype('public.transaction_status') is null then
    create type public.transaction_status as enum ('PENDING', 'APPROVED', 'REJECTED', 'ERROR');
  end if;
  if to_regclass('public.accounts') is null then
    create table public.accounts (
      id uuid primary key default gen_random_uuid(),
      username varchar(100) not null,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
  end if;
  if to_regclass('public.cards') is null then
    create table public.cards (
      id uuid primary key default gen_random_uuid(),
      account_id uuid references public.accounts on delete cascade,
      card_token varchar(255) not null unique,
      last_four_digits varchar(4),
      created_at timestamptz not null default now()
    );
  end if;
  if to_regclass('public.transactions') is null then
    create table public.transactions (
      id uuid primary key default gen_random_uuid(),
      account_id uuid references public.accounts on delete cascade,
      card_id uuid references public.cards,
      amount_cents bigint not null,
      status varchar(50) not null,
      type varchar(50) not null,
      created_at timestamptz not null default now(),
      idempotency_key varchar(255) unique,
      refund_transaction_id uuid references public.transactions
    );
  end if;
end $$;

create schema if not exists processor;

-- What every node of this database must agree on.
create table processor.cluster (
  singleton boolean primary key default true check (singleton),
  cluster_id uuid not null default gen_random_uuid(),
  shard_count int not null,
  -- How approved refunds are measured; written by the first node that starts.
  refund_amount text check (refund_amount in ('message', 'original')),
  -- When the history from before was taken over; null = not yet.
  opened_at timestamptz
);
insert into processor.cluster (shard_count) values (256);

-- Who may write a shard. Locked FOR NO KEY UPDATE by every commit.
create table processor.shards (
  shard int primary key,
  epoch bigint not null default 0,
  owner text,
  inbox text,
  taken_at timestamptz
) with (fillfactor = 50);
insert into processor.shards (shard) select generate_series(0, 255);

create table processor.epoch_log (
  shard int not null,
  epoch bigint not null,
  owner text,
  taken_at timestamptz not null default clock_timestamp(),
  primary key (shard, epoch)
);

-- The balance as of the last journal row. No index but the key, so that every update is a HOT update.
create table processor.accounts (
  account_id uuid primary key,
  balance_cents bigint not null,
  seq bigint not null,
  status text not null default 'active' check (status in ('active', 'frozen', 'closed', 'quarantined')),
  overdraft_cents bigint not null default 0 check (overdraft_cents >= 0)
) with (fillfactor = 70);

-- Every decision, for ever.
create table processor.journal (
  account_id uuid not null,
  seq bigint not null check (seq > 0),
  transaction_id uuid,                       -- null only for OPENING; of an operator's order its id
  type text not null,
  outcome text not null check (outcome in ('APPROVED', 'REJECTED')),
  reason text,
  requested_cents bigint not null,
  amount_cents bigint not null,              -- signed, 0 if rejected
  balance_after_cents bigint not null,
  counter_account text not null,             -- the other side of the entry, a constant of the type
  original_id uuid,
  card_id uuid,                              -- as the message had it, known or not
  covered_rows int,                          -- OPENING: how many approved rows it stands for
  idempotency_key text,
  epoch bigint not null,
  road text not null,
  rules_version int,
  flags text[],                              -- "<reject|flag|shadow>:<rule>" of each rule that matched; null = none
  occurred_at timestamptz not null,
  decided_at timestamptz not null default clock_timestamp(),
  operator text,                             -- these four: rows that an operator ordered
  why text,
  status_after text,
  overdraft_after_cents bigint,
  primary key (account_id, seq),
  check ((operator is null) = (why is null) and (operator is null) = (status_after is null)
    and (operator is null) = (overdraft_after_cents is null)),
  check ((outcome = 'REJECTED') = (reason is not null)),
  check (outcome = 'APPROVED' or amount_cents = 0)
);
create unique index journal_transaction on processor.journal (transaction_id) where transaction_id is not null;
create index journal_refunds on processor.journal (original_id) include (amount_cents)
  where original_id is not null and outcome = 'APPROVED';

create index journal_orders on processor.journal (account_id, seq) where operator is not null;

create function processor.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of processor.% is refused: what is written there stays', tg_op, tg_table_name using errcode = '42501';
end $$;
create trigger journal_append_only before update or delete on processor.journal
  for each row execute function processor.refuse_change();
create trigger journal_no_truncate before truncate on processor.journal
  for each statement execute function processor.refuse_change();

-- A time as events have it: RFC 3339, microseconds, UTC.
create function processor.event_time(at timestamptz) returns text language sql stable
  return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- Refunds from before the first start, per original.
create table processor.opening_refunds (
  original_id uuid primary key,
  refunded_cents bigint not null check (refunded_cents > 0)
);

create table processor.card_totals (
  card_id uuid primary key,
  account_id uuid not null,
  total_cents bigint not null check (total_cents >= 0),
  seq bigint not null
) with (fillfactor = 70);

-- The truth about deferrals; BullMQ is only the clock.
create table processor.retries (
  transaction_id uuid primary key,
  account_id uuid not null,
  shard int not null,                        -- of the account: each node asks for the due ones of its shards
  attempt int not null,                      -- of its code: tries spent waiting for one thing are not held against another
  code text not null,
  queue text not null,
  body bytea not null,
  due_at timestamptz not null,
  first_seen_at timestamptz not null
);
create index retries_due on processor.retries (shard, due_at);

create table processor.parked (
  account_id uuid not null,
  n bigint generated always as identity,
  queue text not null,
  body bytea not null,
  reason text not null,
  since timestamptz not null default clock_timestamp(),
  primary key (account_id, n)
);

create table processor.dead_letters (
  id bigint generated always as identity primary key,
  queue text not null,
  dead_letter_queue text not null,
  code text not null,
  detail text not null,
  transaction_id uuid,
  account_id uuid,
  body bytea not null,                       -- whole up to 1 MiB, else the first 64 KiB
  body_bytes bigint not null,
  body_sha256 bytea not null,
  attempts int not null,
  first_seen_at timestamptz not null,
  created_at timestamptz not null default clock_timestamp(),
  state text not null default 'open' check (state in ('open', 'replayed', 'discarded')),
  closed_at timestamptz,
  closed_by text
);
create index dead_letters_body on processor.dead_letters (body_sha256);
create index dead_letters_transaction on processor.dead_letters (transaction_id) where transaction_id is not null;
create index dead_letters_account on processor.dead_letters (account_id, id) where account_id is not null;
create index dead_letters_open on processor.dead_letters (id) where state = 'open';

-- One row per commit: whose cached balances must be brought up to date, and what must be told. Deleted when it is done.
create table processor.outbox (
  id bigint generated always as identity primary key,
  incarnation uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  account_ids uuid[] not null,
  card_ids uuid[] not null,
  from_seqs bigint[] not null,               -- these two: the journal rows of this commit, per account of `account_ids`
  to_seqs bigint[] not null,
  events jsonb,                              -- events that no journal row tells, as they are to be published; null = none
  due text not null default 'all' check (due in ('all', 'balances', 'events'))
);
-- Ids do not compress: the server need not try.
alter table processor.outbox alter column account_ids set storage external;

-- Events that no journal row tells, written with what they tell of. Each gets the time and its account's last seq.
create function processor.announce(writer uuid, events jsonb) returns bigint language plpgsql volatile as $$
declare
  outbox_id bigint;
begin
  if coalesce(jsonb_array_length(events), 0) = 0 then return null; end if;
  insert into processor.outbox (incarnation, account_ids, card_ids, from_seqs, to_seqs, due, events)
    select writer, '{}', '{}', '{}', '{}', 'events',
           jsonb_agg(e.event || jsonb_build_object(
             'time', processor.event_time(clock_timestamp()), 'seq', coalesce(a.seq, 0)) order by e.place)
      from jsonb_array_elements(events) with ordinality as e (event, place)
      left join processor.accounts a on a.account_id = (e.event ->> 'account_id')::uuid
    returning id into outbox_id;
  return outbox_id;
end $$;

create table processor.operator_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  operator text not null,
  action text not null,
  subject text,
  why text,
  detail jsonb
);
create index operator_log_subject on processor.operator_log (subject, id) where subject is not null;
