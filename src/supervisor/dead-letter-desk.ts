import { ensureError } from '../domain/errors.ts';
import { LIMITS } from '../limits.ts';
import type { Publisher } from '../ports/broker.ts';
import type { Clock, Logger, Metrics } from '../ports/runtime.ts';
import type { DeadLetterStore } from '../ports/stores.ts';
import { traceId } from '../ports/tracing.ts';
import { messageOf } from './dead-letter.ts';
import type { Letter } from './dead-letter.ts';
import { TurnBatch } from './turn-batch.ts';

export interface DeadLetterDeskOptions {
  readonly store: DeadLetterStore;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

interface Item extends Letter {
  readonly done: () => void;
  /** `tried`: it may be recorded already, the answer got lost. */
  record: 'new' | 'tried';
  publication: 'due' | 'confirmed';
}

/**
 * Keeps what is given up: recorded in PostgreSQL, then published to its dead-letter queue, then done.
 *
 * Owns a letter from `send` until `done`.
 * D1. `done` (the acknowledgement) comes after both. A failure of either leaves the message unacknowledged and is tried
 *     again: publication is at-least-once, the record is one per message.
 * D2. A letter whose transaction's row is in somebody else's hands waits for it alone; the others do not wait.
 */
export class DeadLetterDesk {
  readonly #options: DeadLetterDeskOptions;
  readonly #recording: TurnBatch<Item>;
  readonly #publishing: TurnBatch<Item>;

  constructor(options: DeadLetterDeskOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#recording = new TurnBatch({
      name: 'recording dead letters',
      clock,
      logger,
      work: (items) => this.#record(items),
    });
    this.#publishing = new TurnBatch({
      name: 'publishing dead letters',
      clock,
      logger,
      work: (items) => this.#publish(items),
    });
  }

  send(letter: Letter, done: () => void): void {
    this.#log(letter);
    this.#options.metrics.deadLettered(letter.letter.code);
    this.#recording.add({ ...letter, done, record: 'new', publication: 'due' });
  }

  async #record(items: readonly Item[]): Promise<void> {
    const letters = items.map(({ letter, record }) =>
      record === 'new' ? letter : { ...letter, redelivered: true },
    );
    for (const item of items) item.record = 'tried';
    const ids = await this.#options.store.record(letters);
    for (const [index, item] of items.entries())
      if (ids[index] === null) this.#recordLater(item);
      else this.#publishing.add(item);
  }

  #recordLater(item: Item): void {
    this.#options.clock.after(LIMITS.letterRowHeldMs, () => this.#recording.add(item));
  }

  /** Those that went through are done even when others were not taken. */
  async #publish(items: readonly Item[]): Promise<void> {
    const due = items.filter((item) => item.publication === 'due');
    const results = await Promise.allSettled(due.map((item) => this.#publishOne(item)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw ensureError(failed.reason);
  }

  async #publishOne(item: Item): Promise<void> {
    await this.#options.publisher.publish(messageOf(item));
    item.publication = 'confirmed';
    item.done();
  }

  #log({ letter, category, trace }: Letter): void {
    this.#options.logger.warn(
      {
        code: letter.code,
        category,
        queue: letter.queue,
        dead_letter_queue: letter.deadLetterQueue,
        transaction_id: letter.transactionId,
        account_id: letter.accountId,
        attempts: letter.attempts,
        detail: letter.detail,
        ...traceId(trace),
      },
      'message given up',
    );
  }
}
