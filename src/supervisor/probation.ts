import type { Envelope, GiveBackReason } from '../machines/envelope.ts';
import type { Settlement } from '../domain/settlement.ts';

/** Tells the probation that its one command has ended, and is otherwise the command itself. */
class WatchedEnvelope implements Envelope {
  readonly inner: Envelope;
  readonly #onEnd: () => void;

  constructor(inner: Envelope, onEnd: () => void) {
    this.inner = inner;
    this.#onEnd = onEnd;
  }

  get command(): Envelope['command'] {
    return this.inner.command;
  }
  get road(): Envelope['road'] {
    return this.inner.road;
  }
  get shard(): number {
    return this.inner.shard;
  }
  get attempt(): number {
    return this.inner.attempt;
  }
  get mayDecideError(): boolean {
    return this.inner.mayDecideError;
  }
  get receivedAtMs(): number {
    return this.inner.receivedAtMs;
  }
  get firstSeenAtMs(): number {
    return this.inner.firstSeenAtMs;
  }

  settle(settlement: Settlement): void {
    this.inner.settle(settlement);
    this.#onEnd();
  }

  giveBack(reason: GiveBackReason): void {
    this.inner.giveBack(reason);
    this.#onEnd();
  }
}

/** A command that has crashed its account this often while it was alone is given up. */
const CRASHES_ALONE_MAX = 2;

export interface ProbationOptions {
  /** What the crashed actor had not answered, in order. */
  readonly unanswered: readonly Envelope[];
  /** Gives a command to a fresh actor, or to the one that has survived so far. */
  readonly deliver: (envelope: Envelope) => void;
  /** Everything is answered: the account is as good as any other. */
  readonly onOver: () => void;
}

/**
 * An account whose actor has crashed gets its commands one at a time, until the one that does it is found.
 *
 * Owns the commands that the actor has not been given yet.
 * P1. Order is kept: the next command goes in when the one before it has ended, newer ones wait behind.
 * P2. A command that crashes the actor twice while it is alone is settled as `ACTOR_CRASHED`; the others go on.
 */
export class Probation {
  readonly #options: ProbationOptions;
  #waiting: Envelope[];
  #alone: Envelope | null = null;
  #crashesAlone: number;
  #phase: 'running' | 'over' = 'running';

  constructor(options: ProbationOptions) {
    this.#options = options;
    this.#waiting = [...options.unanswered];
    this.#crashesAlone = options.unanswered.length === 1 ? 1 : 0;
  }

  /** Separate from the constructor, so that the owner knows of it before anything can end. */
  begin(): void {
    this.#next();
  }

  add(envelope: Envelope): void {
    this.#waiting.push(envelope);
  }

  /** The actor crashed again. */
  crashed(detail: string): void {
    const suspect = this.#alone;
    if (suspect === null) {
      this.#next();
      return;
    }
    this.#crashesAlone += 1;
    this.#alone = null;
    if (this.#crashesAlone >= CRASHES_ALONE_MAX) {
      this.#crashesAlone = 0;
      suspect.settle({ kind: 'failed', code: 'ACTOR_CRASHED', detail });
    } else {
      this.#waiting.unshift(suspect);
    }
    this.#next();
  }

  /** Ends it; everything that the actor had or would have been given, in order. For when there is no actor any more. */
  takeAll(): readonly Envelope[] {
    const alone = this.#alone;
    const waiting = this.takeWaiting();
    return alone === null ? waiting : [alone, ...waiting];
  }

  /** Ends it; what the actor has not been given, in order. What it has is answered by whoever has it. */
  takeWaiting(): readonly Envelope[] {
    const all = this.#waiting;
    this.#alone = null;
    this.#waiting = [];
    this.#phase = 'over';
    return all;
  }

  #next(): void {
    if (this.#phase === 'over' || this.#alone !== null) return;
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#phase = 'over';
      this.#options.onOver();
      return;
    }
    this.#alone = next;
    this.#options.deliver(new WatchedEnvelope(next, () => this.#ended(next)));
  }

  #ended(envelope: Envelope): void {
    if (this.#alone !== envelope) return;
    this.#alone = null;
    this.#crashesAlone = 0;
    this.#next();
  }
}
