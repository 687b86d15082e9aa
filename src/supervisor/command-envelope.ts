import type { Envelope, GiveBackReason } from '../machines/envelope.ts';
import type { Command, Road } from '../contracts/command.ts';
import { decodeMessage } from '../contracts/decode.ts';
import type { InboundQueue } from '../contracts/queues.ts';
import type { Refusal } from '../contracts/refusal.ts';
import type { DeferralCode } from '../domain/codes.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { CommandTrace } from '../ports/tracing.ts';
import { noteCommand } from './trace-facts.ts';

/** Where a command came from, and who is to be told that its outcome is durable. A `Delivery` is one. */
export interface Origin {
  readonly queue: InboundQueue;
  readonly body: Buffer;
  /** It may have been handled before: the broker gives it once more, or another node had it. */
  redelivered: boolean;
  /** Ends with `ack`. None: it is not traced. */
  readonly trace?: CommandTrace | null;
  /** Called once, after the outcome is durable. Never throws. */
  ack(): void;
}

/** What an envelope knows of its surroundings. */
export interface EnvelopeDesk {
  settled(envelope: CommandEnvelope, settlement: Settlement): void;
  givenBack(envelope: CommandEnvelope, reason: GiveBackReason): void;
}

/** A message of which only the account is known. It is decoded where its account is decided. */
export interface Unread {
  readonly kind: 'unread';
  readonly accountId: string;
}

export interface EnvelopeFields {
  readonly command: Command | Unread;
  /** null: it came by no queue. Only an operator's order does, and its desk answers for it. */
  readonly origin: Origin | null;
  readonly road: Road;
  readonly shard: number;
  /** Place in the order of arrival, counting up over the whole node. */
  readonly n: number;
  readonly attempt: number;
  /** Why it was deferred the last time, null on the first try. */
  readonly deferredFor: DeferralCode | null;
  readonly mayDecideError: boolean;
  readonly receivedAtMs: number;
  readonly firstSeenAtMs: number;
}

/** The envelope of every road: one object per message, its two exits are methods. */
export class CommandEnvelope implements Envelope {
  readonly road: Road;
  readonly shard: number;
  readonly n: number;
  readonly attempt: number;
  readonly deferredFor: DeferralCode | null;
  readonly mayDecideError: boolean;
  readonly receivedAtMs: number;
  readonly firstSeenAtMs: number;
  readonly trace: CommandTrace | null;
  #command: Command | Unread;
  readonly #origin: Origin | null;
  readonly #desk: EnvelopeDesk;
  #open = true;

  constructor(fields: EnvelopeFields, desk: EnvelopeDesk) {
    this.#command = fields.command;
    this.#origin = fields.origin;
    this.road = fields.road;
    this.shard = fields.shard;
    this.n = fields.n;
    this.attempt = fields.attempt;
    this.deferredFor = fields.deferredFor;
    this.mayDecideError = fields.mayDecideError;
    this.receivedAtMs = fields.receivedAtMs;
    this.firstSeenAtMs = fields.firstSeenAtMs;
    this.trace = fields.origin?.trace ?? null;
    this.#desk = desk;
    if (this.trace !== null) noteCommand(this.trace, fields);
  }

  get accountId(): string {
    return this.#command.accountId;
  }

  /** Throws for what is not read. */
  get command(): Command {
    if (this.#command.kind === 'unread') throw new Error('a command was used that nobody has read');
    return this.#command;
  }

  /** Decodes it, if nobody has. What is returned is why it is no command: then it is the caller's to refuse, and nobody else's any more. */
  read(): Refusal | null {
    if (this.#command.kind !== 'unread') return null;
    const { queue, body } = this.origin;
    const decoded = decodeMessage(queue, body);
    if (!decoded.ok) return decoded.refusal;
    this.#command = decoded.command;
    return null;
  }

  /** It came by no queue: it can be neither forwarded nor kept, only decided here or given back. */
  get isOrder(): boolean {
    return this.#origin === null;
  }

  /** Throws for an order. */
  get origin(): Origin {
    if (this.#origin === null) throw new Error('an order came by no queue');
    return this.#origin;
  }

  /** False once it is settled: a second settlement of the same envelope would acknowledge twice and is ignored. */
  get open(): boolean {
    return this.#open;
  }

  settle(settlement: Settlement): void {
    if (!this.#open) return;
    this.#open = false;
    this.#desk.settled(this, settlement);
  }

  /** Its settlement has come to nothing, and nothing is left of it: unanswered again, it is given back. */
  unsettle(reason: GiveBackReason): void {
    this.#open = true;
    this.giveBack(reason);
  }

  giveBack(reason: GiveBackReason): void {
    if (this.#open) this.#desk.givenBack(this, reason);
  }
}
