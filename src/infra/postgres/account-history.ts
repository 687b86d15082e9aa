import type pg from 'pg';
import type { AccountStatus } from '../../domain/codes.ts';
import { isoTime, JOURNAL_ENTRY, journalEntryOf } from './journal-entry.ts';
import type { JournalEntry, JournalEntryRow } from './journal-entry.ts';

/** An account as the ledger had it at a moment: after all that was decided until then. Money in cents. */
export interface AccountThen {
  readonly accountId: string;
  /** RFC 3339, as it was asked for. */
  readonly asOf: string;
  readonly balanceCents: bigint;
  /** Number of its last journal row then; 0 = none. */
  readonly seq: bigint;
  readonly status: AccountStatus;
  readonly overdraftCents: bigint;
  /** RFC 3339; null: it has been deleted since. */
  readonly createdAt: string | null;
  /** When the last row was decided; null = there was none. */
  readonly decidedAt: string | null;
}

type ThenRow = Omit<AccountThen, 'accountId' | 'asOf' | 'balanceCents' | 'seq' | 'overdraftCents'> &
  Readonly<Record<'balanceCents' | 'seq' | 'overdraftCents', string>>;

/**
 * Status and overdraft are what the last order left. A quarantine is no order: it is in the operator log, and stands until the release
 * that follows it. An account that never had an order is as it is now, but for that.
 */
const AS_OF = `
with known as (
  select coalesce(p.id, a.account_id) as id, p.created_at, a.status, a.overdraft_cents
    from (select id, created_at from public.accounts where id = $1) p
    full join (select * from processor.accounts where account_id = $1) a on a.account_id = p.id
), last as (
  select seq, balance_after_cents, decided_at from processor.journal
   where account_id = $1 and decided_at <= $2::timestamptz order by seq desc limit 1
), ordered as (
  select status_after, overdraft_after_cents, decided_at from processor.journal
   where account_id = $1 and operator is not null and seq <= (select seq from last) order by seq desc limit 1
), quarantined as (
  select at from processor.operator_log
   where subject = $1::uuid::text and action = 'quarantine' and at <= $2::timestamptz order by id desc limit 1
), orders as (
  select exists (select from processor.journal where account_id = $1 and operator is not null) as any
)
select coalesce(l.balance_after_cents, 0)::text as "balanceCents", coalesce(l.seq, 0)::text as seq,
       case when q.at > coalesce(o.decided_at, '-infinity') then 'quarantined'
            when o.status_after is not null then o.status_after
            else 'active' end as status,
       coalesce(o.overdraft_after_cents, case when orders.any then 0 else k.overdraft_cents end, 0)::text as "overdraftCents",
       ${isoTime('k.created_at')} as "createdAt", ${isoTime('l.decided_at')} as "decidedAt"
  from known k cross join orders
  left join last l on true left join ordered o on true left join quarantined q on true`;

/**
 * @param asOf RFC 3339.
 * @returns null where there is no such account. Rejects with the driver's error.
 */
export async function readAccountAsOf(
  pool: pg.Pool,
  accountId: string,
  asOf: string,
): Promise<AccountThen | null> {
  const { rows } = await pool.query<ThenRow>(AS_OF, [accountId, asOf]);
  const [row] = rows;
  if (row === undefined) return null;
  return {
    accountId,
    asOf,
    ...row,
    balanceCents: BigInt(row.balanceCents),
    seq: BigInt(row.seq),
    overdraftCents: BigInt(row.overdraftCents),
  };
}

/** Half open: `from` ≤ decided at < `to`; null = open. RFC 3339. */
export interface Period {
  readonly from: string | null;
  readonly to: string | null;
}

const PAGE = `
select ${JOURNAL_ENTRY} from processor.journal j
 where j.account_id = $1 and j.seq > $2
   and ($3::timestamptz is null or j.decided_at >= $3) and ($4::timestamptz is null or j.decided_at < $4)
 order by j.seq limit $5`;

/**
 * The journal of an account in order of seq, page by page: rows are never changed, so the pages fit each other.
 * Rejects with the driver's error.
 */
export async function* journalPages(
  pool: pg.Pool,
  accountId: string,
  period: Period,
  rowsPerPage = 1_000,
): AsyncGenerator<readonly JournalEntry[]> {
  for (let after = '0'; ;) {
    const values = [accountId, after, period.from, period.to, rowsPerPage];
    const { rows } = await pool.query<JournalEntryRow>(PAGE, values);
    if (rows.length > 0) yield rows.map(journalEntryOf);
    if (rows.length < rowsPerPage) return;
    after = rows.at(-1)?.seq ?? after;
  }
}

/** Whether the ledger or the Go API knows it. */
export async function isAccount(pool: pg.Pool, accountId: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `select from public.accounts where id = $1 union all select from processor.accounts where account_id = $1`,
    [accountId],
  );
  return rowCount !== null && rowCount > 0;
}
