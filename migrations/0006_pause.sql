-- Up Migration

-- Intake paused by an operator: nodes read it with the directory. All three or none.
alter table processor.cluster
  add column paused_at timestamptz,
  add column paused_by text,
  add column paused_why text,
  add constraint pause_is_whole check (num_nulls(paused_at, paused_by, paused_why) in (0, 3));

-- Whether it was this call that paused, and the pause that holds now: the first one stands.
create function processor.pause_intake(operator_name text, reason text)
returns table (changed boolean, since timestamptz, operator text, why text) language plpgsql as $$
begin
  update processor.cluster c
     set paused_at = clock_timestamp(), paused_by = operator_name, paused_why = reason
   where c.paused_at is null;
  changed := found;
  if changed then
    insert into processor.operator_log (operator, action, subject, why)
    values (operator_name, 'pause', 'intake', reason);
  end if;
  return query select changed, c.paused_at, c.paused_by, c.paused_why from processor.cluster c;
end $$;

-- The pause that was ended; no row: there was none.
create function processor.resume_intake(operator_name text, reason text)
returns table (since timestamptz, operator text, why text) language plpgsql as $$
begin
  select c.paused_at, c.paused_by, c.paused_why into since, operator, why
    from processor.cluster c for update;
  if since is null then
    return;
  end if;
  update processor.cluster set paused_at = null, paused_by = null, paused_why = null;
  insert into processor.operator_log (operator, action, subject, why, detail)
  values (operator_name, 'resume', 'intake', reason,
          jsonb_build_object('since', since, 'pausedBy', operator, 'pausedWhy', why));
  return next;
end $$;
