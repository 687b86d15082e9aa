import { exactTime } from './seal-statements.ts';

/** The statements of the seal checks: as those of `audit-statements.ts`, they give (kind, account_id, transaction_id, detail). */

export const SEAL_TOTALS = `
select count(*)::float8 as seals, coalesce(sum(row_count), 0)::float8 as rows, ${exactTime('max(sealed_through)')} as through
  from processor.seals`;

/** Ends of stretches of time with about $1 sealed rows each; all that was sealed at one moment is in one of them. */
export const SEAL_WINDOWS = `
select ${exactTime('max(sealed_through)')} as until
  from (select sealed_through, (sum(row_count) over (order by sealed_through) - 1) / $1::bigint as bucket from processor.seals) w
 group by bucket order by bucket`;

const SEAL = `format('seal %s of shard %s', n, shard)`;

/** Of the shards $1 ≤ shard < $2: each seal is what was written, and hashed with the one before. */
export const SEAL_CHAIN = `
with chain as (
  select shard, n, previous_hash, hash,
         processor.seal_hash(shard, n, sealed_through, account_ids, first_seqs, digests, previous_hash) as made,
         lag(n, 1, 0::bigint) over w as previous_n, lag(hash, 1, ''::bytea) over w as hash_before
    from processor.seals where shard >= $1::int and shard < $2::int
  window w as (partition by shard order by n)
)
select kind, null::uuid as account_id, null::uuid as transaction_id, detail
  from chain cross join lateral (values
    ('seal-gap', n <> previous_n + 1, format('%s follows seal %s', ${SEAL}, previous_n)),
    ('seal-changed', hash <> made, format('%s does not have its own hash', ${SEAL})),
    ('seal-unchained', n = previous_n + 1 and previous_hash <> hash_before, format('%s does not continue the one before', ${SEAL}))
  ) v (kind, broken, detail)
 where broken`;

/**
 * What was decided in $1 < decided_at ≤ $2 against the seals of that time, row by row. A row that is not where its seal has it may have
 * been given another time, and is looked for by its key.
 */
export const SEALED_ROWS = `
with sealed as (
  select s.shard, s.n, e.account_id, e.first_seq + g.i as seq, substring(e.digests from (g.i * 16 + 1)::int for 16) as digest
    from processor.seals s
    cross join lateral unnest(s.account_ids, s.first_seqs, s.digests) as e (account_id, first_seq, digests)
    cross join lateral generate_series(0::bigint, length(e.digests) / 16 - 1) as g (i)
   where s.sealed_through > coalesce($1::timestamptz, '-infinity') and s.sealed_through <= $2::timestamptz
), found as (
  select j.account_id, j.seq, j.transaction_id, j.decided_at, processor.journal_digest(j) as digest
    from processor.journal j
   where j.decided_at > coalesce($1::timestamptz, '-infinity') and j.decided_at <= $2::timestamptz
), differing as (
  select coalesce(s.account_id, f.account_id) as account_id, coalesce(s.seq, f.seq) as seq, s.shard, s.n, f.transaction_id,
         s.digest is null as unsealed, f.digest is null as absent, f.decided_at
    from sealed s full join found f on f.account_id = s.account_id and f.seq = s.seq
   where s.digest is distinct from f.digest
)
select case when d.unsealed then 'row-not-sealed' when d.absent and k.seq is null then 'sealed-row-missing'
            else 'sealed-row-changed' end as kind,
       d.account_id, coalesce(d.transaction_id, k.transaction_id) as transaction_id,
       case when d.unsealed
            then format('seq %s is said to be of %s, and was not there when that was sealed', d.seq, d.decided_at)
            when d.absent and k.seq is null then format('seq %s is in %s and not in the journal', d.seq, ${SEAL})
            else format('seq %s is not what it was in %s', d.seq, ${SEAL}) end as detail
  from differing d
  left join lateral (
    select j.seq, j.transaction_id from processor.journal j where d.absent and j.account_id = d.account_id and j.seq = d.seq) k on true`;

/** One hash for all that is sealed: whoever keeps it elsewhere can show later that nothing was sealed anew. */
export const SEAL_HEAD = `
select encode(sha256(coalesce(string_agg(h.hash, ''::bytea order by h.shard), '')), 'hex') as head
  from (select distinct on (shard) shard, hash from processor.seals order by shard, n desc) h`;

/** The seals after moment $1 (null = from the beginning) and shard $2, $3 of them, in the order in which they were written. */
export const SEAL_HASHES = `
select ${exactTime('sealed_through')} as through, shard, hash
  from processor.seals
 where $1::timestamptz is null or (sealed_through, shard) > ($1::timestamptz, $2::int)
 order by sealed_through, shard limit $3`;
