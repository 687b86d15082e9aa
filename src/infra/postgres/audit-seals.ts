import type pg from 'pg';
import { LIMITS } from '../../limits.ts';
import type { SealCounts } from './audit-report.ts';
import { SEAL_CHAIN, SEAL_HEAD, SEAL_TOTALS, SEAL_WINDOWS, SEALED_ROWS } from './audit-seal-statements.ts';

/** A statement that finds violations, with the two values that say where it looks. */
export interface SealCheck {
  readonly findings: string;
  readonly place: readonly [string | number | null, string | number | null];
}

export interface SealAuditPlan {
  readonly checks: readonly SealCheck[];
  readonly counts: SealCounts;
}

/** Rows compared in one statement; the server holds them in memory. */
const WINDOW_ROWS = 50_000;
const SHARDS_AT_A_TIME = 16;

/** What there is to check of the seals, in steps of bounded size. */
export async function planSealAudit(client: pg.ClientBase): Promise<SealAuditPlan> {
  const totals = await client.query<Omit<SealCounts, 'head'>>(SEAL_TOTALS);
  const [total] = totals.rows;
  if (total === undefined) throw new Error('the database gave no counts');
  if (total.seals === 0) return { checks: [], counts: { ...total, head: null } };
  const windows = await client.query<{ until: string }>(SEAL_WINDOWS, [WINDOW_ROWS]);
  const ends = windows.rows.map(({ until }) => until);
  const chains = Array.from({ length: LIMITS.shardCount / SHARDS_AT_A_TIME }, (_, step): SealCheck => {
    const from = step * SHARDS_AT_A_TIME;
    return { findings: SEAL_CHAIN, place: [from, from + SHARDS_AT_A_TIME] };
  });
  const rows = ends.map((until, index): SealCheck => ({
    findings: SEALED_ROWS,
    place: [ends[index - 1] ?? null, until],
  }));
  const { rows: heads } = await client.query<{ head: string }>(SEAL_HEAD);
  return { checks: [...chains, ...rows], counts: { ...total, head: heads[0]?.head ?? null } };
}
