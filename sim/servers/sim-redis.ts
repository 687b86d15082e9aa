import type { BalanceCache, CachedBalance } from '../../src/ports/balance-cache.ts';
import { GenerationChanged } from '../../src/ports/balance-cache.ts';
import type { RetryClock } from '../../src/ports/stores.ts';
import { FakeRedis } from '../../test/support/fakes/fake-membership.ts';
import type { Chance } from '../chance.ts';
import type { SimProcess } from '../sim-process.ts';
import type { VirtualTime } from '../virtual-time.ts';
import type { ServerState, SimLink } from './sim-link.ts';

type OnDue = (transactionId: string, attempt: number) => Promise<void>;

interface Worker {
  readonly process: SimProcess;
  readonly link: SimLink;
  readonly onDue: OnDue;
}

const NO_WORKER_MS = 500;

/** The simulated Redis: leases (the fake that the contract suite of the membership runs on), cached balances, delayed jobs. */
export class SimRedis implements ServerState {
  isUp = true;
  readonly leases: FakeRedis;
  readonly contents = new Map<string, CachedBalance>();
  readonly workers = new Set<Worker>();
  /** `versioned`: an older balance never replaces a newer one. Else: a planted bug. */
  writes: 'versioned' | 'blind' = 'versioned';
  /** A balance has been replaced by an older one. */
  onOlder: (key: string) => void = () => undefined;
  #generation = 1;
  #flushes = 0;
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #jobs = new Map<string, () => void>();

  constructor(time: VirtualTime, chance: Chance) {
    this.#time = time;
    this.#chance = chance;
    this.leases = new FakeRedis({
      now: () => time.nowMs,
      after: time.after.bind(time),
      soon: (callback) => void time.after(0, callback),
    });
  }

  get generation(): string {
    return `g${this.#generation}`;
  }

  get wasFlushed(): boolean {
    return this.#flushes > 0;
  }

  flushAll(): void {
    this.#flushes += 1;
    this.leases.flushAll();
    this.contents.clear();
    this.#generation += 1;
    for (const cancel of this.#jobs.values()) cancel();
    this.#jobs.clear();
  }

  write(balances: readonly CachedBalance[]): void {
    for (const balance of balances) {
      const key = `${balance.kind} ${balance.id}`;
      const isNewer = (this.contents.get(key)?.version ?? -1n) <= balance.version;
      if (!isNewer && this.writes === 'versioned') continue;
      if (!isNewer) this.onOlder(key);
      this.contents.set(key, balance);
    }
  }

  addJob(transactionId: string, attempt: number, delayMs: number): void {
    const id = `${transactionId}-a${attempt}`;
    if (this.#jobs.has(id)) return;
    const cancel = this.#time.after(delayMs, () => {
      this.#jobs.delete(id);
      const able = [...this.workers].filter(({ process, link }) => process.isAlive && link.isUp);
      if (able.length === 0 || !this.isUp) {
        this.addJob(transactionId, attempt, NO_WORKER_MS);
        return;
      }
      const { process, onDue } = this.#chance.pick(able);
      process.run(() => void onDue(transactionId, attempt));
    });
    this.#jobs.set(id, cancel);
  }
}

/** Cached balances. The generation is as the last answer told it. */
export class SimCache implements BalanceCache {
  readonly #redis: SimRedis;
  readonly #link: SimLink;
  #seen: string;

  constructor(redis: SimRedis, link: SimLink) {
    this.#redis = redis;
    this.#link = link;
    this.#seen = redis.generation;
  }

  generation(): string | null {
    return this.#link.isUp ? this.#seen : null;
  }

  write(balances: readonly CachedBalance[], generation: string | null): Promise<void> {
    return this.#link.ask(() => {
      const present = this.#redis.generation;
      this.#seen = present;
      if (generation !== present) throw new GenerationChanged('the cache is another one');
      this.#redis.write(balances);
    });
  }
}

/** Delayed jobs. */
export class SimRetryClock implements RetryClock {
  readonly #redis: SimRedis;
  readonly #link: SimLink;
  readonly #process: SimProcess;
  #worker: Worker | null = null;

  constructor(redis: SimRedis, link: SimLink, process: SimProcess) {
    this.#redis = redis;
    this.#link = link;
    this.#process = process;
  }

  start(onDue: OnDue): Promise<void> {
    this.#worker = { process: this.#process, link: this.#link, onDue };
    this.#redis.workers.add(this.#worker);
    return Promise.resolve();
  }

  async arm(transactionId: string, attempt: number, delayMs: number): Promise<void> {
    try {
      await this.#link.ask(() => this.#redis.addJob(transactionId, attempt, delayMs));
    } catch {
      // The ledger is asked for what is due as well.
    }
  }

  stop(): Promise<void> {
    if (this.#worker !== null) this.#redis.workers.delete(this.#worker);
    return Promise.resolve();
  }
}
