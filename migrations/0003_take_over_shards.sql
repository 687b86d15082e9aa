-- Up Migration

-- Takes shards in the name of `new_owner`: one call, one round trip, one commit, so that a claimant that is paused holds no lock.
-- A shard whose epoch is no longer the one seen was taken by somebody else meanwhile and is left out of the answer.
-- Raises 55P03 when a commit of the present owner holds a shard longer than `lock_timeout_ms`.
create function processor.take_over_shards(
  shards int[], seen bigint[], new_owner text, new_inbox text, lock_timeout_ms int
) returns table (taken_shard int, taken_epoch bigint) language plpgsql as $$
begin
  perform set_config('lock_timeout', lock_timeout_ms || 'ms', true);
  -- In shard order, as commits lock them.
  perform 1 from processor.shards s where s.shard = any (shards) order by s.shard for no key update;
  return query
    with taken as (
      update processor.shards s
         set epoch = s.epoch + 1, owner = new_owner, inbox = new_inbox, taken_at = clock_timestamp()
        from unnest(shards, seen) as g (shard, epoch)
       where s.shard = g.shard and s.epoch = g.epoch
      returning s.shard, s.epoch
    ), logged as (
      insert into processor.epoch_log (shard, epoch, owner) select t.shard, t.epoch, new_owner from taken t
    )
    select t.shard, t.epoch from taken t order by t.shard;
end $$;
