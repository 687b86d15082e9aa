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

interface Plan {
  readonly target: DriveTarget;
  readonly traffic: Traffic;
  readonly ratePerSecond: number;
}

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

  /**
   * Begins with new accounts, and lets the streams of the old ones end meanwhile. To be called while the servers are there: resolves when
   * all that needs them without a second try is done.
   */
  async renew(): Promise<void> {
    this.#generation += 1;
    const run = String(this.#generation);
    const late = new LatePublisher(this.#producer, new SeededRandom(`${this.#seed}/${run}/late`));
    const plans = [
      this.#plan(this.#producer, { ...FORESEEN, run }, FORESEEN_RATE_SHARE),
      this.#plan(late, { ...UNFORESEEN, run: `${run}-late` }, 1 - FORESEEN_RATE_SHARE),
    ];
    for (const { target, traffic } of plans) await target.openAccounts(traffic.accounts);
    const before = this.#streams;
    const stop = new AbortController();
    this.#streams = { stop, ended: Promise.all(plans.map((plan) => this.#drive(plan, stop.signal))) };
    await end(before);
  }

  /** Resolves when the broker has all that was begun. */
  async stop(): Promise<void> {
    await end(this.#streams);
    this.#streams = null;
  }

  #plan(target: DriveTarget, options: Omit<TrafficOptions, 'seed'>, share: number): Plan {
    const traffic = new Traffic({ ...options, seed: `${this.#seed}/${options.run}` });
    return { target, traffic, ratePerSecond: this.#ratePerSecond * share };
  }

  async #drive({ target, traffic, ratePerSecond }: Plan, signal: AbortSignal): Promise<void> {
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
