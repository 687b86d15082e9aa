-- Up Migration

-- What actors read, for many ids at once. Functions, so that their plans are fixed like those of the commit (0002):
-- a prepared statement that was planned while a table was nearly empty would scan it until it is analysed.

-- An account that nobody has decided anything for has no row of ours: it is active and empty. What is parked is looked for
-- by a scalar subquery, since `exists` may become one scan of the whole table. The last event time (milliseconds; null = none) is that
-- of the last transaction: what operators order and the opening row are no events.
create function processor.read_accounts(ids uuid[])
returns table (id uuid, balance_cents bigint, seq bigint, status text, overdraft_cents bigint, has_parked boolean,
  last_event_ms bigint)
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_nestloop = off
  set enable_mergejoin = off
  set jit = off
as $$
begin
  return query
    select a.id, coalesce(p.balance_cents, 0), coalesce(p.seq, 0), coalesce(p.status, 'active'),
           coalesce(p.overdraft_cents, 0),
           (select k.n from processor.parked k where k.account_id = a.id order by k.n limit 1) is not null,
           (select floor(extract(epoch from j.occurred_at) * 1000)::bigint from processor.journal j
            where j.account_id = a.id and j.operator is null and j.type <> 'OPENING' order by j.seq desc limit 1)
    from public.accounts a
    left join processor.accounts p on p.account_id = a.id and p.account_id = any (ids)
    where a.id = any (ids);
end $$;

create function processor.read_card_owners(ids uuid[]) returns table (id uuid, account_id uuid)
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
begin
  return query select c.id, c.account_id from public.cards c where c.id = any (ids);
end $$;

-- What is known of the originals of refunds: the decision, else the row. An approved original is worth what it moved;
-- refunds of it are those of the journal and those from before the first start.
create function processor.read_originals(ids uuid[])
returns table (
  id uuid, status text, account_id uuid, type text, amount_cents bigint, card_id uuid, refunded_cents numeric,
  has_row boolean)
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_nestloop = off
  set enable_mergejoin = off
  set jit = off
as $$
begin
  return query
    select w.id,
           coalesce(j.outcome, t.status),
           coalesce(j.account_id, t.account_id),
           coalesce(j.type, t.type),
           coalesce(nullif(abs(j.amount_cents), 0), j.requested_cents, t.amount_cents),
           case when j.transaction_id is null then t.card_id else j.card_id end,
           coalesce((select sum(abs(b.amount_cents)) from processor.journal b
                     where b.original_id = w.id and b.outcome = 'APPROVED'), 0)
             + coalesce((select o.refunded_cents from processor.opening_refunds o where o.original_id = w.id), 0),
           t.id is not null
    from unnest(ids) w (id)
    left join processor.journal j on j.transaction_id = w.id and j.transaction_id = any (ids)
    left join public.transactions t on t.id = w.id and t.id = any (ids)
    where j.transaction_id is not null or t.id is not null;
end $$;

-- What is on record of transactions: the decision, else the row.
create function processor.read_stored(ids uuid[]) returns table (id uuid, stored jsonb)
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
begin
  return query
    select w.id, s.stored
    from unnest(ids) w (id)
    cross join lateral (select processor.stored_transaction('decided', w.id, null) as stored offset 0) s
    where s.stored is not null;
end $$;

create function processor.read_card_totals(ids uuid[]) returns table (id uuid, total_cents bigint, seq bigint)
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
begin
  return query select c.card_id, c.total_cents, c.seq from processor.card_totals c where c.card_id = any (ids);
end $$;

-- For the forced recalculation of a balance. Accounts without a journal are left out.
create function processor.read_journal_sums(ids uuid[]) returns table (id uuid, cents numeric)
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
begin
  return query
    select j.account_id, sum(j.amount_cents) from processor.journal j where j.account_id = any (ids) group by j.account_id;
end $$;
