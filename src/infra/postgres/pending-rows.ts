import type pg from 'pg';
import { isoTime } from './journal-entry.ts';

/** What takes care of a `PENDING` transaction, if anything does. */
export type PendingCare =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'retry' }
  /** Commands of its account are set aside, and are decided first. */
  | { readonly kind: 'parked' }
  | { readonly kind: 'dead-letter'; readonly id: bigint; readonly code: string }
  /** An operator has ordered it to be driven. */
  | { readonly kind: 'ordered' };

export interface PendingTransaction {
  readonly transactionId: string;
  readonly accountId: string | null;
  readonly type: string;
  readonly amountCents: bigint;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
  readonly care: PendingCare;
}

/** Which of them. Both bounds hold. */
export interface PendingFilter {
  /** Created so long ago, or longer. */
  readonly olderThanMs: number;
  readonly accountId: string | null;
}

export interface PendingList {
  /** All that fit the filter. */
  readonly total: number;
  /** The oldest of them, oldest first. */
  readonly rows: readonly PendingTransaction[];
}

/** Reads the whole of `transactions`. Rejects with the driver's error. */
export async function listPending(
  pool: pg.Pool,
  filter: PendingFilter & { readonly limit: number },
): Promise<PendingList> {
  const { olderThanMs, accountId, limit } = filter;
  const { rows } = await pool.query<PendingRecord>(LIST, [olderThanMs, accountId, limit]);
  return { total: Number(rows[0]?.total ?? 0), rows: rows.map(pendingOf) };
}

/** Who does something about them, and why: both go into `processor.operator_log`. */
export interface PendingOrder {
  readonly operator: string;
  /** 1 to 500 characters. */
  readonly why: string;
}

/**
 * Asks for rows to be driven, whatever their age: the cluster's sweeper takes them up with its next look. Gives how many were
 * `PENDING` and are asked for now under the name `run`.
 */
export async function orderDrive(
  pool: pg.Pool,
  run: string,
  wanted: { readonly ids: readonly string[] } | PendingFilter,
  { operator, why }: PendingOrder,
): Promise<number> {
  const { rows } =
    'ids' in wanted
      ? await pool.query<{ asked: string }>(DRIVE_IDS, [run, wanted.ids, operator, why])
      : await pool.query<{ asked: string }>(DRIVE_ALL, [
          run,
          wanted.olderThanMs,
          wanted.accountId,
          operator,
          why,
        ]);
  return Number(rows[0]?.asked);
}

/** Where the rows of one run are. */
export interface DriveOutcome {
  readonly approved: number;
  readonly rejected: number;
  /** Given up, with a dead letter. */
  readonly failed: number;
  /** A retry, a dead letter or parked commands of the account take care of it. */
  readonly waiting: number;
  /** Not taken up, or not decided yet. */
  readonly open: number;
}

/** Rows of a run that are not answered yet: cheap, for looking often. */
export async function openDrives(pool: pg.Pool, run: string): Promise<number> {
  const { rows } = await pool.query<{ open: string }>(OPEN_DRIVES, [run]);
  return Number(rows[0]?.open);
}

export async function driveOutcome(pool: pg.Pool, run: string): Promise<DriveOutcome> {
  const { rows } = await pool.query<Record<keyof DriveOutcome, string>>(OUTCOME, [run]);
  const of = (name: keyof DriveOutcome): number => Number(rows[0]?.[name] ?? 0);
  return {
    approved: of('approved'),
    rejected: of('rejected'),
    failed: of('failed'),
    waiting: of('waiting'),
    open: of('open'),
  };
}

/** `status`: as it is now, null for one that does not exist. `discarded`: it was this call that ended it. */
export interface Discarded {
  readonly transactionId: string;
  readonly status: string | null;
  readonly discarded: boolean;
}

/**
 * Ends `PENDING` rows for good, in status `ERROR`: no message decides them any more, but an operator's replay may. Their open
 * dead letters are closed with them, but for those of other payloads. In the order given.
 */
export async function discardPending(
  pool: pg.Pool,
  ids: readonly string[],
  { operator, why }: PendingOrder,
): Promise<readonly Discarded[]> {
  const { rows } = await pool.query<Discarded>(DISCARD, [ids, operator, why]);
  return rows;
}

interface PendingRecord {
  readonly transactionId: string;
  readonly accountId: string | null;
  readonly type: string;
  readonly amountCents: string;
  readonly createdAt: string;
  readonly letterId: string | null;
  readonly letterCode: string | null;
  readonly hasRetry: boolean;
  readonly hasParked: boolean;
  readonly isOrdered: boolean;
  readonly total: string;
}

function pendingOf(row: PendingRecord): PendingTransaction {
  const { transactionId, accountId, type, amountCents, createdAt } = row;
  return { transactionId, accountId, type, amountCents: BigInt(amountCents), createdAt, care: careOf(row) };
}

function careOf({ hasRetry, hasParked, letterId, letterCode, isOrdered }: PendingRecord): PendingCare {
  if (hasRetry) return { kind: 'retry' };
  if (hasParked) return { kind: 'parked' };
  if (letterId !== null && letterCode !== null)
    return { kind: 'dead-letter', id: BigInt(letterId), code: letterCode };
  return isOrdered ? { kind: 'ordered' } : { kind: 'nothing' };
}

/** What is known of a row is asked for the few that are shown. */
const LIST = `
with page as (
  select t.*, count(*) over () as total from public.transactions t
   where t.status = 'PENDING' and t.created_at <= clock_timestamp() - $1::float8 * interval '1 millisecond'
     and ($2::uuid is null or t.account_id = $2)
   order by t.created_at, t.id
   limit $3
)
select p.id as "transactionId", p.account_id as "accountId", p.type, p.amount_cents::text as "amountCents",
       ${isoTime('p.created_at')} as "createdAt", p.total,
       l.id::text as "letterId", l.code as "letterCode",
       exists (select from processor.retries r where r.transaction_id = p.id) as "hasRetry",
       exists (select from processor.parked k where k.account_id = p.account_id) as "hasParked",
       exists (select from processor.drives d where d.transaction_id = p.id and d.done_at is null) as "isOrdered"
  from page p
  left join lateral (
    select l.id, l.code from processor.dead_letters l
     where l.transaction_id = p.id and l.state = 'open' and l.code <> 'PAYLOAD_MISMATCH' order by l.id desc limit 1
  ) l on processor.is_cared_for(p.id, p.account_id)
 order by p.created_at, p.id`;

const DRIVE_IDS = `
with asked as (
  insert into processor.drives (transaction_id, run, created_at)
  select t.id, $1::uuid, t.created_at from public.transactions t where t.id = any ($2::uuid[]) and t.status = 'PENDING'
  returning transaction_id
), logged as (
  insert into processor.operator_log (operator, action, subject, why, detail)
  select $3::text, 'pending.drive', a.transaction_id::text, $4::text, jsonb_build_object('run', $1::uuid) from asked a
)
select count(*) as asked from asked`;

const DRIVE_ALL = `
with asked as (
  insert into processor.drives (transaction_id, run, created_at)
  select t.id, $1::uuid, t.created_at from public.transactions t
   where t.status = 'PENDING' and t.created_at <= clock_timestamp() - $2::float8 * interval '1 millisecond'
     and ($3::uuid is null or t.account_id = $3)
     and not processor.is_cared_for(t.id, t.account_id)
  returning transaction_id
), forgotten as (
  delete from processor.drives d where d.done_at < clock_timestamp() - interval '30 days'
), logged as (
  insert into processor.operator_log (operator, action, subject, why, detail)
  select $4::text, 'pending.drive', 'all', $5::text,
         jsonb_build_object('run', $1::uuid, 'transactions', count(*), 'olderThanMs', $2::float8, 'accountId', $3::uuid)
    from asked
)
select count(*) as asked from asked`;

const OPEN_DRIVES = `
select count(*) as open from processor.drives d where d.run = $1::uuid and d.done_at is null`;

const OUTCOME = `
select count(*) filter (where t.status = 'APPROVED') as approved,
       count(*) filter (where t.status = 'REJECTED') as rejected,
       count(*) filter (where t.status = 'ERROR') as failed,
       count(*) filter (where t.status = 'PENDING' and c.cared) as waiting,
       count(*) filter (where t.status = 'PENDING' and not c.cared) as open
  from processor.drives d
  join public.transactions t on t.id = d.transaction_id
  left join lateral processor.is_cared_for(t.id, t.account_id) as c (cared) on t.status = 'PENDING'
 where d.run = $1::uuid`;

const DISCARD = `
with discarded as (
  update public.transactions t set status = 'ERROR' where t.id = any ($1::uuid[]) and t.status = 'PENDING'
  returning t.*
), closed as (
  update processor.dead_letters l set state = 'discarded', closed_at = clock_timestamp(), closed_by = $2::text
    from discarded d where l.transaction_id = d.id and l.state = 'open' and l.code <> 'PAYLOAD_MISMATCH'
), logged as (
  insert into processor.operator_log (operator, action, subject, why, detail)
  select $2::text, 'pending.discard', d.id::text, $3::text, jsonb_build_object(
           'accountId', d.account_id, 'type', d.type, 'amountCents', d.amount_cents::text, 'createdAt', d.created_at)
    from discarded d
)
select g.id as "transactionId", coalesce(d.status, t.status) as status, d.id is not null as discarded
  from unnest($1::uuid[]) with ordinality as g (id, n)
  left join discarded d using (id)
  left join public.transactions t using (id)
 order by g.n`;
