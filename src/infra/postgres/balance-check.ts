import type pg from 'pg';
import { LIMITS } from '../../limits.ts';

export interface BalanceCheck {
  readonly checked: number;
  /** Accounts whose balance or seq is not that of their last journal row, or whose last two rows do not fit. */
  readonly wrong: readonly string[];
}

/**
 * Compares some accounts, others each time, with the end of their journals, all at one moment. A glance: `paygate verify`
 * checks everything. Rejects with the driver's error.
 */
export async function checkSomeBalances(pool: pg.Pool): Promise<BalanceCheck> {
  const { rows } = await pool.query<{ accountId: string; fits: boolean }>(CHECK, [
    LIMITS.consoleCheckAccountsMax,
  ]);
  return { checked: rows.length, wrong: rows.flatMap(({ accountId, fits }) => (fits ? [] : [accountId])) };
}

/** From a random place on, and round the end: every account comes up sooner or later. */
const CHECK = `
with start as materialized (select gen_random_uuid() as id),
     picked as (
       (select a.* from processor.accounts a, start where a.account_id >= start.id order by a.account_id limit $1)
       union
       (select a.* from processor.accounts a order by a.account_id limit $1)
       limit $1)
select s.account_id as "accountId",
       coalesce(last.seq, 0) = s.seq
         and (last.seq is null or last.balance_after_cents = s.balance_cents)
         and (before.seq is null or before.balance_after_cents + last.amount_cents = last.balance_after_cents) as fits
  from picked s
  left join lateral (select j.seq, j.amount_cents, j.balance_after_cents from processor.journal j
                      where j.account_id = s.account_id order by j.seq desc limit 1) last on true
  left join lateral (select j.seq, j.balance_after_cents from processor.journal j
                      where j.account_id = s.account_id and j.seq = last.seq - 1) before on true`;
