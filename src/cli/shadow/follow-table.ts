import { setTimeout as sleep } from 'node:timers/promises';
import { ensureError } from '../../domain/errors.ts';
import type { DecideOptions } from '../../domain/decide.ts';
import { DecidedAgain, nothingBefore } from '../../domain/shadow/decided-again.ts';
import type { Before } from '../../domain/shadow/decided-again.ts';
import type { Followed, Seen } from '../../domain/shadow/followed.ts';
import { Movements } from '../../domain/shadow/movements.ts';
import type { Comparison } from '../../domain/shadow/names.ts';
import type { TableRow } from '../../domain/shadow/table-row.ts';
import type { ShadowPage, ShadowReader } from '../../infra/postgres/shadow-reader.ts';
import { meaningOf } from '../../infra/server-errors.ts';

/** Looks again and again, and decides again what has left `PENDING`. */
export interface FollowOptions {
  readonly reader: Pick<ShadowReader, 'look'>;
  readonly followed: Followed;
  readonly decide: DecideOptions;
  readonly intervalMs: number;
  /** Ends it between two pages. */
  readonly signal: AbortSignal;
  readonly onComparison: (row: TableRow, comparison: Comparison) => void;
  readonly onLook: () => void;
  readonly onTrouble: (error: Error) => void;
}

/** A look takes at most this share of the time: where there is much to read, looks become rarer. */
const PAUSE_PER_LOOK = 4;
/** PostgreSQL may be away for so long. */
const PATIENCE_MS = 60_000;

/** Resolves when the signal has come; rejects when PostgreSQL stays away or refuses. */
export async function followTable(options: FollowOptions): Promise<void> {
  const { reader, signal, intervalMs, onLook, onTrouble } = options;
  let before = nothingBefore();
  let failingSinceMs: number | null = null;
  while (!signal.aborted) {
    const startedMs = performance.now();
    const atStart = before;
    try {
      await reader.look(async (page) => {
        if (!signal.aborted) before = await comparePage(page, before, options);
      });
      // What moved before a look that found nothing is no neighbour of what comes.
      if (before === atStart) before = { ...before, movements: new Movements() };
      failingSinceMs = null;
      onLook();
    } catch (error) {
      failingSinceMs ??= startedMs;
      if (!isPassing(error) || performance.now() - failingSinceMs > PATIENCE_MS) throw error;
      onTrouble(ensureError(error));
    }
    const lookMs = performance.now() - startedMs;
    await pause(Math.max(intervalMs, PAUSE_PER_LOOK * lookMs), signal);
  }
}

async function comparePage(
  page: ShadowPage,
  before: Before,
  { followed, decide, onComparison, signal }: FollowOptions,
): Promise<Before> {
  const rows = page.rows.filter(({ status }) => status !== 'PENDING');
  // Before anything is remembered: a look that fails here is made again.
  const standing = rows.length === 0 ? null : await page.standing(rows);
  const seen = page.rows.map((row) => ({ row, seen: followed.see(row) }));
  if (standing === null) return before;
  const left = seen.filter(({ seen: { kind } }) => kind !== 'waits');
  const again = new DecidedAgain(rows, standing, decide, before);
  // What has only been touched was there before.
  for (const { row, seen: one } of left) if (one.kind === 'same') again.pass(row);
  for (const { row, seen: one } of left) {
    if (signal.aborted) break;
    const comparison = comparisonOf(again, row, one);
    if (comparison !== null) onComparison(row, comparison);
  }
  return again.before();
}

function comparisonOf(again: DecidedAgain, row: TableRow, seen: Seen): Comparison | null {
  if (seen.kind === 'again') return again.compare(seen.decided);
  if (seen.kind !== 'told') return null;
  again.pass(row);
  return seen.comparison;
}

function isPassing(error: unknown): boolean {
  return meaningOf(error)?.category === 'temporary';
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
