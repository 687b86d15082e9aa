/** The statements of `PostgresSealStore`. Times travel as text with microseconds; null stands for the beginning of time. */

/** RFC 3339 in UTC, microseconds: what comes back is the same moment. */
export const exactTime = (column: string): string => `processor.event_time(${column})`;

const LAST_SEALED = `(select sealed_through from processor.seals order by sealed_through desc limit 1)`;

/** $1: milliseconds that the horizon lies in the past. The number is a new one, greater than those of all commits under way. */
export const HORIZON = `
select ${exactTime('t.through')} as through, pg_current_xact_id()::text as commit,
       (extract(epoch from t.through - ${LAST_SEALED}) * 1000)::float8 as "aheadMs"
  from (select clock_timestamp() - $1::float8 * interval '1 millisecond' as through) t`;

export const TRY_LOCK = 'select pg_try_advisory_xact_lock($1::bigint) as locked';

/** $1: number of a horizon. All commits with a lower one have ended, and what they wrote is visible. */
export const COMMITS_ENDED = `select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 as ended`;

/**
 * Where the last seal ended, and from when on there are rows: the first block of the journal has the oldest, since rows are
 * only ever added.
 */
export const SEALED_UNTIL = `
select ${exactTime('sealed')} as until,
       ${exactTime(`coalesce(sealed, (select min(decided_at) from processor.journal where ctid < '(1,0)'))`)} as "rowsFrom"
  from (select ${LAST_SEALED} as sealed) s`;

/**
 * The end of the next slice: $1 < decided_at ≤ end, $2 = from when on there are rows, $3 = span in milliseconds, $4 = horizon, $5 = rows at most
 * (rows of one microsecond stay together). `cut`: there were more rows in the span.
 */
export const SLICE_END = `
select ${exactTime('coalesce(nth.decided_at, b.until)')} as until, nth.decided_at is not null as cut, b.until = $4::timestamptz as last,
       (extract(epoch from coalesce(nth.decided_at, b.until) - $2::timestamptz) * 1000)::float8 as "spanMs"
  from (select least($2::timestamptz + $3::float8 * interval '1 millisecond', $4::timestamptz) as until) b
  left join lateral (
    select decided_at from processor.journal j
     where j.decided_at > coalesce($1::timestamptz, '-infinity') and j.decided_at <= b.until
     order by decided_at offset $5::int - 1 limit 1) nth on true`;

const IN_SLICE = `j.decided_at > coalesce($1::timestamptz, '-infinity') and j.decided_at <= $2::timestamptz`;

export const SLICE_ACCOUNTS = `
select distinct j.account_id as "accountId" from processor.journal j where ${IN_SLICE}`;

/** $3, $4: the accounts of the slice and their shards. One without shard makes it fail. */
export const WRITE_SEALS = `
with placed as (
  select * from unnest($3::uuid[], $4::int[]) as p (account_id, shard)
), decided as (
  select p.shard, j.account_id, j.seq, processor.journal_digest(j) as digest,
         j.seq - row_number() over (partition by j.account_id order by j.seq) as run
    from processor.journal j left join placed p on p.account_id = j.account_id
   where ${IN_SLICE}
), runs as (
  select shard, account_id, min(seq) as first_seq, count(*) as row_count, string_agg(digest, '' order by seq) as digests
    from decided group by shard, account_id, run
), contents as (
  select shard, sum(row_count)::int as row_count,
         array_agg(account_id order by account_id, first_seq) as account_ids,
         array_agg(first_seq order by account_id, first_seq) as first_seqs,
         array_agg(digests order by account_id, first_seq) as digests
    from runs group by shard
), chained as (
  select c.*, coalesce(last.n, 0) + 1 as n, coalesce(last.hash, '') as previous_hash
    from contents c
    left join lateral (
      select s.n, s.hash from processor.seals s where s.shard = c.shard order by s.n desc limit 1) last on true
), written as (
  insert into processor.seals (shard, n, sealed_through, row_count, account_ids, first_seqs, digests, previous_hash, hash)
  select shard, n, $2::timestamptz, row_count, account_ids, first_seqs, digests, previous_hash,
         processor.seal_hash(shard, n, $2::timestamptz, account_ids, first_seqs, digests, previous_hash)
    from chained
  returning row_count
)
select coalesce(sum(row_count), 0)::int as rows from written`;
