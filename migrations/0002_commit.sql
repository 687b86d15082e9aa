-- Up Migration

-- The commit: one call writes the decisions of many accounts, each account whole or not at all.

-- One account's part of a call.
create type processor.account_change as (
  account_id uuid,
  shard int,
  epoch bigint,                   -- under which the caller owns the shard
  previous_seq bigint,            -- 0 = the account has no decision yet
  seq bigint,
  balance_cents bigint
);

-- One decision of one of these accounts.
create type processor.new_decision as (
  account_id uuid,
  seq bigint,
  transaction_id uuid,
  type text,
  outcome text,
  reason text,
  requested_cents bigint,
  amount_cents bigint,            -- signed, 0 if rejected
  balance_after_cents bigint,
  counter_account text,
  original_id uuid,               -- as the message had it
  card_id uuid,                   -- as the message had it
  idempotency_key text,
  epoch bigint,
  road text,
  rules_version int,
  flags text[],
  occurred_at timestamptz,        -- event time: never before that of the account's last decision
  said_at timestamptz,            -- what the message says, where that is another time; null = the same
  expected_cents bigint,          -- what the row must say; null = not compared
  row_original_id uuid,           -- what the row is to point to
  row_card_id uuid,
  may_insert boolean,             -- documented shape: the row need not exist
  may_decide_error boolean        -- an operator's replay
);

-- What a decision adds to the total of a card.
create type processor.card_delta as (
  card_id uuid,
  account_id uuid,
  delta_cents bigint,
  seq bigint
);

-- What is on record of a transaction, or of the one that has its key: the decision, else the row. Null for findings
-- that need no record. Amounts as text, since they may exceed a JSON number.
create function processor.stored_transaction(finding text, transaction_id uuid, idempotency_key text) returns jsonb
language plpgsql stable as $$
declare
  wanted uuid;
begin
  if finding = 'key-taken' then
    select t.id into wanted from public.transactions t where t.idempotency_key = stored_transaction.idempotency_key;
  elsif finding in ('decided', 'row-error', 'row-differs') then
    wanted := transaction_id;
  end if;
  return coalesce(
    (select jsonb_build_object(
        'transactionId', j.transaction_id, 'accountId', j.account_id, 'type', j.type,
        'amountCents', j.requested_cents::text, 'cardId', j.card_id,
        'originalId', j.original_id, 'originalKnown', true,
        'idempotencyKey', j.idempotency_key, 'status', j.outcome, 'reason', j.reason)
      from processor.journal j where j.transaction_id = wanted),
    (select jsonb_build_object(
        'transactionId', t.id, 'accountId', t.account_id, 'type', t.type,
        'amountCents', t.amount_cents::text, 'cardId', t.card_id,
        'originalId', t.refund_transaction_id,
        'originalKnown', t.type <> 'REFUND' or t.refund_transaction_id is not null,
        'idempotencyKey', t.idempotency_key, 'status', t.status, 'reason', null)
      from public.transactions t where t.id = wanted));
end $$;

-- Commits what fits and leaves out, whole, every account that does not; says which and why. It raises only for what
-- takes two parties at once: 40001 when somebody changed a row between our look and our write, 23505 when somebody
-- inserted the same id or key meanwhile. The caller then tries again, in halves.
--
-- The plans are fixed, whatever the statistics say: one made while a table was nearly empty would go on scanning it
-- for a minute after it has grown. So every table is restricted to the ids of the call (an index look-up each), scans
-- are off, and what was found is joined by hash. Single look-ups are scalar subqueries, since `exists` may become one
-- scan of the whole table.
create function processor.commit_decisions(
  changes processor.account_change[],
  decisions processor.new_decision[],
  card_deltas processor.card_delta[],
  writer uuid,                    -- incarnation of the node
  out outbox_id bigint,           -- null = nothing was committed
  out problems jsonb,             -- [{accountId, kind: fenced | stale} | {accountId, seq, kind, stored}], null = none
  out card_totals jsonb,          -- [{cardId, totalCents, seq}], null = none changed
  out decided_at text             -- of all journal rows of this call, null = nothing was committed
) language plpgsql volatile
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_nestloop = off
  set enable_mergejoin = off
  set jit = off
as $$
declare
  batch uuid[];                   -- transactions
  accounts uuid[];
  held_shards int[];              -- as they are, now that nobody can change them
  held_epochs bigint[];
  left_out uuid[];                -- accounts
  committed uuid[];               -- accounts
  from_seqs bigint[];             -- these two: their journal rows of this call
  to_seqs bigint[];
  decided timestamptz;
  found_accounts uuid[];          -- accounts with a finding
  findings jsonb;
  absent uuid[];                  -- transactions whose row is to be inserted
  touched uuid[];                 -- transactions whose row somebody has, or had, a lock on
  replayed uuid[];                -- transactions in ERROR, or without a row, that an operator sends again
  updated_cards uuid[];
  decided_count bigint;
  changed_count bigint;
  inserted_count bigint := 0;
begin
  -- 1. The fence: first, a statement of its own, in shard order. It waits for a takeover under way and holds off the
  --    next until we are done. Anything weaker than NO KEY UPDATE lets a stale owner through.
  select array_agg(held.shard), array_agg(held.epoch) into held_shards, held_epochs
    from (
      select s.shard, s.epoch
      from processor.shards s
      where s.shard = any (array(select c.shard from unnest(changes) c))
      order by s.shard
      for no key update
    ) held;

  batch := array(select d.transaction_id from unnest(decisions) d);
  accounts := array(select c.account_id from unnest(changes) c);

  -- 2. Accounts that are no longer ours, or no longer as their actor saw them.
  select coalesce(array_agg(c.account_id), '{}'),
         jsonb_agg(jsonb_build_object(
           'accountId', c.account_id,
           'kind', case when held.epoch = c.epoch then 'stale' else 'fenced' end))
    into left_out, problems
    from unnest(changes) c
    left join unnest(held_shards, held_epochs) held (shard, epoch) on held.shard = c.shard
    left join processor.accounts a on a.account_id = c.account_id and a.account_id = any (accounts)
    where held.epoch is distinct from c.epoch or coalesce(a.seq, 0) <> c.previous_seq;

  -- 3. Every decision against the row of its transaction. What is exactly as expected drops out by the last condition,
  --    so that only the others are looked at more closely, in the order of precedence. A call for one account may be
  --    what is left of one that failed: there everything is looked at closely.
  select array_agg(q.account_id) filter (where q.finding is not null),
         jsonb_agg(jsonb_build_object(
           'accountId', q.account_id, 'seq', q.seq::text, 'kind', q.finding,
           'stored', processor.stored_transaction(q.finding, q.transaction_id, q.idempotency_key)
         )) filter (where q.finding is not null),
         array_agg(q.transaction_id) filter (where q.finding is null and q.row_id is null),
         array_agg(q.transaction_id) filter (where q.finding is null and q.row_locker <> 0),
         array_agg(q.transaction_id) filter (where q.finding is null and q.may_decide_error)
    into found_accounts, findings, absent, touched, replayed
    from (
      select r.*,
        case
          when r.row_status in ('APPROVED', 'REJECTED')
            or (select j.seq from processor.journal j where j.transaction_id = r.transaction_id) is not null
            then 'decided'
          when r.row_id is null
            and (select k.id from public.transactions k where k.idempotency_key = r.idempotency_key) is not null
            then 'key-taken'
          when r.row_id is null and (select a.id from public.accounts a where a.id = r.account_id) is null
            then 'no-account'
          when r.row_id is null and not r.may_insert
            then 'row-missing'
          when r.row_status = 'ERROR' and not r.may_decide_error
            then 'row-error'
          when r.row_id is not null and not (r.row_matches and r.row_status in ('PENDING', 'ERROR'))
            then 'row-differs'
          when r.row_id is null and r.row_card_id is not null
            and (select c.id from public.cards c where c.id = r.row_card_id) is null
            then 'reference-gone'
          -- The original's own row may be about to be inserted by this call.
          when r.row_original_id is not null
            and (select o.id from public.transactions o where o.id = r.row_original_id) is null
            and r.row_original_id <> all (batch)
            then 'reference-gone'
        end as finding
      from (
        select d.*, t.id as row_id, t.status as row_status, t.xmax as row_locker,
          (t.account_id = d.account_id
            and t.type = d.type
            and t.amount_cents = coalesce(d.expected_cents, t.amount_cents)
            and t.card_id is not distinct from d.card_id
            and t.idempotency_key = d.idempotency_key) is true as row_matches
        from unnest(decisions) d
        left join public.transactions t on t.id = d.transaction_id and t.id = any (batch)
        where d.account_id <> all (left_out)
      ) r
      where (r.row_status = 'PENDING' and r.row_matches and r.row_locker = 0
        and r.row_original_id is null and not r.may_decide_error
        and cardinality(changes) > 1) is not true
      offset 0                    -- else the finding is computed once per aggregate
    ) q;
  left_out := left_out || found_accounts;
  problems := coalesce(problems || findings, problems, findings);

  -- 4. Rows that somebody else holds: never waited for.
  if touched is not null then
    select array_agg(d.account_id),
           jsonb_agg(jsonb_build_object('accountId', d.account_id, 'seq', d.seq::text, 'kind', 'row-locked'))
      into found_accounts, findings
      from unnest(decisions) d
      where d.transaction_id = any (touched)
        and d.account_id <> all (left_out)
        and d.transaction_id <> all (array(
          select t.id from public.transactions t where t.id = any (touched) for no key update skip locked));
    left_out := left_out || found_accounts;
    problems := coalesce(problems || findings, problems, findings);
  end if;

  select array_agg(c.account_id), array_agg(c.previous_seq + 1), array_agg(c.seq)
    into committed, from_seqs, to_seqs
    from unnest(changes) c where c.account_id <> all (left_out);
  if committed is null then return; end if;

  -- 5. The rest is written. One time for all of it, so that whoever tells of it needs no other.
  decided := clock_timestamp();
  decided_at := processor.event_time(decided);
  insert into processor.journal (
      account_id, seq, transaction_id, type, outcome, reason, requested_cents, amount_cents, balance_after_cents,
      counter_account, original_id, card_id, idempotency_key, epoch, road, rules_version, flags, occurred_at,
      decided_at)
    select
      d.account_id, d.seq, d.transaction_id, d.type, d.outcome, d.reason, d.requested_cents, d.amount_cents,
      d.balance_after_cents, d.counter_account, d.original_id, d.card_id, d.idempotency_key, d.epoch, d.road,
      d.rules_version, d.flags, d.occurred_at, decided
    from unnest(decisions) d
    where d.account_id <> all (left_out);
  get diagnostics decided_count = row_count;

  if absent is not null then
    -- In key order: two commits that insert the same keys must not wait for each other.
    insert into public.transactions (
        id, account_id, card_id, amount_cents, status, type, created_at, idempotency_key, refund_transaction_id)
      select d.transaction_id, d.account_id, d.row_card_id, d.requested_cents, d.outcome, d.type,
             coalesce(d.said_at, d.occurred_at), d.idempotency_key, d.row_original_id
      from unnest(decisions) d
      where d.transaction_id = any (absent) and d.account_id <> all (left_out)
      order by d.idempotency_key;
    get diagnostics inserted_count = row_count;
  end if;

  update public.transactions t
    set status = d.outcome,
        amount_cents = d.requested_cents,
        refund_transaction_id = coalesce(d.row_original_id, t.refund_transaction_id)
    from unnest(decisions) d
    where t.id = d.transaction_id
      and t.id = any (batch)
      and d.account_id <> all (left_out)
      and (t.status = 'PENDING' or t.status = 'ERROR' and d.may_decide_error);
  get diagnostics changed_count = row_count;
  if changed_count + inserted_count <> decided_count then
    raise exception 'a transactions row changed during the commit' using errcode = '40001';
  end if;

  update processor.accounts a
    set balance_cents = c.balance_cents, seq = c.seq
    from unnest(changes) c
    where a.account_id = c.account_id
      and a.account_id = any (accounts)
      and a.seq = c.previous_seq
      and c.account_id <> all (left_out);
  get diagnostics changed_count = row_count;
  insert into processor.accounts (account_id, balance_cents, seq)
    select c.account_id, c.balance_cents, c.seq
    from unnest(changes) c
    where c.previous_seq = 0 and c.account_id <> all (left_out)
    on conflict (account_id) do nothing;
  get diagnostics inserted_count = row_count;
  if changed_count + inserted_count <> cardinality(committed) then
    raise exception 'an account changed during the commit' using errcode = '40001';
  end if;

  if cardinality(card_deltas) > 0 then
    -- The row first: a check on the proposed row of an upsert would refuse a negative delta.
    insert into processor.card_totals (card_id, account_id, total_cents, seq)
      select distinct on (d.card_id) d.card_id, d.account_id, 0, 0
      from unnest(card_deltas) d
      where d.account_id <> all (left_out)
        and (select t.card_id from processor.card_totals t where t.card_id = d.card_id) is null
      order by d.card_id
      on conflict (card_id) do nothing;
    with updated as (
      update processor.card_totals t
        set total_cents = greatest(t.total_cents + d.delta_cents, 0), seq = greatest(d.seq, t.seq + 1)
        from (
          select g.card_id, sum(g.delta_cents)::bigint as delta_cents, max(g.seq) as seq
          from unnest(card_deltas) g
          where g.account_id <> all (left_out)
          group by g.card_id
        ) d
        where t.card_id = d.card_id
          and t.card_id = any (array(select g.card_id from unnest(card_deltas) g))
        returning t.card_id, t.total_cents, t.seq)
    select array_agg(u.card_id),
           jsonb_agg(jsonb_build_object('cardId', u.card_id, 'totalCents', u.total_cents::text, 'seq', u.seq::text))
      into updated_cards, card_totals
      from updated u;
  end if;

  if replayed is not null then
    -- What was dead-lettered because another payload claimed the id is not answered by deciding the true one.
    update processor.dead_letters l
      set state = 'replayed', closed_at = clock_timestamp(), closed_by = current_setting('application_name')
      from unnest(decisions) d
      where d.transaction_id = any (replayed)
        and d.account_id <> all (left_out)
        and l.transaction_id = d.transaction_id
        and l.transaction_id = any (replayed)
        and l.state = 'open'
        and l.code <> 'PAYLOAD_MISMATCH';
  end if;

  insert into processor.outbox (incarnation, account_ids, card_ids, from_seqs, to_seqs)
    values (writer, committed, coalesce(updated_cards, '{}'), from_seqs, to_seqs)
    returning id into outbox_id;
end $$;
