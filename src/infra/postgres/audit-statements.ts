/**
 * The statements of `auditLedger`: each finds one family of violations and gives (kind, account_id, transaction_id, detail).
 *
 * They add everything up again from the rows themselves and share no code with what wrote them, so that a mistake
 * there cannot hide itself here. Sums are numeric: they cannot overflow unnamed.
 */

/** Types of the rows that an operator ordered and that move no money: no transaction stands behind them. */
const ORDERS = `('FREEZE', 'UNFREEZE', 'CLOSE', 'OVERDRAFT', 'RELEASE')`;

/** First ids of all ranges but the first; $1 ids to a range. */
const rangeStarts = (table: string, column: string): string => `
select id from (select ${column} as id, row_number() over (order by ${column}) as n from ${table}) a
 where n % $1 = 0 order by id`;

export const ACCOUNT_RANGE_STARTS = rangeStarts('processor.accounts', 'account_id');
export const CARD_RANGE_STARTS = rangeStarts('processor.card_totals', 'card_id');

const IN_RANGE = `>= $1::uuid and ($2::uuid is null or account_id < $2)`;

/** Of a row of `chain`. */
const OVERDRAFT_THEN = `coalesce(
  (select o.overdraft_after_cents from processor.journal o
    where o.account_id = chain.account_id and o.seq <= chain.seq and o.operator is not null order by o.seq desc limit 1),
  (select 0 from processor.journal o where o.account_id = chain.account_id and o.operator is not null limit 1),
  chain.overdraft_cents)`;

/**
 * Row by row along each account's seq. An opening may be negative: the old processor let balances become so. The overdraft of
 * a row is what the last order at or before it left, none before the first; without any order, the account's.
 */
export const JOURNAL_CHAIN = `
with chain as (
  select account_id, transaction_id, seq, type, outcome, amount_cents, requested_cents, balance_after_cents, epoch,
         coalesce(overdraft_cents, 0) as overdraft_cents,
         lag(seq, 1, 0::bigint) over w as previous_seq,
         lag(balance_after_cents, 1, 0::bigint) over w as balance_before_cents,
         lag(epoch, 1, 0::bigint) over w as previous_epoch
    from (select * from processor.journal where account_id ${IN_RANGE}) j
    left join (select account_id, overdraft_cents from processor.accounts where account_id ${IN_RANGE}) a
         using (account_id)
  window w as (partition by account_id order by seq)
), tested as (
  select *,
         seq <> previous_seq + 1 as gap,
         balance_after_cents <> balance_before_cents::numeric + amount_cents as step,
         amount_cents < 0 and type <> 'OPENING' and balance_after_cents < 0
           and balance_after_cents < -${OVERDRAFT_THEN} as below,
         outcome = 'APPROVED' and type <> 'OPENING' and abs(amount_cents) <> requested_cents as unequal,
         epoch < previous_epoch as fell
    from chain
)
select kind, account_id, transaction_id, detail
  from tested chain cross join lateral (values
    ('seq-gap', gap, format('seq %s follows %s', seq, previous_seq)),
    ('balance-step', step,
      format('seq %s: %s with %s makes %s', seq, balance_before_cents, amount_cents, balance_after_cents)),
    ('below-overdraft', below,
      format('seq %s leaves %s, overdraft then %s', seq, balance_after_cents, ${OVERDRAFT_THEN})),
    ('amount-not-requested', unequal, format('seq %s: %s of %s asked', seq, amount_cents, requested_cents)),
    ('epoch-fell', fell, format('seq %s: epoch %s after %s', seq, epoch, previous_epoch))
  ) v (kind, broken, detail)
 where (gap or step or below or unequal or fell) and broken`;

export const ACCOUNT_ROWS = `
with entries as (
  select account_id, sum(amount_cents) as cents, max(seq) as seq, max(seq) filter (where operator is not null) as order_seq
    from processor.journal where account_id ${IN_RANGE} group by account_id
), compared as (
  select coalesce(e.account_id, a.account_id) as account_id, l.transaction_id, a.balance_cents, a.seq, coalesce(e.cents, 0) as journal_cents,
         coalesce(e.seq, 0) as journal_seq, coalesce(l.balance_after_cents, 0) as last_cents,
         a.overdraft_cents, a.status, r.overdraft_after_cents, r.status_after,
         a.overdraft_cents <> r.overdraft_after_cents
           or a.status <> r.status_after and a.status <> 'quarantined' as not_as_ordered
    from entries e
    full join (select * from processor.accounts where account_id ${IN_RANGE}) a using (account_id)
    left join processor.journal l on l.account_id = e.account_id and l.seq = e.seq
    left join processor.journal r on r.account_id = e.account_id and r.seq = e.order_seq
)
select kind, account_id, transaction_id, detail
  from compared cross join lateral (values
    ('account-row-missing', balance_cents is null, format('%s journal rows, no row in processor.accounts', journal_seq)),
    ('balance-not-journal', balance_cents <> journal_cents,
      format('balance %s, journal adds up to %s', balance_cents, journal_cents)),
    ('balance-not-last', balance_cents <> last_cents,
      format('balance %s, last journal row says %s', balance_cents, last_cents)),
    ('seq-not-last', seq <> journal_seq, format('seq %s, last journal row is %s', seq, journal_seq)),
    ('account-not-as-ordered', not_as_ordered,
      format('%s with overdraft %s, the last order left %s with %s', status, overdraft_cents, status_after, overdraft_after_cents))
  ) v (kind, broken, detail)
 where (balance_cents is null or balance_cents <> journal_cents or balance_cents <> last_cents or seq <> journal_seq
    or not_as_ordered)
   and broken`;

/** What the program itself compares: with the epoch of the shard (a hash that SQL does not know) and with the cache. */
export const LEDGER_ACCOUNTS = `
select a.account_id as id, a.balance_cents::text as cents, coalesce(l.epoch, 0)::text as epoch,
       coalesce(l.type <> 'OPENING', false) as touched
  from processor.accounts a
  left join processor.journal l on l.account_id = a.account_id and l.seq = a.seq
 where a.account_id >= $1::uuid and ($2::uuid is null or a.account_id < $2)`;

export const LEDGER_CARDS = `
select c.card_id as id, c.account_id as "accountId", c.total_cents::text as cents,
       c.seq > 1 or o.type is null as touched
  from processor.card_totals c
  left join processor.journal o on o.account_id = c.account_id and o.seq = 1 and o.type = 'OPENING'
 where c.card_id >= $1::uuid and ($2::uuid is null or c.card_id < $2)`;

export const SHARD_EPOCHS = `select shard, epoch::text as epoch from processor.shards`;

/**
 * Every decision has its row and every decided row its decision. Rows from before the opening have none: approved ones
 * are what the account's opening stands for (see `ACCOUNT_SUMS`), rejected ones moved nothing. Orders have none, but for
 * adjustments.
 */
export const TRANSACTION_ROWS = `
with opened as (
  select coalesce(opened_at, 'infinity') as opened_at from processor.cluster
), openings as (
  select account_id from processor.journal where seq = 1 and type = 'OPENING'
), compared as (
  select coalesce(j.account_id, t.account_id) as account_id, coalesce(j.transaction_id, t.id) as transaction_id,
         t.id as row_id, t.status, j.outcome, t.created_at >= opened_at or o.account_id is null as foreign_approval,
         t.created_at >= opened_at as after_opening,
         concat_ws(', ',
           case when t.account_id is distinct from j.account_id then 'account' end,
           case when t.type <> j.type then 'type' end,
           case when t.amount_cents <> j.requested_cents
                then format('amount (%s, journal %s)', t.amount_cents, j.requested_cents) end,
           case when t.card_id <> j.card_id or (t.card_id is null) <> (j.card_id is null) and not card_may_be_unknown
                then 'card' end,
           case when t.refund_transaction_id <> j.original_id
                  or (t.refund_transaction_id is null) <> (j.original_id is null) and j.outcome = 'APPROVED'
                then 'original' end,
           case when t.idempotency_key is distinct from j.idempotency_key then 'key' end) as differing
    from public.transactions t
    full join (
      select *, outcome = 'REJECTED' or type not in ('PURCHASE', 'CHARGE') as card_may_be_unknown
        from processor.journal where transaction_id is not null and type not in ${ORDERS}
    ) j on j.transaction_id = t.id
    left join openings o on j.transaction_id is null and o.account_id = t.account_id
    cross join opened
   where t.id is null
      or j.transaction_id is null and t.status in ('APPROVED', 'REJECTED')
      or j.transaction_id is not null and (
           t.status <> j.outcome
        or t.account_id is distinct from j.account_id
        or t.type <> j.type
        or t.amount_cents <> j.requested_cents
        or t.card_id is distinct from j.card_id
        or t.refund_transaction_id is distinct from j.original_id
        or t.idempotency_key is distinct from j.idempotency_key)
)
select kind, account_id, transaction_id, detail
  from compared cross join lateral (values
    ('transaction-row-missing', row_id is null, format('journal says %s, there is no transactions row', outcome)),
    ('status-not-journal', row_id is not null and status <> outcome, format('row says %s, journal %s', status, outcome)),
    ('row-not-journal', row_id is not null and outcome is not null and differing <> '', format('differ in %s', differing)),
    ('decided-elsewhere',
      outcome is null and (status = 'APPROVED' and foreign_approval or status = 'REJECTED' and after_opening),
      format('row says %s, the journal knows nothing of it', status))
  ) v (kind, broken, detail)
 where broken`;

/**
 * The contract's formula over `transactions` alone, against the balance; and what of it has no journal row, against the
 * opening that stands for it.
 */
export const ACCOUNT_SUMS = `
with approved as (
  select t.account_id, j.transaction_id is null as inherited,
         case when t.type = 'DEPOSIT' then t.amount_cents
              when t.type in ('PURCHASE', 'CHARGE') then -t.amount_cents
              when t.type = 'REFUND' and o.type = 'DEPOSIT' then -t.amount_cents
              when t.type = 'REFUND' and o.type in ('PURCHASE', 'CHARGE') then t.amount_cents end as effect
    from public.transactions t
    left join public.transactions o on o.id = t.refund_transaction_id
    left join processor.journal j on j.transaction_id = t.id
   where t.status = 'APPROVED'
), sums as (
  select account_id, coalesce(sum(effect), 0) as cents, count(*) - count(effect) as unclear,
         count(*) filter (where inherited) as inherited_rows,
         coalesce(sum(effect) filter (where inherited), 0) as inherited_cents
    from approved group by account_id
), compared as (
  select account_id, coalesce(a.balance_cents, 0) as balance_cents, coalesce(s.cents, 0) as cents,
         coalesce(s.unclear, 0) as unclear, coalesce(s.inherited_rows, 0) as inherited_rows,
         coalesce(s.inherited_cents, 0) as inherited_cents, coalesce(o.covered_rows, 0) as covered_rows,
         coalesce(o.amount_cents, 0) as covered_cents
    from sums s full join processor.accounts a using (account_id)
    left join (select account_id, covered_rows, amount_cents from processor.journal
                where seq = 1 and type = 'OPENING') o using (account_id)
)
select kind, account_id, null::uuid as transaction_id, detail
  from compared cross join lateral (values
    ('balance-not-formula', balance_cents <> cents,
      format('balance %s, approved transactions add up to %s', balance_cents, cents)),
    ('effect-unclear', unclear > 0,
      format('%s approved transactions of unknown type or refunding nothing known', unclear)),
    ('opening-not-covered', inherited_rows <> covered_rows or inherited_cents <> covered_cents,
      format('%s approved rows without journal row make %s, the opening covers %s with %s',
             inherited_rows, inherited_cents, covered_rows, covered_cents))
  ) v (kind, broken, detail)
 where (balance_cents <> cents or unclear > 0 or inherited_rows <> covered_rows or inherited_cents <> covered_cents)
   and broken`;

/** Of originals that we refunded ourselves: what the old processor refunded too often is not a decision of ours. */
export const REFUNDS = `
with refunds as (
  select original_id, account_id, sum(abs(amount_cents)) as cents, min(transaction_id::text)::uuid as transaction_id
    from processor.journal where original_id is not null and outcome = 'APPROVED' group by original_id, account_id
), compared as (
  select r.account_id, r.transaction_id, r.original_id, r.cents + coalesce(h.refunded_cents, 0) as cents,
         o.amount_cents, coalesce(o.status = 'APPROVED' and o.type <> 'REFUND' and o.account_id = r.account_id, false) as fit
    from refunds r
    left join processor.opening_refunds h using (original_id)
    left join public.transactions o on o.id = r.original_id
)
select kind, account_id, transaction_id, detail
  from compared cross join lateral (values
    ('refunds-exceed-original', cents > amount_cents, format('%s of %s refunded (original %s)', cents, amount_cents, original_id)),
    ('refund-of-unfit-original', not fit, format('original %s may not be refunded by this account', original_id))
  ) v (kind, broken, detail)
 where broken`;

/** The contract's formula of a card's total over `transactions` alone. */
export const CARD_TOTALS = `
with movements as (
  select card_id, amount_cents as cents
    from public.transactions where status = 'APPROVED' and type in ('PURCHASE', 'CHARGE') and card_id is not null
  union all
  select o.card_id, -t.amount_cents
    from public.transactions t join public.transactions o on o.id = t.refund_transaction_id
   where t.status = 'APPROVED' and t.type = 'REFUND' and o.type in ('PURCHASE', 'CHARGE') and o.card_id is not null
), sums as (
  select card_id, greatest(sum(cents), 0) as cents from movements group by card_id
)
select 'card-total-not-formula' as kind, coalesce(c.account_id, k.account_id) as account_id, null::uuid as transaction_id,
       format('card %s: total %s, approved transactions add up to %s', card_id, coalesce(c.total_cents, 0), coalesce(s.cents, 0)) as detail
  from sums s full join processor.card_totals c using (card_id)
  left join public.cards k on k.id = card_id
 where coalesce(c.total_cents, 0) <> coalesce(s.cents, 0)`;

/** Pending rows that nobody has put anywhere: their message was not processed. */
export const PENDING_UNTOUCHED = `
select 'pending-untouched' as kind, t.account_id, t.id as transaction_id, format('PENDING since %s', t.created_at) as detail
  from public.transactions t
 where t.status = 'PENDING'
   and not exists (select from processor.retries r where r.transaction_id = t.id)
   and not exists (select from processor.parked p where p.account_id = t.account_id)
   and not exists (select from processor.dead_letters d where d.transaction_id = t.id and d.state = 'open')`;

export const OUTBOX_LEFT = `
select 'outbox-left' as kind, account_ids[1] as account_id, null::uuid as transaction_id,
       format('row %s of incarnation %s, since %s', id, incarnation, created_at) as detail
  from processor.outbox`;

export const DECISION_COUNTS = `
select outcome, reason, count(*)::float8 as count
  from processor.journal where type <> 'OPENING' and type not in ${ORDERS} group by outcome, reason`;

export const OTHER_COUNTS = `
select (select count(*) from processor.accounts)::float8 as accounts,
       (select count(*) from processor.journal where type = 'OPENING')::float8 as openings,
       (select count(*) from processor.journal where type in ${ORDERS})::float8 as orders,
       (select count(*) from public.transactions)::float8 as transactions,
       (select count(*) from public.transactions where status = 'PENDING')::float8 as pending,
       (select count(*) from public.transactions where status = 'ERROR')::float8 as errors,
       (select count(*) from processor.retries)::float8 as retries,
       (select count(*) from processor.parked)::float8 as parked,
       (select count(*) from processor.dead_letters where state = 'open')::float8 as "deadLetters",
       (select count(*) from processor.outbox)::float8 as outbox`;

/** Of each kind the exact number of violations and the first of them; `limit` = parameter that says how many. */
export function counted(findings: string, limit: '$1' | '$3'): string {
  return `
select kind, max(total)::float8 as count,
       json_agg(json_build_object('accountId', account_id, 'transactionId', transaction_id, 'detail', detail) order by n) as samples
  from (select f.*, count(*) over (partition by kind) as total,
               row_number() over (partition by kind order by account_id, transaction_id) as n
          from (${findings}) f) numbered
 where n <= ${limit} group by kind`;
}
