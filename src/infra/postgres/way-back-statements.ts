/** The statements of `readWayBack`. */

/** Per account the effect of what the old processor counts as 0: approved charges, and refunds of charges. */
export const SELECT_ADJUSTMENTS = `
select t.account_id as "accountId", coalesce(min(a.balance_cents), 0)::text as "balanceCents",
       sum(case t.type when 'CHARGE' then -t.amount_cents else t.amount_cents end)::text as "uncountedCents"
  from public.transactions t
  left join public.transactions o on t.type = 'REFUND' and o.id = t.refund_transaction_id
  left join processor.accounts a on a.account_id = t.account_id
 where t.status = 'APPROVED' and (t.type = 'CHARGE' or (t.type = 'REFUND' and o.type = 'CHARGE'))
 group by t.account_id
having sum(case t.type when 'CHARGE' then -t.amount_cents else t.amount_cents end) <> 0
 order by t.account_id`;

export const READ_COSTS = `
select (select count(*)::int from processor.retries) as retries,
       (select count(*)::int from processor.parked) as parked,
       (select count(*)::int from processor.dead_letters where state = 'open') as "deadLetters",
       (select count(*)::int from processor.outbox) as outbox,
       (select count(*)::int from public.transactions where status = 'PENDING') as pending,
       (select count(*)::int from (
          select from public.transactions r join public.transactions o on o.id = r.refund_transaction_id
           where r.type = 'REFUND' and r.status = 'APPROVED'
           group by o.id having sum(r.amount_cents) < min(o.amount_cents)) partly) as "partlyRefunded",
       count(*) filter (where status = 'frozen')::int as frozen,
       count(*) filter (where status = 'closed')::int as closed,
       count(*) filter (where status = 'quarantined')::int as quarantined,
       count(*) filter (where overdraft_cents > 0)::int as overdrafts
  from processor.accounts`;
