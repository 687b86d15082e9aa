import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { driveOutcome, openDrives } from '../../infra/postgres/pending-rows.ts';
import type { DriveOutcome } from '../../infra/postgres/pending-rows.ts';
import { progress } from '../progress.ts';

const LOOK_EVERY_MS = 250;

export interface WatchDrive {
  readonly run: string;
  readonly asked: number;
  readonly quiet: boolean;
  /** How long nothing may move before the watching ends; the drive goes on. */
  readonly waitMs: number;
}

/** Watches the rows of a run until all are answered, or nothing has moved for `waitMs`. */
export async function watchDrive(
  pool: pg.Pool,
  { run, asked, quiet, waitMs }: WatchDrive,
): Promise<DriveOutcome> {
  const bar = progress('driving', { quiet });
  try {
    let open = asked;
    let movedAtMs = Date.now();
    while (open > 0 && Date.now() - movedAtMs < waitMs) {
      await sleep(LOOK_EVERY_MS);
      const now = await openDrives(pool, run);
      if (now < open) movedAtMs = Date.now();
      open = now;
      bar.update(asked - open, asked);
    }
  } finally {
    bar.end();
  }
  return driveOutcome(pool, run);
}
