import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { Retry, RetryClock, RetryStore } from '../ports/stores.ts';
import type { Origin } from './command-envelope.ts';

export interface RetriesOptions {
  readonly store: RetryStore;
  readonly retryClock: RetryClock;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shards of this node: each looks for its own in the ledger, so that none is brought back by all of them. */
  readonly shards: () => readonly number[];
  /** Puts a retry on the road: decode, route. */
  readonly inject: (retry: Retry, origin: Origin) => void;
}

/**
 * Brings deferred commands back when they are due: the retry clock says when, the ledger is asked as well, since the
 * clock may forget.
 *
 * Owns the ids of the retries that are on the road.
 * Q1. A transaction is on the road at most once from here: until its outcome is durable, whoever says that it is due again is
 *     ignored.
 * Q2. What is injected is the row as it stands, never what the clock remembers.
 */
export class Retries {
  readonly #options: RetriesOptions;
  readonly #onRoad = new Set<string>();
  #phase: 'stopped' | 'running' = 'stopped';
  #cancelPoll: () => void = () => undefined;

  constructor(options: RetriesOptions) {
    this.#options = options;
  }

  get onRoad(): number {
    return this.#onRoad.size;
  }

  /** Resolves at once; a retry clock that is not reachable is only late. */
  start(): void {
    this.#phase = 'running';
    this.#options.retryClock
      .start((transactionId, attempt) => this.#due(transactionId, attempt))
      .catch((error: unknown) => this.#options.logger.warn({ err: error }, 'the retry clock did not start'));
    this.#schedulePoll(LIMITS.retryPollMs);
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#cancelPoll();
    await this.#options.retryClock.stop();
  }

  /** What it waited for has happened: tries it now, if it still waits. Never rejects. */
  async wake(transactionId: string): Promise<void> {
    await this.#takeUp(transactionId, () => true);
  }

  async #due(transactionId: string, attempt: number): Promise<void> {
    // Moved on, or settled by another message of the same id: the row that stands now has a clock of its own.
    await this.#takeUp(transactionId, (retry) => retry.attempt === attempt);
  }

  async #takeUp(transactionId: string, isMeant: (retry: Retry) => boolean): Promise<void> {
    if (this.#phase === 'stopped' || !this.#claim(transactionId)) return;
    const retry = await this.#find(transactionId);
    if (retry === null || !isMeant(retry) || this.#stopped()) this.#onRoad.delete(transactionId);
    else this.#inject(retry);
  }

  async #find(transactionId: string): Promise<Retry | null> {
    try {
      return await this.#options.store.find(transactionId);
    } catch (error) {
      this.#options.logger.warn(
        { err: error, transaction_id: transactionId },
        'a due retry could not be read, later again',
      );
      return null;
    }
  }

  #schedulePoll(delayMs: number): void {
    this.#cancelPoll = this.#options.clock.after(delayMs, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    const taken = await this.#takeDue();
    if (this.#stopped()) return;
    // A full portion: there may be more behind it.
    this.#schedulePoll(taken === LIMITS.retriesInFlightMax ? LIMITS.retryPollBusyMs : LIMITS.retryPollMs);
  }

  /** How many were due, taken or not. Never rejects. */
  async #takeDue(): Promise<number> {
    const { store, clock, logger, shards } = this.#options;
    try {
      const dueBeforeMs = clock.now() - LIMITS.retryPollGraceMs;
      const retries = await store.due(dueBeforeMs, shards(), LIMITS.retriesInFlightMax);
      if (this.#stopped()) return 0;
      for (const retry of retries) if (this.#claim(retry.transactionId)) this.#inject(retry);
      return retries.length;
    } catch (error) {
      logger.warn({ err: error }, 'due retries could not be read, later again');
      return 0;
    }
  }

  #claim(transactionId: string): boolean {
    if (this.#onRoad.has(transactionId) || this.#onRoad.size >= LIMITS.retriesInFlightMax) return false;
    this.#onRoad.add(transactionId);
    return true;
  }

  #inject(retry: Retry): void {
    this.#options.inject(retry, {
      queue: retry.queue,
      body: retry.body,
      // Whatever became of the delivery, a record of this message may exist already.
      redelivered: true,
      ack: () => void this.#onRoad.delete(retry.transactionId),
    });
  }

  #stopped(): boolean {
    return this.#phase === 'stopped';
  }
}
