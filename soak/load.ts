import { drive } from '../src/drive/drive.ts';
import type { DriveTarget } from '../src/drive/drive.ts';
import { SeededRandom } from '../src/drive/seeded-random.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../src/drive/traffic.ts';
import type { TrafficOptions } from '../src/drive/traffic.ts';
import { ensureError } from '../src/domain/errors.ts';
import type { Producer } from '../test/cluster/support/producer.ts';
import { LatePublisher } from './late-publisher.ts';

/** On one queue and in order: every single outcome can be foreseen, however hot the account and whatever comes twice or is poison. */
const FORESEEN: Omit<TrafficOptions, 'seed' | 'run'> = {
  ...TRAFFIC_DEFAULTS,
  accounts: 120,
  skew: 0.8,
  duplicatesShare: 0.02,
  documentedShare: 0,
  balanceRequestsShare: 0.005,
  poisonShare: 0.003,
};

/** Over two queues, in both shapes, originals after their refunds. */
const UNFORESEEN: Omit<TrafficOptions, 'seed' | 'run'> = {
  ...TRAFFIC_DEFAULTS,
  accounts: 60,
  duplicatesShare: 0.05,
  documentedShare: 0.3,
  balanceRequestsShare: 0.02,
};

const FORESEEN_RATE_SHARE = 0.8;

interface Streams {
  readonly stop: AbortController;
  readonly ended: Promise<unknown>;
}

/**
 * A steady load whose accounts change from time to time, so that nodes take up new ones and let old ones go, and one that had
 * to wait (whose outcomes cannot be foreseen any more) does not make the check blind for the rest of the run.
 *
 * Owns its streams; not the producer. A stream that fails is told of once, and no other one takes its place.
 */
export class Load {
  readonly #producer: Producer;
  readonly #seed: string;
  readonly #ratePerSecond: number;
  readonly #onFailure: (error: Error) => void;
  #streams: Streams | null = null;
  #generation = 0;

  constructor(
    producer: Producer,
    { seed, ratePerSecond }: { readonly seed: string; readonly ratePerSecond: number },
    onFailure: (error: Error) => void,
  ) {
    this.#producer = producer;
    this.#seed = seed;
    this.#ratePerSecond = ratePerSecond;
    this.#onFailure = onFailure;
  }

  /** Begins with new accounts, and lets the streams of the old ones end meanwhile. To be called while the servers are there. */
  async renew(): Promise<void> {
    const before = this.#streams;
    this.#generation += 1;
    const run = String(this.#generation);
    const stop = new AbortController();
    const late = new LatePublisher(this.#producer, new SeededRandom(`${this.#seed}/${run}/late`));
    const streams = [
      this.#drive(this.#producer, { ...FORESEEN, run }, FORESEEN_RATE_SHARE, stop.signal),
      this.#drive(late, { ...UNFORESEEN, run: `${run}-late` }, 1 - FORESEEN_RATE_SHARE, stop.signal),
    ];
    this.#streams = { stop, ended: Promise.all(streams) };
    await end(before);
  }

  /** Resolves when the broker has all that was begun. */
  async stop(): Promise<void> {
    await end(this.#streams);
    this.#streams = null;
  }

  async #drive(
    target: DriveTarget,
    options: Omit<TrafficOptions, 'seed'>,
    share: number,
    signal: AbortSignal,
  ): Promise<void> {
    const traffic = new Traffic({ ...options, seed: `${this.#seed}/${options.run}` });
    const ratePerSecond = this.#ratePerSecond * share;
    try {
      await drive(target, traffic, { transactions: null, ratePerSecond, backlogMax: null, signal });
    } catch (error) {
      this.#onFailure(ensureError(error));
    }
  }
}

async function end(streams: Streams | null): Promise<void> {
  streams?.stop.abort();
  await streams?.ended;
}
