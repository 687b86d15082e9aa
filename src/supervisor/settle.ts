import type { TransactionCommand } from '../contracts/command.ts';
import type { Refusal } from '../contracts/refusal.ts';
import type { DeferralCode, FailureCode } from '../domain/codes.ts';
import { duplicateAnnounced } from '../domain/announcement.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { Clock, Logger, Metrics } from '../ports/runtime.ts';
import type { AnnouncementStore, Retry, RetryStore } from '../ports/stores.ts';
import { traceId } from '../ports/tracing.ts';
import type { CommandEnvelope, EnvelopeDesk, Origin } from './command-envelope.ts';
import { logSettlement } from './decision-line.ts';
import { falseRetryLetter, failedLetter, refusedLetter, unhandledLetter } from './dead-letter.ts';
import type { Letter } from './dead-letter.ts';
import type { DeadLetterDesk } from './dead-letter-desk.ts';
import type { DeferralDesk, DeferralResult } from './deferral-desk.ts';
import type { InFlight } from './in-flight.ts';
import type { ParkDesk } from './park-desk.ts';
import type { Tally } from './tally.ts';
import { noteSettlement, noteUnread } from './trace-facts.ts';
import { TurnBatch } from './turn-batch.ts';

export interface SettleOptions {
  readonly deadLetters: DeadLetterDesk;
  readonly deferrals: DeferralDesk;
  readonly parking: Pick<ParkDesk, 'park'>;
  readonly retryStore: RetryStore;
  /** null: no events are published. */
  readonly announcements: Pick<AnnouncementStore, 'announce'> | null;
  readonly tally: Tally;
  readonly inFlight: InFlight;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly retryAttempts: number;
  /** Takes back what was not decided: the router. */
  readonly giveBack: (envelope: CommandEnvelope) => void;
}

/** A repeat under another id, to be told of. */
interface Duplicate {
  readonly envelope: CommandEnvelope;
  readonly firstId: string;
}

/** A retry whose row is to be removed. */
interface Ended {
  readonly transactionId: string;
  readonly body: Buffer;
  readonly done: () => void;
}

/**
 * The one way out. Nobody else acknowledges, schedules, parks or dead-letters.
 *
 * Owns a message from its settlement to its acknowledgement.
 * S1. Nothing is acknowledged before its outcome is durable in PostgreSQL: decided (committed before it comes here),
 *     scheduled, parked, or recorded as a dead letter and published. That an event of it is to be published is part of it.
 * S2. A store that fails delays the acknowledgement; it never changes the outcome. Only parking can be refused, by the fence: then
 *     the command is unanswered again, and goes back to where it came from.
 * S3. A retry's row is forgotten after the outcome is durable, so a crash in between only repeats the retry.
 */
export class Settle implements EnvelopeDesk {
  readonly #options: SettleOptions;
  readonly #forgetting: TurnBatch<Ended>;
  readonly #telling: TurnBatch<Duplicate>;

  constructor(options: SettleOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#forgetting = new TurnBatch({
      name: 'removing settled retries',
      clock,
      logger,
      work: (items) => this.#forget(items),
    });
    this.#telling = new TurnBatch({
      name: 'noting duplicates to be told of',
      clock,
      logger,
      work: (items) => this.#announce(items),
    });
  }

  settled(envelope: CommandEnvelope, settlement: Settlement): void {
    logSettlement(this.#options.logger, envelope, settlement);
    if (envelope.trace !== null) noteSettlement(envelope.trace, settlement);
    switch (settlement.kind) {
      case 'decided':
        this.#options.tally.decided(settlement.decision.command.type, settlement.decision.outcome);
        this.#options.tally.flagged(settlement.decision.flags);
        this.#options.deferrals.decided(settlement.decision.command.transactionId);
        this.#end(envelope);
        break;
      case 'repeat':
        this.#options.tally.repeated('already_decided');
        this.#end(envelope);
        break;
      case 'same-key':
        this.#noteSameKey(envelope, settlement.firstId);
        if (this.#options.announcements === null) this.#end(envelope);
        else this.#telling.add({ envelope, firstId: settlement.firstId });
        break;
      case 'answered':
      case 'operated':
        this.#end(envelope);
        break;
      case 'deferred':
        this.#defer(envelope, settlement.code);
        break;
      case 'failed':
        this.#giveUp(envelope, settlement.code, settlement.detail);
        break;
      case 'parked':
        this.#options.parking.park(envelope, settlement.reason, (end) => {
          if (end === 'parked') this.#end(envelope);
          else envelope.unsettle('fenced');
        });
        break;
    }
  }

  givenBack(envelope: CommandEnvelope): void {
    this.#options.giveBack(envelope);
  }

  /** A message that could not become a command. `retryOf`: the transaction it is a retry of, null for a delivery. */
  refuse(origin: Origin, refusal: Refusal, receivedAtMs: number, retryOf: string | null = null): void {
    if (origin.trace != null) noteUnread(origin.trace, refusal.code);
    this.#options.deadLetters.send(refusedLetter(origin, refusal, receivedAtMs), () =>
      this.#endUnread(origin, receivedAtMs, retryOf),
    );
  }

  /** A message whose handling threw: a mistake of ours, which must not stop the queue. */
  unhandled(origin: Origin, detail: string, receivedAtMs: number, retryOf: string | null = null): void {
    if (origin.trace != null) noteUnread(origin.trace, 'INVARIANT_BROKEN');
    this.#options.deadLetters.send(unhandledLetter(origin, detail, receivedAtMs), () =>
      this.#endUnread(origin, receivedAtMs, retryOf),
    );
  }

  /** A row without a message that cannot be driven. */
  giveUpRow(letter: Letter, origin: Origin, receivedAtMs: number): void {
    this.#options.deadLetters.send(letter, () => this.#answer(origin, receivedAtMs));
  }

  #noteSameKey(envelope: CommandEnvelope, firstId: string): void {
    this.#options.tally.repeated('same_key');
    this.#options.logger.info(
      {
        transaction_id: idOf(envelope),
        first_id: firstId,
        account_id: envelope.command.accountId,
        ...traceId(envelope.trace),
      },
      'repeats another transaction under the same idempotency key',
    );
  }

  #defer(envelope: CommandEnvelope, code: DeferralCode): void {
    const { deferrals, retryAttempts } = this.#options;
    const { command } = envelope;
    if (command.kind !== 'transaction') {
      this.#giveUp(envelope, 'INVARIANT_BROKEN', `a ${command.kind} request cannot be deferred`);
    } else if (deferrals.mayDefer(envelope, code)) {
      deferrals.defer(envelope, command, code, (result) => this.#deferred(envelope, command, code, result));
    } else {
      this.#giveUp(envelope, code, `still so after ${retryAttempts} retries`);
    }
  }

  #deferred(
    envelope: CommandEnvelope,
    command: TransactionCommand,
    code: DeferralCode,
    result: DeferralResult,
  ): void {
    switch (result.kind) {
      case 'scheduled':
        this.#answer(envelope.origin, envelope.receivedAtMs);
        break;
      case 'ends':
        this.settled(envelope, result.settlement);
        break;
      case 'waiting-already':
        this.#options.tally.repeated('already_decided');
        this.#answer(envelope.origin, envelope.receivedAtMs);
        break;
      case 'differs': {
        const fields = result.fields.join(', ');
        const detail = `differs in ${fields} from the message with id ${command.transactionId} that waits for its retry`;
        this.#giveUp(envelope, 'PAYLOAD_MISMATCH', detail);
        break;
      }
      case 'false-waits':
        this.#endFalse(result.waiting, result.detail, () => this.#defer(envelope, code));
    }
  }

  /** What waits for its retry is given up; `next` when its place is free. */
  #endFalse(waiting: Retry, detail: string, next: () => void): void {
    const { transactionId, body } = waiting;
    this.#options.deadLetters.send(falseRetryLetter(waiting, detail), () =>
      this.#forgetting.add({ transactionId, body, done: next }),
    );
  }

  #giveUp(envelope: CommandEnvelope, code: FailureCode | DeferralCode, detail: string): void {
    this.#options.deadLetters.send(failedLetter(envelope, code, detail), () => this.#end(envelope));
  }

  /** The outcome is durable. A retry still has to be struck off its list. */
  #end(envelope: CommandEnvelope): void {
    const { origin, receivedAtMs, road } = envelope;
    this.#endUnread(origin, receivedAtMs, road === 'retry' ? idOf(envelope) : null);
  }

  #endUnread(origin: Origin, receivedAtMs: number, retryOf: string | null): void {
    const done = (): void => this.#answer(origin, receivedAtMs);
    if (retryOf === null) done();
    else this.#forgetting.add({ transactionId: retryOf, body: origin.body, done });
  }

  #answer(origin: Origin, receivedAtMs: number): void {
    origin.ack();
    this.#options.metrics.settled((this.#options.clock.now() - receivedAtMs) / 1000);
    this.#options.inFlight.leave();
  }

  /** Nothing else is written of a repeat. */
  async #announce(duplicates: readonly Duplicate[]): Promise<void> {
    await this.#options.announcements?.announce(
      duplicates.map(({ envelope, firstId }) =>
        duplicateAnnounced(envelope.command.accountId, idOf(envelope), firstId),
      ),
    );
    for (const { envelope } of duplicates) this.#end(envelope);
  }

  async #forget(retries: readonly Ended[]): Promise<void> {
    await this.#options.retryStore.remove(retries);
    for (const { done } of retries) done();
  }
}

function idOf({ command }: CommandEnvelope): string {
  return command.kind === 'transaction' ? command.transactionId : '';
}
