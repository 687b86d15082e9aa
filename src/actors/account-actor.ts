import { createActor } from 'xstate';
import type { Actor, AnyActor, SnapshotFrom } from 'xstate';
import type { AccountState } from '../domain/account.ts';
import type { RuleSet } from '../domain/rules/rule-set.ts';
import type { AccountEvent, AccountPlace, AccountRules, StopReason } from '../machines/account-effects.ts';
import { contextWith } from '../machines/account-context.ts';
import { accountMachine } from '../machines/account-machine.ts';
import { quickMachine } from '../machines/quick-machine.ts';
import type { StepWatch } from '../machines/quick-machine.ts';
import { Mailbox } from '../machines/mailbox.ts';
import type { BalanceEnvelope } from '../machines/mailbox.ts';
import type { AccountChange, AccountReader } from '../ports/ledger.ts';
import type { AccountOrder } from '../ports/operator-ledger.ts';
import type { Clock, Logger, Random } from '../ports/runtime.ts';
import type { ProposalResult } from './commit-lane.ts';
import type { OrderResult } from './order-lane.ts';
import type { Envelope, GiveBackReason } from '../machines/envelope.ts';
import { LiveEffects } from './live-effects.ts';

export type { AccountPlace, StopReason } from '../machines/account-effects.ts';

/** All that an account's actor sees of whoever keeps it. */
export interface AccountParent {
  /** Puts a change on the commit lane of its shard; `done` is called once, never before this returns. */
  commit(actor: AccountActor, change: AccountChange, done: (result: ProposalResult) => void): void;
  /** Has an operator's order written; `done` is called once, never before this returns. */
  order(actor: AccountActor, order: AccountOrder, done: (result: OrderResult) => void): void;
  /** Takes a balance request over and settles it. `state` is the account as it is committed. */
  answerBalance(request: BalanceEnvelope, state: AccountState): void;
  /**
   * The actor has ended and does nothing more. `unanswered` is every command it had accepted and not answered, in
   * the order of delivery; they are the parent's from here. (Parked ones were given back: they are in the ledger.) `cause` is what was thrown, for `crashed`.
   */
  stopped(actor: AccountActor, reason: StopReason, unanswered: readonly Envelope[], cause?: unknown): void;
}

/** The commands in `processor.parked`, as an actor sees them. */
export interface ParkedCommands {
  /** Resolves when everything of the account that is being parked is in the ledger; null: nothing is. */
  whenParked(accountId: string): Promise<void> | null;
  /** The oldest ones, in order; none: there are no more. One that is given back stays where it is. Rejects with the driver's error. */
  take(accountId: string): Promise<readonly Envelope[]>;
}

/** What all actors of a node share: one object for all of them. */
export interface ActorSurroundings {
  /** Of the XState system that they share. */
  readonly root: AnyActor;
  readonly reader: AccountReader;
  readonly parked: ParkedCommands;
  readonly parent: AccountParent;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly rules: AccountRules;
  /** In force at this moment; null: none. */
  readonly ruleSet: () => RuleSet | null;
}

/** An account as the console and the tests see it. */
export interface AccountSnapshot {
  readonly accountId: string;
  readonly shard: number;
  /** Where the statechart is, such as `active.committing`. */
  readonly at: string;
  /** null until the account was read. */
  readonly state: AccountState | null;
  readonly waitingCount: number;
  readonly runCount: number;
  readonly setbacks: number;
  readonly lastUsedMs: number;
}

/** What the commands of an actor that ended are told. */
export const GIVE_BACK_AS: Readonly<Record<StopReason, GiveBackReason>> = {
  idle: 'stopped',
  unknown: 'stopped',
  stopped: 'stopped',
  fenced: 'fenced',
  crashed: 'crashed',
  shutdown: 'shutdown',
};

/**
 * Runs the statechart of one account.
 *
 * Owns the mailbox and the XState actor. Reads at once, when it is made.
 *
 * A1. What `accept` took is settled, handed over as a balance request, or given to `parent.stopped`: once.
 * A2. `parent.stopped` is called once; nothing is told to the chart after it, whatever still comes back.
 *     Commands that were parked are given back to where they came from.
 * A3. A throw inside the chart ends this actor with `crashed`, never the process.
 */
export class AccountActor {
  readonly place: AccountPlace;
  readonly surroundings: ActorSurroundings;
  readonly #mailbox = new Mailbox();
  readonly #effects: LiveEffects;
  readonly #actor: Actor<typeof accountMachine>;
  #ended: StopReason | null = null;
  #parkedLeft = 0;
  #lastUsedMs: number;

  constructor(place: AccountPlace, surroundings: ActorSurroundings) {
    this.place = place;
    this.surroundings = surroundings;
    this.#lastUsedMs = surroundings.clock.now();
    this.#effects = new LiveEffects(this);
    this.#actor = createActor(ACCOUNT_LOGIC, {
      id: place.accountId,
      parent: surroundings.root,
      input: { place, rules: surroundings.rules, mailbox: this.#mailbox, effects: this.#effects },
    });
    this.#actor.start();
    this.#noteCrash();
  }

  get accountId(): string {
    return this.place.accountId;
  }

  /** When it last accepted a command, in milliseconds since the epoch. */
  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  /** Nothing waits and nothing is under way: `passivate` would end it. */
  get idle(): boolean {
    return (
      this.#ended === null && this.#mailbox.isEmpty && this.#actor.getSnapshot().can({ type: 'passivate' })
    );
  }

  /** Where the statechart is, such as `active.committing`. */
  get at(): string {
    return describePlace(this.#actor.getSnapshot().value);
  }

  /** Commands accepted and not answered. */
  get unansweredCount(): number {
    return this.#mailbox.waitingCount + this.#mailbox.run.length + (this.#mailbox.order === null ? 0 : 1);
  }

  /** When the oldest of them came, in milliseconds since the epoch; null: there is none. */
  get oldestReceivedAtMs(): number | null {
    return this.#mailbox.oldestReceivedAtMs;
  }

  get ended(): StopReason | null {
    return this.#ended;
  }

  /** Parked commands it had in hand at its end. They come before all others: if it crashed, then over one of them. */
  get parkedLeft(): number {
    return this.#parkedLeft;
  }

  /** For `system.inspect`, which tells of all accounts and of their root. An observer that throws may jam any of them for ever: guard it. */
  get inspected(): Actor<typeof accountMachine> {
    return this.#actor;
  }

  /** Takes a command, in every state. One that comes after the end is given back at once. */
  accept(envelope: Envelope): void {
    if (this.#ended !== null) {
      envelope.giveBack(GIVE_BACK_AS[this.#ended]);
      return;
    }
    this.#lastUsedMs = this.surroundings.clock.now();
    this.#mailbox.accept(envelope);
    // Said for the first that waits only: whoever takes that one takes those behind it too.
    if (this.#mailbox.waitingCount === 1) this.tell(ARRIVED);
  }

  /** Asks the actor to end for lack of work. `ended`: it did, and the parent was told. */
  passivate(): 'ended' | 'busy' {
    this.tell({ type: 'passivate' });
    return this.#ended === null ? 'busy' : 'ended';
  }

  /** Ends now; what is unanswered goes to `parent.stopped`, even what is being committed. */
  stop(reason: 'stopped' | 'fenced' | 'shutdown'): void {
    this.tell({ type: 'stop', reason });
  }

  /** The ledger has parked commands of it: they are taken up before anything newer, unless it is quarantined. */
  takeUpParked(): void {
    this.tell({ type: 'parked.seen' });
  }

  /** The ledger holds it as quarantined: what is under way ends, then it reads again, and parks everything else. */
  quarantine(reason: string): void {
    this.tell({ type: 'quarantine', reason });
  }

  snapshot(): AccountSnapshot {
    const { context } = this.#actor.getSnapshot();
    return {
      accountId: this.accountId,
      shard: this.place.shard,
      at: this.at,
      state: context.state,
      waitingCount: this.#mailbox.waitingCount,
      runCount: this.#mailbox.run.length,
      setbacks: context.setbacks,
      lastUsedMs: this.#lastUsedMs,
    };
  }

  /** For its effects: what became of them. A2: whatever still comes back after the end is of no interest. */
  tell(event: AccountEvent): void {
    if (this.#ended !== null) return;
    this.#actor.send(event);
    this.#noteCrash();
  }

  /** For its effects: the chart has come to its end, or it crashed. */
  finish(reason: StopReason, cause?: unknown): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#effects.dispose();
    const { parent, logger } = this.surroundings;
    try {
      this.#parkedLeft = this.#mailbox.giveBackParked(GIVE_BACK_AS[reason]);
      parent.stopped(this, reason, this.#mailbox.takeAll(), cause);
    } catch (error) {
      // Inside the chart a throw would end it a second time.
      logger.error(
        { err: error, account_id: this.accountId, reason },
        'the end of an account was not taken note of',
      );
    }
  }

  /** Looked at after every event: an observer would be 0.3 kB of an account, and a microsecond of a command. */
  #noteCrash(): void {
    const { status, error } = this.#actor.getSnapshot();
    if (status === 'error') this.finish('crashed', error);
  }
}

export function describePlace(value: SnapshotFrom<typeof accountMachine>['value']): string {
  return typeof value === 'string' ? value : Object.entries(value).flat().join('.');
}

/** Nobody watches, but where it is asked what was visited. */
export const ACCOUNT_STEPS: StepWatch = { onStep: null };
const ACCOUNT_LOGIC = quickMachine(accountMachine, ACCOUNT_STEPS, contextWith);
const ARRIVED: AccountEvent = { type: 'command.arrived' };
