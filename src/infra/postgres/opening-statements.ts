/**
 * The statements of `readHistory` and `openHistory`, one pass over `transactions`. All run in one repeatable-read transaction.
 *
 * Amounts are summed as numeric and checked before they become bigint, so that no sum can overflow unnamed.
 */

/** No snapshot is taken by LOCK: what the one before us committed is seen. It also keeps a starting node from marking the database. */
export const LOCK_CLUSTER = 'lock table processor.cluster in share row exclusive mode';

export const STATE = `
select opened_at as "openedAt", exists (select from processor.journal) as "hasJournal" from processor.cluster`;

/** Its read also holds the table against being rewritten, which would renumber its blocks. */
export const PENDING = `
select count(*)::text as count, round(extract(epoch from min(created_at)) * 1000)::float8 as "oldestCreatedAtMs"
  from public.transactions where status = 'PENDING'`;

export const BLOCKS = `
select (pg_relation_size('public.transactions') / current_setting('block_size')::int)::float8 as blocks`;

export const SCRATCH_TABLES = [
  `create temp table opening_accounts
     (account_id uuid, cents numeric, covered_rows bigint, newest timestamptz) on commit drop`,
  'create temp table opening_originals (original_id uuid, cents numeric) on commit drop',
  'create temp table opening_cards (card_id uuid, account_id uuid, cents numeric) on commit drop',
  'create temp table opening_unclear (transaction_id uuid, account_id uuid, problem text) on commit drop',
];

/** Approved rows of the blocks $1 ≤ block < $2. A refund counts opposite to its original, and for its original's card. */
export const READ_BLOCKS = `
with approved as materialized (
  select t.id, t.account_id, t.created_at, t.amount_cents, t.type,
         case when t.type = 'REFUND' then t.refund_transaction_id end as original_id,
         case when t.type = 'REFUND' then o.card_id else t.card_id end as card_id,
         case when t.type = 'DEPOSIT' then 1
              when t.type in ('PURCHASE', 'CHARGE') then -1
              when t.type <> 'REFUND' then null
              when o.type = 'DEPOSIT' then -1
              when o.type in ('PURCHASE', 'CHARGE') then 1 end as sign,
         case when t.account_id is null then 'account-missing'
              when t.type not in ('DEPOSIT', 'PURCHASE', 'CHARGE', 'REFUND') then 'type-unknown'
              when t.type <> 'REFUND' then null
              when o.id is null then 'refund-without-target'
              when o.type = 'REFUND' then 'refund-of-refund'
              when o.type not in ('DEPOSIT', 'PURCHASE', 'CHARGE') then 'type-unknown' end as problem,
         case when t.type = 'REFUND' then o.type else t.type end in ('PURCHASE', 'CHARGE') as spends
    from public.transactions t
    left join public.transactions o on t.type = 'REFUND' and o.id = t.refund_transaction_id
   where t.ctid >= $1::tid and t.ctid < $2::tid and t.status = 'APPROVED'
), unclear as (
  insert into opening_unclear select id, account_id, problem from approved where problem is not null
), refunds as (
  insert into opening_originals
  select original_id, sum(amount_cents) from approved where type = 'REFUND' and problem is null group by original_id
), cards as (
  insert into opening_cards
  select card_id, min(account_id::text)::uuid, sum(-sign * amount_cents)
    from approved where spends and card_id is not null and problem is null group by card_id
)
insert into opening_accounts
select account_id, sum(sign * amount_cents), count(*), max(created_at)
  from approved where problem is null group by account_id`;

export const ADD_UP = [
  `create temp table opening_sums on commit drop as
     select account_id, sum(cents) as cents, sum(covered_rows) as covered_rows, max(newest) as newest,
            get_byte(uuid_send(account_id), 0) >> 4 as slice
       from opening_accounts group by account_id`,
  `create temp table opening_card_sums on commit drop as
     select p.card_id, coalesce(c.account_id, min(p.account_id::text)::uuid) as account_id, sum(p.cents) as cents
       from opening_cards p join public.cards c on c.id = p.card_id group by p.card_id, c.account_id`,
  `insert into opening_unclear
     select null::uuid, account_id, 'balance-out-of-range' from opening_sums where abs(cents) >= 9007199254740992
     union all
     select null::uuid, account_id, 'card-total-out-of-range' from opening_card_sums where abs(cents) >= 9007199254740992`,
];

export const UNCLEAR_COUNTS = `
select problem, count(*)::text as count from opening_unclear group by problem order by problem`;

export const UNCLEAR_EXAMPLES = `
select transaction_id as "transactionId", account_id as "accountId", problem
  from opening_unclear order by problem, transaction_id, account_id limit $1`;

/** Accounts of one slice ($1: 0 … 15, the first hexadecimal digit of the id). */
export const WRITE_ACCOUNTS = `
insert into processor.accounts as a (account_id, balance_cents, seq)
select account_id, cents::bigint, 1 from opening_sums where slice = $1
on conflict (account_id) do update set balance_cents = excluded.balance_cents, seq = excluded.seq where a.seq = 0`;

export const WRITE_JOURNAL = `
insert into processor.journal
  (account_id, seq, type, outcome, requested_cents, amount_cents, balance_after_cents, counter_account, covered_rows,
   epoch, road, occurred_at)
select account_id, 1, 'OPENING', 'APPROVED', cents::bigint, cents::bigint, cents::bigint, $2, covered_rows::int,
       0, 'operator', newest
  from opening_sums where slice = $1`;

export const WRITE_REFUNDS = `
insert into processor.opening_refunds (original_id, refunded_cents)
select original_id, sum(cents)::bigint from opening_originals group by original_id having sum(cents) > 0`;

export const WRITE_CARD_TOTALS = `
insert into processor.card_totals (card_id, account_id, total_cents, seq)
select card_id, account_id, greatest(cents, 0)::bigint, 1 from opening_card_sums`;

export const SUMMARY = `
select count(*)::text as accounts, coalesce(sum(covered_rows), 0)::text as transactions,
       count(*) filter (where cents < 0)::text as "negativeAccounts"
  from opening_sums`;

/** Of what was read, before it is written. */
export const REFUNDS_READ = `
select count(*)::int as originals, count(*) filter (where r.cents = t.amount_cents)::int as whole
  from (select original_id, sum(cents) as cents from opening_originals group by original_id) r
  join public.transactions t on t.id = r.original_id`;

/** Last of all. */
export const MARK_OPENED = `
update processor.cluster set opened_at = clock_timestamp(), refund_amount = coalesce(refund_amount, $1)`;
