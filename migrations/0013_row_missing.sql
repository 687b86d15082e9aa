-- Up Migration

-- A letter that says a row is missing is no answer for a row that has come since: it is driven as any other. Not so where the row
-- is a refund's and does not say of what: only the letter's message does, and its replay is what mends it.
create or replace function processor.is_cared_for(transaction_id uuid, account_id uuid) returns boolean
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
begin
  return (select r.transaction_id from processor.retries r where r.transaction_id = is_cared_for.transaction_id) is not null
    or (select k.n from processor.parked k where k.account_id = is_cared_for.account_id order by k.n limit 1) is not null
    or (select l.id from processor.dead_letters l
         where l.transaction_id = is_cared_for.transaction_id
           and (l.state = 'open' and l.code not in ('PAYLOAD_MISMATCH', 'ROW_MISSING')
             or l.state = 'open' and l.code = 'ROW_MISSING' and (
                  select t.type = 'REFUND' and t.refund_transaction_id is null
                    from public.transactions t where t.id = is_cared_for.transaction_id)
             or l.state = 'discarded' and l.code = 'REFUND_TARGET_UNKNOWN')
         limit 1) is not null;
end $$;
