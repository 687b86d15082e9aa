import { drive } from '../../../src/drive/drive.ts';
import type { DriveReport } from '../../../src/drive/drive.ts';
import type { ClusterScene } from './cluster-scene.ts';

/** A stream that runs until it is told to end. */
export interface Load {
  /** Resolves when the broker has all of it. */
  end(): Promise<DriveReport>;
}

/** Transactions a second; low enough that a busy machine keeps up. */
const RATE_PER_SECOND = 400;

export function startLoad(scene: ClusterScene, ratePerSecond = RATE_PER_SECOND): Load {
  const stop = new AbortController();
  const options = { transactions: null, ratePerSecond, backlogMax: null, signal: stop.signal };
  const driving = drive(scene.producer, scene.traffic, options);
  // Awaited in `end`; until then a failure must not count as unhandled.
  driving.catch(() => undefined);
  return {
    end: () => {
      stop.abort();
      return driving;
    },
  };
}

/** Sends so many as fast as they are taken; resolves when all are in the queue. */
export function sendBacklog(scene: ClusterScene, transactions: number): Promise<DriveReport> {
  return drive(scene.producer, scene.traffic, { transactions, ratePerSecond: 0, backlogMax: null });
}
