import { drive } from '../../../src/drive/drive.ts';
import type { DriveReport } from '../../../src/drive/drive.ts';
import type { ClusterScene } from './cluster-scene.ts';
import { progress } from './measures.ts';
import { expectPromisesKept } from './promises.ts';
import type { Kept, PromiseOptions } from './promises.ts';

export interface LoadOptions extends PromiseOptions {
  /** Transactions a second; low enough that a busy machine keeps up. */
  readonly ratePerSecond?: number;
}

const RATE_PER_SECOND = 400;
/** Decisions before and after a fault. */
const WARM = 400;

/**
 * A stream is running, the fault comes and goes, the stream goes on for a while and ends, everything comes to rest, and
 * the promises are checked.
 */
export async function underLoad(
  scene: ClusterScene,
  fault: () => Promise<void>,
  { ratePerSecond = RATE_PER_SECOND, ...promises }: LoadOptions = {},
): Promise<Kept> {
  const stop = new AbortController();
  const options = { transactions: null, ratePerSecond, backlogMax: null, signal: stop.signal };
  const driving = drive(scene.producer, scene.traffic, options);
  // Awaited below, unless the fault itself failed.
  driving.catch(() => undefined);
  try {
    await progress(scene, WARM);
    await fault();
    await progress(scene, WARM);
  } finally {
    stop.abort();
  }
  await driving;
  return expectPromisesKept(scene, promises);
}

/** Sends so many as fast as they are taken; resolves when all are in the queue. */
export function sendBacklog(scene: ClusterScene, transactions: number): Promise<DriveReport> {
  return drive(scene.producer, scene.traffic, { transactions, ratePerSecond: 0, backlogMax: null });
}
