import { AccountActor } from '../actors/account-actor.ts';
import type { AccountParent, ActorSurroundings, StopReason } from '../actors/account-actor.ts';
import type { CommitLane, ProposalResult } from '../actors/commit-lane.ts';
import type { Envelope, GiveBackReason } from '../actors/envelope.ts';
import type { AccountState } from '../domain/account.ts';
import { ensureError } from '../domain/errors.ts';
import { LIMITS } from '../limits.ts';
import type { BalanceEnvelope } from '../machines/mailbox.ts';
import type { AccountChange } from '../ports/ledger.ts';
import type { Metrics } from '../ports/runtime.ts';
import { CrashRecord } from './crash-record.ts';
import { Probation } from './probation.ts';
import type { ShardTable } from './shard-table.ts';

export interface RegionOptions extends Omit<ActorSurroundings, 'parent'> {
  readonly shards: ShardTable;
  /** Shards are spread over them. One at least. */
  readonly lanes: readonly CommitLane[];
  readonly metrics: Metrics;
  /** Accounts beyond this make the least recently used ones go. */
  readonly activeAccountsMax: number;
  readonly accountIdleMs: number;
  readonly answerBalance: (request: BalanceEnvelope, state: AccountState) => void;
  /** PostgreSQL has refused a commit: another node has taken the shard. */
  readonly onFenced: (shard: number) => void;
}

/** How many accounts are looked at when room is needed for one more. */
const ROOM_TRIES_MAX = 8;
/** Within this time a second use of an account does not move it to the end of the line again. */
const RECENCY_MS = 1_000;

const GIVE_BACK_AS: Readonly<Record<Exclude<StopReason, 'crashed'>, GiveBackReason>> = {
  idle: 'stopped',
  unknown: 'stopped',
  stopped: 'stopped',
  fenced: 'fenced',
  shutdown: 'shutdown',
};

/**
 * The active accounts of this node: starts their actors, stops them, answers for them.
 *
 * Owns every `AccountActor`. They are root actors in a plain map: children of one XState parent cost milliseconds each.
 * G1. One actor per account. The map is in order of last use, to within `RECENCY_MS`; the first is the first to go.
 * G2. What an actor leaves unanswered goes on before anything newer: back to the router's head, or, after a crash, to a
 *     fresh actor one at a time (see `Probation`).
 * G3. An account that crashes more than `actorRestartsMax` times within `restartWindowMs`, or whose balance is not its
 *     journal's, is quarantined: its commands are parked, the others notice nothing.
 */
export class AccountRegion implements AccountParent {
  readonly #options: RegionOptions;
  readonly #surroundings: ActorSurroundings;
  readonly #actors = new Map<string, AccountActor>();
  readonly #probations = new Map<string, Probation>();
  readonly #quarantined = new Map<string, string>();
  readonly #crashes = new CrashRecord();
  #cancelSweep: () => void = () => undefined;

  constructor(options: RegionOptions) {
    const { reader, clock, random, logger, rules } = options;
    this.#options = options;
    this.#surroundings = { reader, clock, random, logger, rules, parent: this };
  }

  get activeCount(): number {
    return this.#actors.size;
  }

  /** The actor of an account, if it is active: for inspection. */
  actorOf(accountId: string): AccountActor | undefined {
    return this.#actors.get(accountId);
  }

  deliver(envelope: Envelope): void {
    const { accountId } = envelope.command;
    const probation = this.#probations.size === 0 ? undefined : this.#probations.get(accountId);
    if (probation === undefined) this.#give(envelope);
    else probation.add(envelope);
  }

  /** Looks for idle accounts from now on, every `passivationSweepMs`. */
  startSweeping(): void {
    this.#cancelSweep = this.#options.clock.after(LIMITS.passivationSweepMs, () => {
      this.#crashes.prune(this.#options.clock.now());
      this.passivateIdle();
      this.startSweeping();
    });
  }

  /** Ends every actor at once; what they had not answered is given back. */
  shutDown(): void {
    this.#cancelSweep();
    for (const actor of [...this.#actors.values()]) actor.stop('shutdown');
  }

  /** From now on nothing of this account is decided here. */
  quarantine(accountId: string, reason: string): void {
    if (this.#quarantined.has(accountId)) return;
    this.#options.logger.error({ account_id: accountId, reason }, 'account quarantined');
    this.#quarantined.set(accountId, reason);
    for (const envelope of this.#endProbation(accountId)) envelope.settle({ kind: 'parked', reason });
    this.#actors.get(accountId)?.quarantine(reason);
  }

  /** Stops what has been idle for too long; a bounded number, so that a turn stays short. */
  passivateIdle(): void {
    const usedBeforeMs = this.#options.clock.now() - this.#options.accountIdleMs;
    let looked = 0;
    for (const actor of this.#actors.values()) {
      if (actor.lastUsedMs > usedBeforeMs || looked >= LIMITS.passivationsMax) return;
      looked += 1;
      if (actor.passivate() === 'busy') this.#moveToEnd(actor);
    }
  }

  // What an actor says to its parent.

  commit(_actor: AccountActor, change: AccountChange, done: (result: ProposalResult) => void): void {
    const { lanes } = this.#options;
    const lane = lanes[change.shard % lanes.length];
    if (lane === undefined) throw new Error('there is no commit lane');
    lane.submit(change, done);
  }

  answerBalance(request: BalanceEnvelope, state: AccountState): void {
    this.#options.answerBalance(request, state);
  }

  stopped(actor: AccountActor, reason: StopReason, unanswered: readonly Envelope[], cause?: unknown): void {
    const { shards, metrics, onFenced } = this.#options;
    const { accountId, shard, epoch } = actor.place;
    if (this.#actors.get(accountId) === actor) this.#actors.delete(accountId);
    metrics.actorStopped(reason);
    if (reason === 'crashed') {
      this.#crashed(actor, unanswered, ensureError(cause));
      return;
    }
    if (reason === 'fenced' && shards.epochOf(shard) === epoch) {
      shards.lose(shard);
      onFenced(shard);
    }
    const goesOn = reason === 'idle' || reason === 'unknown' || !this.#probations.has(accountId);
    const left = goesOn ? unanswered : this.#endProbation(accountId);
    for (const envelope of left) envelope.giveBack(GIVE_BACK_AS[reason]);
  }

  #give(envelope: Envelope): void {
    const { accountId } = envelope.command;
    const reason = this.#quarantined.size === 0 ? undefined : this.#quarantined.get(accountId);
    if (reason !== undefined) {
      envelope.settle({ kind: 'parked', reason });
      return;
    }
    const present = this.#actors.get(accountId);
    if (present === undefined) {
      this.#start(accountId, envelope)?.accept(envelope);
    } else {
      if (envelope.receivedAtMs - present.lastUsedMs > RECENCY_MS) this.#moveToEnd(present);
      present.accept(envelope);
    }
  }

  /** Starts the account's actor. An epoch that has gone meanwhile sends the command back to the router. */
  #start(accountId: string, envelope: Envelope): AccountActor | undefined {
    const epoch = this.#options.shards.epochOf(envelope.shard);
    if (epoch === null) {
      envelope.giveBack('fenced');
      return undefined;
    }
    if (this.#actors.size >= this.#options.activeAccountsMax) this.#makeRoom();
    const actor = new AccountActor({ accountId, shard: envelope.shard, epoch }, this.#surroundings);
    if (actor.ended === null) this.#actors.set(accountId, actor);
    return actor;
  }

  /** Lets the least recently used idle account go; busy ones are in use and move to the end of the line. */
  #makeRoom(): void {
    let looked = 0;
    for (const actor of this.#actors.values()) {
      if (looked >= ROOM_TRIES_MAX || actor.passivate() === 'ended') return;
      looked += 1;
      this.#moveToEnd(actor);
    }
  }

  #moveToEnd(actor: AccountActor): void {
    this.#actors.delete(actor.accountId);
    this.#actors.set(actor.accountId, actor);
  }

  #endProbation(accountId: string): readonly Envelope[] {
    const probation = this.#probations.get(accountId);
    this.#probations.delete(accountId);
    return probation?.takeAll() ?? [];
  }

  #crashed(actor: AccountActor, unanswered: readonly Envelope[], cause: Error): void {
    const { accountId, shard } = actor.place;
    const { logger, clock } = this.#options;
    const fields = { err: cause, account_id: accountId, shard, unanswered: unanswered.length };
    logger.error(fields, 'the actor of an account crashed');
    const probation = this.#probations.get(accountId);
    if (this.#crashes.add(accountId, clock.now()) === 'quarantine') {
      const left = probation === undefined ? unanswered : this.#endProbation(accountId);
      this.quarantine(accountId, `its actor crashed again and again, the last time with: ${cause.message}`);
      for (const envelope of left) this.#give(envelope);
    } else if (probation === undefined) {
      this.#beginProbation(accountId, unanswered);
    } else {
      probation.crashed(`the account's actor crashed on it: ${cause.message}`);
    }
  }

  #beginProbation(accountId: string, unanswered: readonly Envelope[]): void {
    const probation = new Probation({
      unanswered,
      deliver: (envelope) => this.#give(envelope),
      onOver: () => this.#probations.delete(accountId),
    });
    this.#probations.set(accountId, probation);
    probation.begin();
  }
}
