import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DriveAccount } from './drive-account.ts';
import { INTENTS, type Intent, type Operation } from './operation.ts';
import { Pace } from './pace.ts';
import type { Traffic } from './traffic.ts';

/**
 * Drives a stream of operations into the database and the broker: `paygate drive`.
 *
 * V1. Rows of the next batch are inserted while the batch before is published; no message overtakes its row.
 * V2. Whatever was inserted is published too, also when told to stop: no `PENDING` row stays behind.
 */

/** Where the stream goes: the part of `GoApi` that is used here. */
export interface DriveTarget {
  declareQueues(): Promise<void>;
  openAccounts(accounts: readonly DriveAccount[]): Promise<void>;
  /** Resolves, with the number of rows, when they are committed. */
  insertPending(operations: readonly Operation[]): Promise<number>;
  publish(operations: readonly Operation[]): Promise<void>;
  /** Messages waiting in `transactions_queue`, once all that was published is in its queue. */
  backlog(): Promise<number>;
}

export interface DriveOptions {
  /** Transactions to send, repeats, balance requests and poison not counted; null = until the signal. */
  readonly transactions: number | null;
  /** Transactions per second, 0 = as fast as database and broker take them. */
  readonly ratePerSecond: number;
  /** Waits while more messages than this stand in `transactions_queue`; null = never. */
  readonly backlogMax: number | null;
  readonly signal?: AbortSignal;
  /** Called after each batch. */
  readonly onProgress?: (counts: DriveCounts) => void;
}

export interface DriveCounts {
  readonly transactions: number;
  readonly rowsInserted: number;
  /** All that was published: transactions, repeats, balance requests and poison. */
  readonly messages: number;
  readonly repeats: number;
  readonly balanceRequests: number;
  readonly poison: number;
  readonly documented: number;
  readonly byIntent: Readonly<Record<Intent, number>>;
}

export interface DriveReport extends DriveCounts {
  readonly ended: 'complete' | 'stopped';
  readonly elapsedMs: number;
}

interface Batch {
  readonly operations: readonly Operation[];
  readonly inserted: Promise<number>;
}

/** Large enough to hide the round trip of a commit, small enough that the broker is never idle for long. */
const BATCH_TRANSACTIONS_MAX = 1_000;
const BACKLOG_POLL_MS = 20;

/**
 * Opens the traffic's accounts, sends the transactions, and resolves when the broker has every message in its queue.
 * Rejects with the driver's error when the database or the channel fails; rows inserted until then may stay `PENDING`.
 */
export async function drive(api: DriveTarget, traffic: Traffic, options: DriveOptions): Promise<DriveReport> {
  await api.declareQueues();
  try {
    await api.openAccounts(traffic.accounts);
  } catch (cause) {
    if (!(cause instanceof pg.DatabaseError) || cause.code !== '23505') throw cause;
    throw new Error('these accounts are in the database already: the same seed needs another run', { cause });
  }
  return new Run(api, traffic, options).complete();
}

class Run {
  readonly #api: DriveTarget;
  readonly #traffic: Traffic;
  readonly #options: DriveOptions;
  readonly #pace: Pace;
  readonly #counts = {
    transactions: 0,
    rowsInserted: 0,
    messages: 0,
    repeats: 0,
    balanceRequests: 0,
    poison: 0,
    documented: 0,
    byIntent: Object.fromEntries(INTENTS.map((intent) => [intent, 0])) as Record<Intent, number>,
  };
  #planned = 0;

  constructor(api: DriveTarget, traffic: Traffic, options: DriveOptions) {
    this.#api = api;
    this.#traffic = traffic;
    this.#options = options;
    this.#pace = new Pace(options.ratePerSecond, BATCH_TRANSACTIONS_MAX, performance.now());
  }

  async complete(): Promise<DriveReport> {
    const startedMs = performance.now();
    let previous: Batch | null = null;
    while (this.#left() > 0 && !this.#isStopped()) {
      const planned = this.#pace.take(performance.now(), this.#left());
      if (planned === 0) {
        // A paced stream: what is ready leaves before the wait, not after the next batch.
        previous = await this.#send(previous);
        await this.#pause(this.#pace.waitMs(performance.now()));
        continue;
      }
      const batch = this.#plan(planned);
      await this.#send(previous);
      previous = batch;
      await this.#untilBacklogIsSmall();
    }
    await this.#send(previous);
    await this.#send({ operations: this.#traffic.rest(), inserted: Promise.resolve(0) });
    await this.#api.backlog();
    const ended = this.#left() > 0 ? 'stopped' : 'complete';
    return { ...this.#snapshot(), ended, elapsedMs: performance.now() - startedMs };
  }

  #left(): number {
    const { transactions } = this.#options;
    return transactions === null ? Number.POSITIVE_INFINITY : transactions - this.#planned;
  }

  #isStopped(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  #plan(transactions: number): Batch {
    const operations: Operation[] = [];
    const nowMicros = Date.now() * 1000;
    for (let index = 0; index < transactions; index += 1) operations.push(...this.#traffic.next(nowMicros));
    this.#planned += transactions;
    const inserted = this.#api.insertPending(operations);
    // Awaited in `#send`; until then a failure must not count as unhandled.
    inserted.catch(() => undefined);
    return { operations, inserted };
  }

  async #send(batch: Batch | null): Promise<null> {
    if (batch === null || batch.operations.length === 0) return null;
    this.#counts.rowsInserted += await batch.inserted;
    await this.#api.publish(batch.operations);
    for (const operation of batch.operations) this.#count(operation);
    this.#options.onProgress?.(this.#snapshot());
    return null;
  }

  #count(operation: Operation): void {
    const counts = this.#counts;
    counts.messages += 1;
    if (operation.kind === 'repeat') {
      counts.repeats += 1;
    } else if (operation.kind === 'balance-request') {
      counts.balanceRequests += 1;
    } else if (operation.kind === 'poison') {
      counts.poison += 1;
    } else {
      counts.transactions += 1;
      counts.byIntent[operation.intent] += 1;
      if (operation.command.shape === 'documented') counts.documented += 1;
    }
  }

  #snapshot(): DriveCounts {
    return { ...this.#counts, byIntent: { ...this.#counts.byIntent } };
  }

  async #untilBacklogIsSmall(): Promise<void> {
    const { backlogMax } = this.#options;
    if (backlogMax === null) return;
    while (!this.#isStopped() && (await this.#api.backlog()) > backlogMax) await this.#pause(BACKLOG_POLL_MS);
  }

  /** Ends early when told to stop. */
  async #pause(delayMs: number): Promise<void> {
    const { signal } = this.#options;
    if (signal === undefined) {
      await sleep(delayMs);
      return;
    }
    try {
      await sleep(delayMs, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
