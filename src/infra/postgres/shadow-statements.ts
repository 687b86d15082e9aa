/**
 * The statements of `ShadowReader`, all on one snapshot per look. `transactions` has no index on account, status or time, so most of
 * them read the whole table.
 *
 * The number of the commit that wrote a row (`xmin`) tells what came since the last look, and in which order.
 */

/** `x.xid`: the row's commit number with its epoch. What a row of an ended epoch shows wraps around to the past. */
const COMMIT_NUMBER = `
  cross join (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax) s
  cross join lateral (select (s.xmax >> 32 << 32) | t.xmin::text::bigint as xid) g
  cross join lateral (
    select greatest(case when g.xid >= s.xmax then g.xid - 4294967296 else g.xid end, 3) as xid) x`;

/**
 * `$1`: the snapshot of the last look; `$2`: its xmin without the epoch; `$3`, `$4`: from which number on looks have remembered what they
 * saw, and those numbers. The first test is the cheap one.
 *
 * A snapshot does not tell the numbers of savepoints, and takes those of an open commit for completed ones. So of what was under way
 * at the last look only those are completed that it has seen.
 */
const IS_NEW = `age(t.xmin) <= (select age($2::text::xid))
   and (not pg_visible_in_snapshot(x.xid::text::xid8, $1::pg_snapshot)
        or x.xid >= $3::bigint and (x.xid = any ($4::bigint[])) is not true)`;

/** `$5` to `$7`: the place of the page's first row. */
const IS_BEFORE = `(not (${IS_NEW}) or (x.xid, t.created_at, t.id) < ($5::bigint, $6::timestamptz, $7::uuid))`;

export const READ_START = `
select pg_is_in_recovery() as "isStandby", pg_current_snapshot()::text as snapshot,
       (extract(epoch from clock_timestamp()) * 1000)::float8 as "atMs", current_database() as database,
       to_regclass('public.transactions') is not null as "isThere"`;

/** The newest `$1`. */
export const READ_PENDING = `
select id, amount_cents::text as "cents" from public.transactions where status = 'PENDING' order by created_at desc limit $1`;

export const READ_SNAPSHOT = 'select pg_current_snapshot()::text as snapshot';

/** Commits that a look sees although others with lower numbers were under way; `$1`: the snapshot's xmin without the epoch. */
export const READ_SEEN = `
select distinct x.xid::text as xid from public.transactions t ${COMMIT_NUMBER}
 where age(t.xmin) <= (select age($1::text::xid))`;

export const SELECT_CHANGED = `
select t.id, t.account_id as "accountId", t.card_id as "cardId", t.amount_cents::text as "amountCents", t.type, t.status,
       t.idempotency_key as "idempotencyKey", t.refund_transaction_id as "originalId",
       to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAt", x.xid::text as xid
  from public.transactions t ${COMMIT_NUMBER}
 where ${IS_NEW}
 order by x.xid, t.created_at, t.id`;

/** Contract section 5, over what was approved before the page, of the accounts `$8`. */
export const READ_STANDING = `
select t.account_id as "accountId", sum(e.cents)::text as "balanceCents",
       coalesce(sum(e.cents) filter (where 'CHARGE' in (t.type, o.type)), 0)::text as "chargesCents",
       bool_or(t.type = 'REFUND') as "hasRefunds"
  from public.transactions t
  left join public.transactions o on t.type = 'REFUND' and o.id = t.refund_transaction_id ${COMMIT_NUMBER}
 cross join lateral (select case
     when t.type = 'DEPOSIT' then t.amount_cents
     when t.type in ('PURCHASE', 'CHARGE') then -t.amount_cents
     when t.type = 'REFUND' and o.type = 'DEPOSIT' then -t.amount_cents
     when t.type = 'REFUND' and o.type in ('PURCHASE', 'CHARGE') then t.amount_cents
     else 0 end as cents) e
 where t.status = 'APPROVED' and t.account_id = any ($8::uuid[]) and ${IS_BEFORE}
 group by t.account_id`;

/** Refunded so far, of the originals `$8`. */
export const READ_REFUNDED = `
select t.refund_transaction_id as id, sum(t.amount_cents)::text as cents
  from public.transactions t ${COMMIT_NUMBER}
 where t.type = 'REFUND' and t.status = 'APPROVED' and t.refund_transaction_id = any ($8::uuid[]) and ${IS_BEFORE}
 group by t.refund_transaction_id`;

export const READ_ORIGINAL_ROWS = `
select id, account_id as "accountId", card_id as "cardId", amount_cents::text as "amountCents", type, status,
       idempotency_key as "idempotencyKey", refund_transaction_id as "originalId", '' as "createdAt"
  from public.transactions where id = any ($1::uuid[])`;

export const READ_CARDS =
  'select id, account_id as "accountId" from public.cards where id = any ($1::uuid[])';
