import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { balanceKey } from '../../src/infra/redis/balance-keys.ts';
import type { Figures } from '../figures.ts';
import { percentilesOf } from '../statistics/percentiles.ts';
import { askedMs } from '../statistics/response.ts';
import { Schedule } from '../statistics/schedule.ts';
import type { Observer, PacedScene } from './measure-paced.ts';

/** `redis`: GET of the key that the Go API reads. `http`: the exact balance, from the account's owner. */
export type ReadRoad = 'redis' | 'http';

interface Reader {
  /** false: there is no such balance (yet). */
  read(accountId: string): Promise<boolean>;
  close(): void;
}

const READS_PER_SECOND = 200;
const CONNECTIONS_MAX = 8;
/** More reads of nothing than this would be another measurement. */
const MISSED_SHARE_MAX = 0.01;

/** Reads balances of accounts that are at work, one every 5 ms whether or not those before it were answered. */
export class ReadWatch implements Observer {
  readonly #scene: PacedScene;
  readonly #reader: Reader;
  readonly #ended = new AbortController();
  /** Accounts that have a balance, as far as is known. */
  readonly #sent: string[] = [];
  readonly #tookMs: number[] = [];
  #missed = 0;
  #reading: Promise<void> | null = null;

  constructor(scene: PacedScene, road: ReadRoad) {
    this.#scene = scene;
    this.#reader = road === 'redis' ? redisReader(scene) : httpReader(scene);
  }

  onSent(operation: Parameters<NonNullable<Observer['onSent']>>[0], index: number): void {
    // Those of the lead-in are decided by the time they are asked for.
    if (operation.kind === 'transaction' && index < this.#scene.firstMeasured / 2)
      this.#sent.push(operation.command.accountId);
  }

  begin(): void {
    this.#reading = this.#read();
    this.#reading.catch(() => undefined);
  }

  end(): void {
    this.#ended.abort();
  }

  async figures(): Promise<Figures> {
    await this.#reading;
    if (this.#missed > MISSED_SHARE_MAX * this.#tookMs.length)
      throw new Error(`${this.#missed} of ${this.#tookMs.length} balances were not there`);
    const { p50, p99 } = percentilesOf(this.#tookMs);
    return { readP50Ms: p50, readP99Ms: p99 };
  }

  close(): void {
    this.#ended.abort();
    this.#reader.close();
  }

  async #read(): Promise<void> {
    const { clock } = this.#scene;
    const schedule = new Schedule(clock.now(), READS_PER_SECOND, Infinity);
    const reads: Promise<void>[] = [];
    while (!this.#ended.signal.aborted) {
      const due = schedule.countAt(clock.now());
      while (reads.length < due) {
        const read = this.#readOne(schedule.dueMs(reads.length), reads.length);
        read.catch(() => undefined);
        reads.push(read);
      }
      await sleep(Math.max(1, schedule.dueMs(reads.length) - clock.now()));
    }
    await Promise.all(reads);
  }

  async #readOne(dueMs: number, index: number): Promise<void> {
    const { clock } = this.#scene;
    const accountId = this.#sent[index % this.#sent.length];
    if (accountId === undefined) throw new Error('there is no account to read');
    const fromMs = askedMs(dueMs, clock.now());
    if (!(await this.#reader.read(accountId))) this.#missed += 1;
    this.#tookMs.push(clock.now() - fromMs);
  }
}

/** On a connection of its own, as the Go API has one. */
function redisReader({ run }: PacedScene): Reader {
  const redis = new Redis(run.place.urls.redisUrl);
  return {
    read: async (accountId) => (await redis.get(balanceKey('account', accountId))) !== null,
    close: () => redis.disconnect(),
  };
}

function httpReader({ run }: PacedScene): Reader {
  const [address] = run.addresses;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
  return {
    read: (accountId) =>
      new Promise((resolve, reject) => {
        get(new URL(`/accounts/${accountId}/balance`, address), { agent }, (response) => {
          response.resume();
          response.once('error', reject);
          response.once('end', () => {
            if (response.statusCode === 200) resolve(true);
            else reject(new Error(`a balance was answered with ${response.statusCode ?? 'nothing'}`));
          });
        }).once('error', reject);
      }),
    close: () => agent.destroy(),
  };
}
