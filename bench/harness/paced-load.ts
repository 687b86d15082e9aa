import { setTimeout as sleep } from 'node:timers/promises';
import type { DriveTarget } from '../../src/drive/drive.ts';
import type { Operation } from '../../src/drive/operation.ts';
import type { Traffic } from '../../src/drive/traffic.ts';
import type { Schedule } from '../statistics/schedule.ts';
import type { WallClock } from './wall-clock.ts';

/** Rows are committed in portions of so much of the schedule … */
const PORTION_MS = 50;
/** … so long before the first message of the portion is due: inserting is no part of a latency, but competes as it does in life. */
const AHEAD_MS = 400;
const TICK_MS = 1;

export interface PacedLoadOptions {
  readonly api: Pick<DriveTarget, 'insertPending' | 'publish'>;
  /** Made beforehand, one per message: the offering costs as little as it can. */
  readonly operations: readonly Operation[];
  readonly schedule: Schedule;
  readonly clock: WallClock;
  readonly signal: AbortSignal;
  /** This one has been given to the broker's socket. */
  readonly onSent: (operation: Operation, index: number) => void;
}

/**
 * So many transactions of the traffic, without anything that comes besides. Each is as old as its row will be but for the seconds that
 * planning takes: a row that looks lost, because it seems to be half a minute old, is driven by the node before its message is sent.
 */
export function planOperations(traffic: Traffic, count: number, ratePerSecond: number): readonly Operation[] {
  const nowMs = Date.now();
  const operations = Array.from({ length: count }, (_, index) =>
    traffic.next(Math.floor(nowMs + (index * 1_000) / ratePerSecond) * 1_000),
  );
  const planned = operations.flat();
  if (planned.length !== count) throw new Error('a paced stream is of transactions alone');
  return planned;
}

/** How long before the first message is due the offering has to begin. */
export const LOAD_AHEAD_MS = 2 * AHEAD_MS;

/**
 * Offers a stream at a steady rate, as the Go API would: the row, and later the message. What is late is sent at once, and nothing is
 * left out. Resolves when the last one is sent.
 */
export async function offer(options: PacedLoadOptions): Promise<void> {
  const { api, operations, schedule, clock, signal, onSent } = options;
  const inserts: Promise<number>[] = [];
  const perPortion = Math.max(1, schedule.countAt(schedule.dueMs(0) + PORTION_MS) - 1);
  for (let sent = 0; sent < schedule.length;) {
    signal.throwIfAborted();
    const wanted = schedule.countAt(clock.now() + AHEAD_MS);
    while (inserts.length * perPortion < wanted) {
      const from = inserts.length * perPortion;
      const insert = api.insertPending(operations.slice(from, from + perPortion));
      // Awaited before its messages are sent; until then a failure must not count as unhandled.
      insert.catch(() => undefined);
      inserts.push(insert);
    }
    const due = schedule.countAt(clock.now());
    if (due > sent) {
      for (let portion = Math.floor(sent / perPortion); portion * perPortion < due; portion += 1)
        await inserts[portion];
      await api.publish(operations.slice(sent, due));
      for (; sent < due; sent += 1) {
        const operation = operations[sent];
        if (operation !== undefined) onSent(operation, sent);
      }
    }
    if (sent < schedule.length) await sleep(TICK_MS);
  }
}
