import { decodeMessage } from '../contracts/decode.ts';
import type { Command } from '../contracts/command.ts';
import { ROAD_OF_QUEUE } from '../contracts/queues.ts';
import type { InboundQueue } from '../contracts/queues.ts';
import { ensureError } from '../domain/errors.ts';
import { shardOf } from '../domain/shard.ts';
import { LIMITS } from '../limits.ts';
import type { Envelope, GiveBackReason } from '../machines/envelope.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { ParkedRow, ParkStore } from '../ports/stores.ts';
import { traceId } from '../ports/tracing.ts';
import type { CommandTrace, Tracing } from '../ports/tracing.ts';
import { CommandEnvelope } from './command-envelope.ts';
import type { EnvelopeDesk, Origin } from './command-envelope.ts';
import type { InFlight } from './in-flight.ts';
import type { Settle } from './settle.ts';
import { TurnBatch } from './turn-batch.ts';

export interface ParkedDeskOptions {
  readonly store: Pick<ParkStore, 'oldest' | 'unpark' | 'accountsToTakeUp'>;
  readonly settle: Pick<Settle, 'settled' | 'refuse' | 'unhandled'>;
  readonly inFlight: InFlight;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracing?: Tracing | null;
}

/** A row of `processor.parked`, to be forgotten when the outcome of its command is durable. */
class ParkedOrigin implements Origin {
  readonly row: ParkedRow;
  /** Whatever became of its delivery, a record of this message may exist already. */
  readonly redelivered = true;
  readonly trace: CommandTrace | null;
  readonly #onAck: (row: ParkedRow) => void;

  constructor(row: ParkedRow, trace: CommandTrace | null, onAck: (row: ParkedRow) => void) {
    this.row = row;
    this.trace = trace;
    this.#onAck = onAck;
  }

  get queue(): InboundQueue {
    return this.row.queue;
  }

  get body(): Buffer {
    return this.row.body;
  }

  ack(): void {
    this.#onAck(this.row);
    this.trace?.end();
  }
}

/** The command that was handed out alone (null: none yet), and the crashes since. */
interface Suspect {
  readonly n: bigint | null;
  readonly crashes: number;
}

/** A parked command that has crashed its account this often while it was alone is given up. */
const CRASHES_ALONE_MAX = 2;

/**
 * Takes parked commands out of the ledger again and brings them to their account.
 *
 * Owns which rows are on the road: from `take` until they are given back, or deleted.
 * U1. Rows are handed out in order of `n`, those of one account to one actor; a row on the road is not handed out again.
 * U2. A row is deleted after the outcome of its command is durable; a crash in between makes it a repeat.
 * U3. A command that is given back is left where it is: whoever takes up the account next finds it there, before all newer ones.
 * U4. An account that has crashed over one of its parked commands gets them one at a time. One that does it twice while it is
 *     alone is settled as `ACTOR_CRASHED`; the others go on.
 */
export class ParkedDesk implements EnvelopeDesk {
  readonly #options: ParkedDeskOptions;
  readonly #removing: TurnBatch<ParkedRow>;
  readonly #onRoad = new Map<string, Set<bigint>>();
  /** Accounts that get them one at a time. */
  readonly #suspects = new Map<string, Suspect>();
  /** Where `accountsToTakeUp` goes on. */
  #after: string | null = null;

  constructor(options: ParkedDeskOptions) {
    const { clock, logger, store } = options;
    this.#options = options;
    this.#removing = new TurnBatch({
      name: 'removing parked commands',
      clock,
      logger,
      work: async (rows) => {
        await store.unpark(rows);
        for (const row of rows) this.#offRoad(row);
      },
    });
  }

  /** The oldest parked commands of the account, in order; none: there are no more. Rejects with the driver's error. */
  async take(accountId: string): Promise<readonly Envelope[]> {
    for (;;) {
      const onRoad = [...(this.#onRoad.get(accountId) ?? [])];
      const suspect = this.#suspects.get(accountId);
      const limit = suspect === undefined ? LIMITS.parkedBatchMax : 1;
      const rows = await this.#options.store.oldest(accountId, onRoad, limit);
      const envelopes = rows.flatMap((row) => this.#bring(row));
      if (suspect !== undefined) this.#handedOutAlone(accountId, suspect, rows[0]);
      // A batch in which nothing could be read says nothing about what is behind it.
      if (rows.length === 0 || envelopes.length > 0) return envelopes;
    }
  }

  /** There is no such account: a batch of what is parked for it is given up. Never rejects; what fails is tried the next time. */
  async refuse(accountId: string): Promise<void> {
    const detail = `there is no account ${accountId}`;
    try {
      for (const envelope of await this.take(accountId))
        envelope.settle({ kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail });
    } catch (error) {
      this.#options.logger.warn(
        { err: error, account_id: accountId },
        'what is parked for an unknown account could not be read, later again',
      );
    }
  }

  /** Accounts with parked commands that are not quarantined: some of them, the next ones when it is asked again. */
  async accountsToTakeUp(): Promise<readonly string[]> {
    const accounts = await this.#options.store.accountsToTakeUp(this.#after, LIMITS.parkedAccountsMax);
    this.#after = accounts.length < LIMITS.parkedAccountsMax ? null : (accounts.at(-1) ?? null);
    return accounts;
  }

  settled(...args: Parameters<EnvelopeDesk['settled']>): void {
    this.#options.settle.settled(...args);
  }

  givenBack(envelope: CommandEnvelope, reason: GiveBackReason): void {
    if (!(envelope.origin instanceof ParkedOrigin)) throw new Error('given back to the wrong desk');
    if (reason === 'crashed' && this.#isGuilty(envelope.origin.row)) {
      envelope.settle({
        kind: 'failed',
        code: 'ACTOR_CRASHED',
        detail: "the account's actor crashed on it, more than once while it was alone",
      });
      return;
    }
    this.#options.inFlight.leave();
    envelope.trace?.end();
    this.#offRoad(envelope.origin.row);
  }

  #handedOutAlone(accountId: string, { n, crashes }: Suspect, row: ParkedRow | undefined): void {
    if (row === undefined) this.#suspects.delete(accountId);
    else this.#suspects.set(accountId, { n: row.n, crashes: row.n === n ? crashes : 0 });
  }

  /** Counts a crash. While there are several that it could have been, none is guilty. */
  #isGuilty({ accountId, n }: ParkedRow): boolean {
    const suspect = this.#suspects.get(accountId) ?? { n: null, crashes: 0 };
    const crashes = suspect.n === n ? suspect.crashes + 1 : suspect.crashes;
    this.#suspects.set(accountId, { ...suspect, crashes });
    return suspect.n === n && crashes >= CRASHES_ALONE_MAX;
  }

  #bring(row: ParkedRow): readonly Envelope[] {
    const { settle, inFlight, clock, logger, tracing } = this.#options;
    const trace = tracing == null ? null : tracing.received({ from: 'parked', traceparent: null });
    const origin = new ParkedOrigin(row, trace, (ended) => this.#removing.add(ended));
    const receivedAtMs = clock.now();
    inFlight.enter();
    this.#putOnRoad(row);
    try {
      const decoded = decodeMessage(row.queue, row.body);
      if (decoded.ok) return [this.#envelopeOf(origin, decoded.command, receivedAtMs)];
      settle.refuse(origin, decoded.refusal, receivedAtMs);
    } catch (error) {
      logger.error(
        { err: error, queue: row.queue, ...traceId(trace) },
        'a parked message could not be handled',
      );
      settle.unhandled(origin, ensureError(error).message, receivedAtMs);
    }
    return [];
  }

  /** It never goes through the router, so it needs no place in the order of arrival. */
  #envelopeOf(origin: ParkedOrigin, command: Command, receivedAtMs: number): CommandEnvelope {
    const road = ROAD_OF_QUEUE[origin.queue];
    return new CommandEnvelope(
      {
        command,
        origin,
        road,
        shard: shardOf(command.accountId, LIMITS.shardCount),
        n: 0,
        attempt: 0,
        deferredFor: null,
        mayDecideError: road === 'replay',
        receivedAtMs,
        firstSeenAtMs: origin.row.sinceMs,
      },
      this,
    );
  }

  #putOnRoad({ accountId, n }: ParkedRow): void {
    const ofAccount = this.#onRoad.get(accountId) ?? new Set();
    this.#onRoad.set(accountId, ofAccount.add(n));
  }

  #offRoad({ accountId, n }: ParkedRow): void {
    const ofAccount = this.#onRoad.get(accountId);
    ofAccount?.delete(n);
    if (ofAccount?.size === 0) this.#onRoad.delete(accountId);
  }
}
