-- Up Migration

-- Rule sets, every one that ever was in force; the newest is. Document null: none is.
create table processor.rules (
  version int primary key,
  hash text,                                 -- SHA-256 of the document in canonical form
  document jsonb,
  applied_at timestamptz not null default clock_timestamp(),
  applied_by text not null,
  why text not null,
  check ((document is null) = (hash is null))
);
create trigger rules_append_only before update or delete on processor.rules
  for each row execute function processor.refuse_change();
create trigger rules_no_truncate before truncate on processor.rules
  for each statement execute function processor.refuse_change();

-- Puts a rule set in force, or none (null). What is in force already stays as it is: changed is false, and the version is its own.
-- Version 0: there never was one.
create function processor.apply_rules(
  new_hash text, new_document jsonb, operator_name text, reason text,
  out changed boolean, out version int
) language plpgsql as $$
declare
  present processor.rules;
begin
  lock table processor.rules in share row exclusive mode;
  select r.* into present from processor.rules r order by r.version desc limit 1;
  version := coalesce(present.version, 0);
  changed := present.hash is distinct from new_hash;
  if not changed then return; end if;
  version := version + 1;
  insert into processor.rules (version, hash, document, applied_by, why)
    values (apply_rules.version, new_hash, new_document, operator_name, reason);
  insert into processor.operator_log (operator, action, subject, why, detail)
    values (operator_name, case when new_document is null then 'rules-off' else 'rules-apply' end, 'rules', reason,
            jsonb_build_object('version', apply_rules.version, 'hash', new_hash, 'before', present.version));
end $$;

-- What rules want to know of accounts' pasts: `RecentDecisions` H1 in src/domain/rules/history.ts, newest first. Walks back from the
-- journal row with the seq given. Event times never go down along the seq, so the first row that is too old is the end.
create function processor.read_histories(
  ids uuid[], seqs bigint[], window_ms bigint, with_rejected boolean, kept_max int, walked_max int)
returns table (id uuid, seq bigint, at_ms bigint, type text, outcome text, requested_cents bigint, is_credit boolean, card_id uuid)
language plpgsql stable
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_sort = off
  set jit = off
as $$
declare
  entry record;
  after_ms bigint;
  after_seq bigint;
  approved_left int;
  rejected_left int;
begin
  for place in 1 .. cardinality(ids) loop
    after_ms := null;
    approved_left := kept_max;
    rejected_left := case when with_rejected then kept_max else 0 end;
    for entry in
      select j.seq, floor(extract(epoch from j.occurred_at) * 1000)::bigint as at_ms, j.type, j.outcome,
             j.requested_cents, j.amount_cents, j.card_id
      from processor.journal j
      where j.account_id = ids[place] and j.seq <= seqs[place] and j.operator is null and j.type <> 'OPENING'
      order by j.seq desc
    loop
      if after_ms is null then
        after_ms := entry.at_ms - window_ms;
        after_seq := entry.seq - walked_max;
      end if;
      exit when entry.at_ms <= after_ms or entry.seq <= after_seq or approved_left + rejected_left = 0;
      if entry.outcome = 'APPROVED' then
        continue when approved_left = 0;
        approved_left := approved_left - 1;
      else
        continue when rejected_left = 0;
        rejected_left := rejected_left - 1;
      end if;
      id := ids[place];
      seq := entry.seq;
      at_ms := entry.at_ms;
      type := entry.type;
      outcome := entry.outcome;
      requested_cents := entry.requested_cents;
      is_credit := entry.amount_cents > 0;
      card_id := entry.card_id;
      return next;
    end loop;
  end loop;
end $$;
