import { decodeMessage } from '../contracts/decode.ts';
import type { TransactionCommand } from '../contracts/command.ts';
import type { DeferralCode } from '../domain/codes.ts';
import type { DecideOptions } from '../domain/decide.ts';
import { differences } from '../domain/identity.ts';
import type { DifferingField, StoredTransaction } from '../domain/identity.ts';
import { settlementOnRecord } from '../domain/resolve.ts';
import { retryDelayMs } from '../domain/retry-policy.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { AccountReader } from '../ports/ledger.ts';
import type { Clock, Logger, Metrics, Random } from '../ports/runtime.ts';
import type { Retry, RetryClock, RetryStore } from '../ports/stores.ts';
import type { CommandEnvelope } from './command-envelope.ts';
import { EarlyRefunds } from './early-refunds.ts';
import { TurnBatch } from './turn-batch.ts';

export interface DeferralDeskOptions extends DecideOptions {
  readonly reader: Pick<AccountReader, 'stored'>;
  readonly store: RetryStore;
  readonly retryClock: RetryClock;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly retryAttempts: number;
  readonly retryDelayMs: number;
  /** Puts a retry on the road now, whenever it is due. */
  readonly wake: (transactionId: string) => void;
}

/** How a deferral ended. */
export type DeferralResult =
  /** It waits in `processor.retries`. */
  | { readonly kind: 'scheduled' }
  /** What is on record under this id says how it ends. */
  | { readonly kind: 'ends'; readonly settlement: Settlement }
  /** The same payload waits under this id already. */
  | { readonly kind: 'waiting-already' }
  /** Another payload waits under this id, and nothing says that it is a false one. */
  | { readonly kind: 'differs'; readonly fields: readonly DifferingField[] }
  /** What waits under this id is not what is on record, but the newcomer is: it is to make room. `detail`: what it differs in. */
  | { readonly kind: 'false-waits'; readonly waiting: Retry; readonly detail: string };

interface Item {
  readonly envelope: CommandEnvelope;
  readonly command: TransactionCommand;
  readonly code: DeferralCode;
  readonly done: (result: DeferralResult) => void;
}

/**
 * Writes down what must be tried again later, and asks the retry clock to say when.
 *
 * Owns a deferral from `defer` until `done`.
 * F1. `done` comes after the row in `processor.retries` is committed; the clock is only told afterwards.
 * F2. The first payload that waits under an id stands; another one is told what it differs in. Where the id is on record
 *     (a row or a decision), that is the first payload: a refund that waits for its original never came to the commit,
 *     which would have looked, so it is looked at here.
 * F3. Refunds that wait for an original are woken by its decision.
 * F4. A false message may have taken the place under an id before the row was there. Once the row is, it makes room for the true one.
 */
export class DeferralDesk {
  readonly #options: DeferralDeskOptions;
  readonly #scheduling: TurnBatch<Item>;
  readonly #early = new EarlyRefunds();

  constructor(options: DeferralDeskOptions) {
    this.#options = options;
    this.#scheduling = new TurnBatch({
      name: 'scheduling retries',
      clock: options.clock,
      logger: options.logger,
      work: (items) => this.#schedule(items),
    });
  }

  /** Whether another try is left. An undecided original has no limit here: how long a refund waits is the domain's. */
  mayDefer(envelope: CommandEnvelope, code: DeferralCode): boolean {
    if (code === 'ORIGINAL_UNDECIDED') return true;
    return attemptsFor(envelope, code) < this.#options.retryAttempts;
  }

  defer(
    envelope: CommandEnvelope,
    command: TransactionCommand,
    code: DeferralCode,
    done: (result: DeferralResult) => void,
  ): void {
    this.#options.metrics.deferred(code);
    const originalId = awaitedBy({ command, code });
    if (originalId !== null) this.#early.add(originalId, command.transactionId);
    this.#scheduling.add({ envelope, command, code, done });
  }

  /** A transaction was decided: refunds that wait for it are tried at once. */
  decided(transactionId: string): void {
    if (this.#early.size === 0) return;
    for (const refundId of this.#early.take(transactionId)) this.#options.wake(refundId);
  }

  async #schedule(items: readonly Item[]): Promise<void> {
    const endings = await Promise.all(items.map((item) => this.#endOnRecord(item)));
    await this.#write(items.filter((_, index) => endings[index] === null));
    for (const [index, { done }] of items.entries()) {
      const settlement = endings[index] ?? null;
      if (settlement !== null) done({ kind: 'ends', settlement });
    }
  }

  /** The other codes come from the commit, which has looked. */
  async #endOnRecord(item: Item): Promise<Settlement | null> {
    if (item.code !== 'ORIGINAL_UNDECIDED') return null;
    const stored = await this.#options.reader.stored(item.command.transactionId);
    return stored === null ? null : this.#onRecord(item, stored);
  }

  #onRecord({ command, envelope }: Item, stored: StoredTransaction): Settlement | null {
    const { mayDecideError } = envelope;
    return settlementOnRecord(command, stored, { refundAmount: this.#options.refundAmount, mayDecideError });
  }

  async #write(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    const { store, clock } = this.#options;
    const retries = items.map((item) => this.#retryOf(item));
    const waiting = await store.schedule(retries);
    const nowMs = clock.now();
    // Before the first is done: what fails here fails for all of them, and comes again.
    const results = await Promise.all(
      items.map((item, index) => this.#resultOf(item, waiting[index] ?? null)),
    );
    for (const [index, item] of items.entries()) {
      const result = results[index];
      const retry = retries[index];
      if (result === undefined || retry === undefined) continue;
      item.done(result);
      if (result.kind === 'scheduled') this.#scheduled(item, retry, nowMs);
    }
  }

  #scheduled(item: Item, { transactionId, attempt, dueAtMs }: Retry, nowMs: number): void {
    const originalId = awaitedBy(item);
    // It was decided while this was written.
    if (originalId !== null && !this.#early.has(originalId, transactionId)) this.#options.wake(transactionId);
    void this.#options.retryClock.arm(transactionId, attempt, Math.max(0, dueAtMs - nowMs));
  }

  /** Where another payload waits under the id, what is on record says which of the two is the true one. */
  async #resultOf(item: Item, waiting: Retry | null): Promise<DeferralResult> {
    if (waiting === null) return { kind: 'scheduled' };
    const result = this.#compare(item.command, waiting);
    if (result.kind !== 'differs') return result;
    const stored = await this.#options.reader.stored(item.command.transactionId);
    if (stored === null) return result;
    const settlement = this.#onRecord(item, stored);
    if (settlement !== null) return { kind: 'ends', settlement };
    const detail = this.#mismatchOf(waiting, stored);
    return detail === null ? result : { kind: 'false-waits', waiting, detail };
  }

  #retryOf({ envelope, command, code }: Item): Retry {
    const { clock, random } = this.#options;
    const attempt = attemptsFor(envelope, code) + 1;
    return {
      transactionId: command.transactionId,
      accountId: command.accountId,
      attempt,
      code,
      queue: envelope.origin.queue,
      body: envelope.origin.body,
      dueAtMs: clock.now() + retryDelayMs(attempt, this.#options.retryDelayMs, random),
      firstSeenAtMs: envelope.firstSeenAtMs,
    };
  }

  /** What makes what waits a false message, in words; null: as far as the row tells, it may be the true one. */
  #mismatchOf(waiting: Retry, stored: StoredTransaction): string | null {
    const command = commandOf(waiting);
    if (command === null) return null;
    const { refundAmount } = this.#options;
    const settlement = settlementOnRecord(command, stored, { refundAmount, mayDecideError: true });
    return settlement?.kind === 'failed' ? settlement.detail : null;
  }

  /** What waits under the id is the first payload: the newcomer is a repeat of it or a different one. */
  #compare(command: TransactionCommand, waiting: Retry): DeferralResult {
    const first = commandOf(waiting);
    if (first === null) return { kind: 'waiting-already' };
    const fields = differences(command, storedOf(first), {
      compareKey: false,
      compareRefundAmount: this.#options.refundAmount === 'message',
    });
    return fields.length === 0 ? { kind: 'waiting-already' } : { kind: 'differs', fields };
  }
}

/** null: it cannot be read any more, and its try will say so. */
function commandOf({ queue, body }: Retry): TransactionCommand | null {
  const decoded = decodeMessage(queue, body);
  return decoded.ok && decoded.command.kind === 'transaction' ? decoded.command : null;
}

/** Retries that were spent on this code: minutes of waiting for an original are not held against a row that is locked for a moment. */
function attemptsFor({ attempt, deferredFor }: CommandEnvelope, code: DeferralCode): number {
  return deferredFor === code ? attempt : 0;
}

/** The original that a refund waits for, null where it is something else that it waits for. */
function awaitedBy({ command, code }: Pick<Item, 'command' | 'code'>): string | null {
  return code === 'ORIGINAL_UNDECIDED' ? command.originalId : null;
}

function storedOf(command: TransactionCommand): StoredTransaction {
  return {
    transactionId: command.transactionId,
    accountId: command.accountId,
    type: command.type,
    amountCents: command.amountCents,
    cardId: command.cardId,
    originalId: command.originalId,
    idempotencyKey: command.idempotencyKey,
    status: 'PENDING',
    reason: null,
  };
}
