import type pg from 'pg';
import type { BoundedCount, Waiting, WaitingRow } from '../../contracts/console.ts';
import { LIMITS } from '../../limits.ts';
import { isoTime } from './journal-entry.ts';

/** What waits for a person or for its time. Counts go as far as `consoleCountMax`. Rejects with the driver's error. */
export async function readWaiting(pool: pg.Pool): Promise<Waiting> {
  const [deadLetters, retries, parked] = await Promise.all([
    readCount(pool, DEAD_LETTERS),
    readCount(pool, RETRIES),
    readCount(pool, PARKED),
  ]);
  return { deadLetters, retries, parked };
}

/** A waiting command as it stands in its table. */
export interface WaitingRecord extends Omit<WaitingRow, 'payload'> {
  readonly body: Buffer;
}

export type WaitingList = 'dead-letters' | 'retries' | 'parked';

/** The newest dead letters, the next retries, the oldest parked commands: `consoleRowsMax` of them. Rejects with the driver's error. */
export async function readWaitingRows(pool: pg.Pool, list: WaitingList): Promise<readonly WaitingRecord[]> {
  const { rows } = await pool.query<WaitingRecord>(ROWS[list], [LIMITS.consoleRowsMax, BODY_SHOWN_BYTES]);
  return rows;
}

const REASONS_MAX = 8;
const BODY_SHOWN_BYTES = 4_096;

interface ReasonRow {
  readonly reason: string;
  readonly count: number;
  readonly oldest: string;
}

async function readCount(pool: pg.Pool, sql: string): Promise<BoundedCount> {
  const { rows } = await pool.query<ReasonRow>(sql, [LIMITS.consoleCountMax]);
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  // RFC 3339 in UTC: the order of the texts is that of the times.
  const [oldest = null] = rows.map((row) => row.oldest).sort();
  const reasons = rows.slice(0, REASONS_MAX).map(({ reason, count: ofIt }) => ({ reason, count: ofIt }));
  return { count, more: count >= LIMITS.consoleCountMax, reasons, oldest };
}

const counted = (from: string): string => `
select reason, count(*)::int as count, ${isoTime('min(since)')} as oldest from (${from} limit $1) w group by reason order by 2 desc, 1`;

const DEAD_LETTERS = counted(
  `select code as reason, created_at as since from processor.dead_letters where state = 'open' order by id desc`,
);
const RETRIES = counted(
  'select code as reason, first_seen_at as since from processor.retries order by due_at',
);
const PARKED = counted('select reason, since from processor.parked');

const ROWS: Readonly<Record<WaitingList, string>> = {
  'dead-letters': `
select id::text, code as reason, detail, ${isoTime('created_at')} as since, null as "dueAt", queue, attempts,
       transaction_id as "transactionId", account_id as "accountId", substring(body for $2) as body
  from processor.dead_letters where state = 'open' order by dead_letters.id desc limit $1`,
  retries: `
select transaction_id::text as id, code as reason, null as detail, ${isoTime('first_seen_at')} as since,
       ${isoTime('due_at')} as "dueAt", queue, attempt as attempts, transaction_id as "transactionId",
       account_id as "accountId", substring(body for $2) as body
  from processor.retries order by retries.due_at limit $1`,
  parked: `
select n::text as id, reason, null as detail, ${isoTime('since')} as since, null as "dueAt", queue, null as attempts,
       null as "transactionId", account_id as "accountId", substring(body for $2) as body
  from processor.parked order by account_id, n limit $1`,
};
