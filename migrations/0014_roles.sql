-- Up Migration

-- Whoever applies rules may append to them, and nothing else: a table lock asks for the right to update, which the run-time role
-- lacks. As its owner the function needs no such right.
alter function processor.apply_rules(text, jsonb, text, text) security definer set search_path = pg_catalog, processor, pg_temp;
revoke execute on function processor.apply_rules(text, jsonb, text, text) from public;
