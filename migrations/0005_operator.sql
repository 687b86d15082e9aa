-- Up Migration

-- What operators order, and what is parked while nobody serves its shard.

-- An order as the owner of the account has judged it.
create type processor.operator_order as (
  order_id uuid,
  account_id uuid,
  shard int,
  epoch bigint,                   -- under which the caller owns the shard
  expected_seq bigint,            -- these four: what it was judged against; seq 0 = the account has no decision yet
  expected_balance_cents bigint,
  expected_overdraft_cents bigint,
  expected_status text,
  action text,
  type text,                      -- of the journal row
  refusal text,                   -- why not; null = carry it out
  amount_cents bigint,            -- signed; 0 for all but adjustments
  balance_cents bigint,           -- these three: after it
  overdraft_cents bigint,
  status text,                    -- null = what it was before the quarantine
  counter_account text,
  operator text,
  why text,
  writer uuid                     -- incarnation of the node
);

-- Carries out one order: one journal row, the account, and for an adjustment a row in `transactions`.
--
-- The order of the questions matters: a node that lost the shard learns of it first; then an order that was carried out
-- before gets its outcome; and a refusal counts only if the account is as it was when it was judged.
-- A release looks at the whole journal before anything is locked: rows are only ever added under a new seq, and the seq is
-- compared afterwards.
create function processor.apply_order(
  o processor.operator_order,
  out verdict text,               -- done | repeat | refused | fenced | stale
  out detail text,                -- of a refusal
  out seq bigint,                 -- these four: after it, as it was carried out
  out balance_cents bigint,
  out status text,
  out overdraft_cents bigint,
  out outbox_id bigint            -- null = nothing was written
) language plpgsql volatile
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
declare
  journal_cents numeric;
  journal_rows bigint;
  journal_seq bigint;
  held_epoch bigint;
  first_time processor.journal;
  account processor.accounts;
  status_before text;
  changed_count bigint;
begin
  if o.action = 'release' then
    select coalesce(sum(j.amount_cents), 0), count(*), coalesce(max(j.seq), 0)
      into journal_cents, journal_rows, journal_seq
      from processor.journal j where j.account_id = o.account_id;
  end if;

  -- The fence, as in a commit.
  select s.epoch into held_epoch from processor.shards s where s.shard = o.shard for no key update;
  if held_epoch is distinct from o.epoch then
    verdict := 'fenced';
    return;
  end if;

  select j.* into first_time from processor.journal j where j.transaction_id = o.order_id;
  if found then
    if first_time.operator is null or first_time.account_id <> o.account_id or first_time.type <> o.type
      or first_time.type in ('DEPOSIT', 'CHARGE') and first_time.amount_cents <> o.amount_cents
      or first_time.type = 'OVERDRAFT' and first_time.overdraft_after_cents <> o.overdraft_cents
    then
      verdict := 'refused';
      detail := 'the id of this order belongs to another order or transaction: give it a new one';
      return;
    end if;
    verdict := 'repeat';
    seq := first_time.seq;
    balance_cents := first_time.balance_after_cents;
    status := first_time.status_after;
    overdraft_cents := first_time.overdraft_after_cents;
    return;
  end if;

  select a.* into account from processor.accounts a where a.account_id = o.account_id;
  -- Not the seq alone: a quarantine moves none, nor does whoever puts a broken balance right by hand.
  if coalesce(account.seq, 0) <> o.expected_seq
    or coalesce(account.status, 'active') <> o.expected_status
    or coalesce(account.balance_cents, 0) <> o.expected_balance_cents
    or coalesce(account.overdraft_cents, 0) <> o.expected_overdraft_cents
  then
    verdict := 'stale';
    return;
  end if;

  if o.refusal is not null then
    verdict := 'refused';
    detail := o.refusal;
    return;
  end if;
  if o.action = 'release' and (journal_cents <> account.balance_cents or journal_seq <> account.seq
    or journal_rows <> journal_seq)
  then
    verdict := 'refused';
    detail := format(
      'it is still broken: balance %s at seq %s, but %s journal rows up to seq %s that add up to %s (cents). '
      'Nothing repairs this by itself; compare with a backup.',
      account.balance_cents, account.seq, journal_rows, journal_seq, journal_cents);
    return;
  end if;
  if o.type in ('DEPOSIT', 'CHARGE')
    and (select t.id from public.transactions t where t.id = o.order_id) is not null
  then
    verdict := 'refused';
    detail := 'the id of this order is that of a transaction: give it a new one';
    return;
  end if;

  status_before := coalesce(account.status, 'active');
  verdict := 'done';
  seq := o.expected_seq + 1;
  balance_cents := o.balance_cents;
  overdraft_cents := o.overdraft_cents;
  status := o.status;
  if status is null then
    select l.detail ->> 'statusBefore' into status
      from processor.operator_log l
      where l.subject = o.account_id::text and l.action = 'quarantine'
      order by l.id desc limit 1;
    if status is null or status not in ('active', 'frozen', 'closed') then status := 'active'; end if;
  end if;

  -- An adjustment: the contract's formula is a sum over `transactions`.
  if o.type in ('DEPOSIT', 'CHARGE') then
    insert into public.transactions (id, account_id, amount_cents, status, type, idempotency_key)
      values (o.order_id, o.account_id, abs(o.amount_cents), 'APPROVED', o.type, 'operator:' || o.order_id);
  end if;
  insert into processor.journal (
      account_id, seq, transaction_id, type, outcome, requested_cents, amount_cents, balance_after_cents,
      counter_account, idempotency_key, epoch, road, occurred_at, operator, why, status_after, overdraft_after_cents)
    values (
      o.account_id, apply_order.seq, o.order_id, o.type, 'APPROVED', abs(o.amount_cents), o.amount_cents,
      apply_order.balance_cents, o.counter_account,
      case when o.type in ('DEPOSIT', 'CHARGE') then 'operator:' || o.order_id end,
      o.epoch, 'operator', clock_timestamp(), o.operator, o.why, apply_order.status, apply_order.overdraft_cents);

  insert into processor.accounts as a (account_id, balance_cents, seq, status, overdraft_cents)
    values (o.account_id, apply_order.balance_cents, apply_order.seq, apply_order.status, apply_order.overdraft_cents)
    on conflict (account_id) do update
      set balance_cents = excluded.balance_cents, seq = excluded.seq, status = excluded.status,
          overdraft_cents = excluded.overdraft_cents
      where a.seq = o.expected_seq and a.status = o.expected_status;
  get diagnostics changed_count = row_count;
  if changed_count <> 1 then
    raise exception 'the account changed during the commit' using errcode = '40001';
  end if;

  insert into processor.operator_log (operator, action, subject, why, detail)
    values (o.operator, o.action, o.account_id::text, o.why, jsonb_build_object(
      'orderId', o.order_id, 'seq', apply_order.seq::text, 'amountCents', o.amount_cents::text,
      'balanceCents', apply_order.balance_cents::text, 'statusBefore', status_before, 'status', apply_order.status,
      'overdraftCents', apply_order.overdraft_cents::text, 'shard', o.shard, 'epoch', o.epoch::text,
      'incarnation', o.writer));
  insert into processor.outbox (incarnation, account_ids, card_ids, from_seqs, to_seqs)
    values (o.writer, array[o.account_id], '{}', array[apply_order.seq], array[apply_order.seq])
    returning id into outbox_id;
end $$;

-- Parks commands of accounts that are set aside, each under the epoch of the node that found it so. Gives the places (from 1) of
-- those that were not written, because their shard has another epoch: its next owner may have released the account meanwhile,
-- and would decide newer commands before one that comes in behind its back.
create function processor.park_owned(
  shards int[], epochs bigint[], account_ids uuid[], queues text[], bodies bytea[], reasons text[]
) returns table (fenced_place int) language plpgsql volatile as $$
begin
  -- In shard order, as commits lock them. A statement of its own: the next one must see what a takeover has written.
  perform 1 from processor.shards s where s.shard = any (shards) order by s.shard for no key update;
  return query
    with given as (
      select g.*, s.epoch is not distinct from g.epoch_then as is_ours
        from unnest(shards, epochs, account_ids, queues, bodies, reasons)
             with ordinality as g (shard, epoch_then, account_id, queue, body, reason, place)
        left join processor.shards s on s.shard = g.shard
    ), written as (
      insert into processor.parked (account_id, queue, body, reason)
        select g.account_id, g.queue, g.body, g.reason from given g where g.is_ours order by g.place
    )
    select g.place::int from given g where not g.is_ours;
end $$;

-- Parks commands of a shard that nobody serves. The directory may name an owner that is only frozen, or one has let go that
-- is not done yet: an epoch that anybody has ever held is raised in the same commit, since actors read under it would decide
-- newer commands past these.
create function processor.park_unowned(
  in_shard int, epoch_seen bigint,
  account_ids uuid[], queues text[], bodies bytea[], reasons text[],
  out parked boolean,             -- false = the shard has another epoch by now: it may have an owner
  out epoch bigint                -- that holds now
) language plpgsql volatile as $$
declare
  held_by text;
begin
  select s.epoch, coalesce(s.owner, l.owner) into epoch, held_by from processor.shards s
    left join processor.epoch_log l on l.shard = s.shard and l.epoch = s.epoch
    where s.shard = in_shard for no key update of s;
  if epoch is null then
    raise exception 'there is no shard %', in_shard using errcode = '22023';
  end if;
  parked := epoch = epoch_seen;
  if not parked then return; end if;

  if held_by is not null then
    epoch := epoch + 1;
    update processor.shards s
       set epoch = park_unowned.epoch, owner = null, inbox = null, taken_at = clock_timestamp()
     where s.shard = in_shard;
    insert into processor.epoch_log (shard, epoch, owner) values (in_shard, park_unowned.epoch, null);
  end if;
  insert into processor.parked (account_id, queue, body, reason)
    select g.account_id, g.queue, g.body, g.reason
      from unnest(account_ids, queues, bodies, reasons) with ordinality as g (account_id, queue, body, reason, place)
     order by g.place;
end $$;
