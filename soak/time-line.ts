import type pg from 'pg';
import type { FaultKind, PlannedFault } from '../test/cluster/support/faults.ts';

/** What happened to the cluster, and when. Milliseconds since the beginning of the run, and from the fault's beginning on. */
export interface TimeLineEntry {
  readonly kind: FaultKind;
  readonly what: string;
  readonly atMs: number;
  /** Until what was broken was whole again, nodes that are gone excepted; null: it never was. */
  overAfterMs: number | null;
  /** Until all nodes were there, had their shares of the shards and decided; null: that never came. */
  settledAfterMs: number | null;
  /** Longest time without a decision of anybody until the next fault. */
  longestPauseMs: number;
}

export function entryOf({ kind, what }: PlannedFault, atMs: number): TimeLineEntry {
  return { kind, what, atMs, overAfterMs: null, settledAfterMs: null, longestPauseMs: 0 };
}

interface Pause {
  /** When decisions went on, by the clock. */
  readonly endedAtMs: number;
  readonly ms: number;
}

/** Shorter ones are between two batches. */
const PAUSE_MIN_MS = 20;

const PAUSES = `
  select (extract(epoch from decided_at) * 1000)::float8 as "endedAtMs", (extract(epoch from gap) * 1000)::float8 as ms
    from (select decided_at, decided_at - lag(decided_at) over (order by decided_at) as gap from processor.journal) gaps
   where gap > $1 * interval '1 millisecond' and decided_at >= to_timestamp($2::float8 / 1000)`;

/** Writes the longest pause after each fault into its entry; answers the longest of all. */
export async function measurePauses(
  pool: pg.Pool,
  entries: readonly TimeLineEntry[],
  startedAtMs: number,
): Promise<number> {
  const { rows } = await pool.query<Pause>(PAUSES, [PAUSE_MIN_MS, startedAtMs]);
  for (const { endedAtMs, ms } of rows) {
    const entry = entries.findLast(({ atMs }) => startedAtMs + atMs <= endedAtMs);
    if (entry !== undefined) entry.longestPauseMs = Math.max(entry.longestPauseMs, Math.round(ms));
  }
  return Math.round(rows.reduce((longest, { ms }) => Math.max(longest, ms), 0));
}
