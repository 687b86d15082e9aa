-- Up Migration

-- Times as text have one form, and it stands in one place: `processor.event_time`.
create or replace function processor.as_pending(t public.transactions) returns processor.pending_row language sql stable as $$
  select row(
    t.id, t.account_id, t.card_id, t.amount_cents::text, t.type, t.idempotency_key, t.refund_transaction_id,
    processor.event_time(t.created_at))::processor.pending_row
$$;
