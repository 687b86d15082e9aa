import { AccountActor, GIVE_BACK_AS } from '../actors/account-actor.ts';
import type { AccountParent, AccountPlace, ActorSurroundings, StopReason } from '../actors/account-actor.ts';
import { startAccountsRoot } from '../actors/accounts-root.ts';
import type { CommitLane, ProposalResult } from '../actors/commit-lane.ts';
import type { OrderLane, OrderResult } from '../actors/order-lane.ts';
import type { Envelope } from '../machines/envelope.ts';
import type { AccountState } from '../domain/account.ts';
import { ensureError } from '../domain/errors.ts';
import { shardOf } from '../domain/shard.ts';
import { LIMITS } from '../limits.ts';
import type { BalanceEnvelope } from '../machines/mailbox.ts';
import type { AccountChange } from '../ports/ledger.ts';
import type { AccountOrder } from '../ports/operator-ledger.ts';
import type { Metrics } from '../ports/runtime.ts';
import type { QuarantineStore } from '../ports/stores.ts';
import { ActiveAccounts } from './active-accounts.ts';
import { CrashRecord } from './crash-record.ts';
import { Probation } from './probation.ts';
import { QuarantineDesk } from './quarantine-desk.ts';
import type { PendingQuarantine } from './quarantine-desk.ts';
import type { ShardTable } from './shard-table.ts';

export interface RegionOptions extends Omit<ActorSurroundings, 'parent' | 'root'> {
  readonly shards: ShardTable;
  /** Shards are spread over them. One at least. */
  readonly lanes: readonly CommitLane[];
  readonly orders: OrderLane;
  /** Some accounts with parked commands, of whatever shard; others the next time. */
  readonly accountsToTakeUp: () => Promise<readonly string[]>;
  /** There is no such account: what is parked for it is given up. Must not throw. */
  readonly refuseParked: (accountId: string) => void;
  readonly metrics: Metrics;
  readonly quarantines: QuarantineStore;
  /** Accounts beyond this make the least recently used ones go. */
  readonly activeAccountsMax: number;
  readonly accountIdleMs: number;
  readonly answerBalance: (request: BalanceEnvelope, state: AccountState) => void;
  /** PostgreSQL has refused to write under this epoch: another node has taken the shard. May call `letGo`. */
  readonly onFenced: (shard: number, epoch: bigint) => void;
}

/**
 * The active accounts of this node: starts their actors, stops them, answers for them.
 *
 * Owns every `AccountActor`. They stand in a plain map: spawned by an XState parent they would cost milliseconds each.
 * G1. One actor per account. Beyond `activeAccountsMax` the one used least recently goes (see `ActiveAccounts`).
 * G2. What an actor leaves unanswered goes on before anything newer: back to the router's head, or, after a crash, to a
 *     fresh actor one at a time (see `Probation`).
 * G3. An account that crashes more than `actorRestartsMax` times within `restartWindowMs`, or whose balance is not its
 *     journal's, is quarantined: nothing of it is decided from then on, the others notice nothing.
 * G4. No command is parked before the ledger has the quarantine. While it is being written (see `QuarantineDesk`) what
 *     comes waits, and what the account's actor proposes is held; a commit in a lane ends as it ends.
 * G5. An account of ours with parked commands, if it is not quarantined, gets an actor, also if no new command comes.
 */
export class AccountRegion implements AccountParent {
  readonly #options: RegionOptions;
  readonly #surroundings: ActorSurroundings;
  readonly #active = new ActiveAccounts();
  readonly #probations = new Map<string, Probation>();
  readonly #quarantines: QuarantineDesk;
  readonly #crashes = new CrashRecord();
  /** Accounts whose actors were started for what is parked. */
  readonly #takingUp = new Set<string>();
  #cancelSweep: () => void = () => undefined;
  #onStart: ((actor: AccountActor) => void) | null = null;

  constructor(options: RegionOptions) {
    const { reader, parked, clock, random, logger, rules, ruleSet, shards, quarantines: store } = options;
    this.#options = options;
    this.#quarantines = new QuarantineDesk({
      store,
      shards,
      clock,
      logger,
      onEnd: (pending, end) => this.#quarantineEnded(pending, end),
    });
    const root = startAccountsRoot();
    this.#surroundings = { root, reader, parked, clock, random, logger, rules, ruleSet, parent: this };
  }

  get activeCount(): number {
    return this.#active.size;
  }

  /** All active ones, for figures. */
  get actors(): Iterable<AccountActor> {
    return this.#active;
  }

  /** The actor of an account, if it is active: for inspection. */
  actorOf(accountId: string): AccountActor | undefined {
    return this.#active.get(accountId);
  }

  /** Tells the listener of every actor that starts from now on; null: nobody any more. It must not throw. For inspection. */
  watchStarts(listener: ((actor: AccountActor) => void) | null): void {
    this.#onStart = listener;
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
      void this.takeUpParked();
      this.startSweeping();
    });
  }

  /** Ends every actor at once; what they had not answered is given back. */
  shutDown(): void {
    this.#cancelSweep();
    for (const actor of [...this.#active]) actor.stop('shutdown');
    for (const envelope of this.#quarantines.takeAll()) envelope.giveBack('shutdown');
  }

  /** Of one shard. */
  actorsOf(shard: number): ReadonlySet<AccountActor> {
    return this.#active.ofShard(shard);
  }

  /** Something of the shard is in hand: an actor, or an account that is being set aside or on probation. */
  isBusyWith(shard: number): boolean {
    if (this.actorsOf(shard).size > 0 || this.#quarantines.isBusyWith(shard)) return true;
    return [...this.#probations.keys()].some((accountId) => shardOf(accountId, LIMITS.shardCount) === shard);
  }

  /** Ends everything of a shard at once, and gives back what is unanswered: it is another node's (`fenced`), or about to be. */
  letGo(shard: number, reason: 'fenced' | 'stopped'): void {
    for (const actor of [...this.actorsOf(shard)]) actor.stop(reason);
    for (const accountId of [...this.#probations.keys()])
      if (shardOf(accountId, LIMITS.shardCount) === shard)
        for (const envelope of this.#endProbation(accountId)) envelope.giveBack(reason);
    for (const envelope of this.#quarantines.takeShard(shard)) envelope.giveBack(reason);
  }

  /**
   * From now on nothing of this account is decided here; once the ledger knows, its commands are parked. A request that has found the
   * fault waits for that as well, and is given to the account once more; if its shard is not ours, it goes back to the router.
   */
  quarantine(accountId: string, reason: string, ...found: readonly BalanceEnvelope[]): void {
    const place = this.#placeOf(accountId);
    const pending = this.#quarantines.pendingOf(accountId);
    if (pending !== undefined) {
      pending.waiting.push(...found);
    } else if (place === null) {
      this.#options.logger.warn({ account_id: accountId, reason }, 'not quarantined: its shard is not ours');
      for (const envelope of found) envelope.giveBack('fenced');
    } else {
      const waiting = this.#probations.get(accountId)?.takeWaiting() ?? [];
      this.#probations.delete(accountId);
      this.#setAside(place, reason, [...waiting, ...found]);
    }
  }

  /** Has what is parked for accounts of ours decided. Never rejects. */
  async takeUpParked(): Promise<void> {
    const { accountsToTakeUp, shards, logger } = this.#options;
    try {
      for (const accountId of await accountsToTakeUp()) {
        if (this.#quarantines.pendingOf(accountId) !== undefined) continue;
        const shard = shardOf(accountId, LIMITS.shardCount);
        const epoch = shards.epochOf(shard);
        const present = this.#active.get(accountId);
        if (present !== undefined) {
          present.takeUpParked();
        } else if (epoch !== null) {
          this.#takingUp.add(accountId);
          this.#start({ accountId, shard, epoch });
        }
      }
    } catch (error) {
      logger.warn({ err: error }, 'parked commands could not be looked for, later again');
    }
  }

  /** Stops what has been idle for too long; a bounded number, so that a turn stays short. */
  passivateIdle(): void {
    this.#active.passivateIdle(this.#options.clock.now() - this.#options.accountIdleMs);
  }

  // What an actor says to its parent.

  commit({ accountId }: AccountActor, change: AccountChange, done: (result: ProposalResult) => void): void {
    const pending = this.#quarantines.pendingOf(accountId);
    if (pending !== undefined) {
      pending.heldProposal = done;
      return;
    }
    const { lanes } = this.#options;
    const lane = lanes[change.shard % lanes.length];
    if (lane === undefined) throw new Error('there is no commit lane');
    lane.submit(change, done);
  }

  order({ accountId }: AccountActor, order: AccountOrder, done: (result: OrderResult) => void): void {
    const pending = this.#quarantines.pendingOf(accountId);
    if (pending === undefined) this.#options.orders.submit(order, done);
    else pending.heldProposal = done;
  }

  answerBalance(request: BalanceEnvelope, state: AccountState): void {
    const pending = this.#quarantines.pendingOf(state.accountId);
    if (pending === undefined) this.#options.answerBalance(request, state);
    else pending.waiting.push(request);
  }

  stopped(actor: AccountActor, reason: StopReason, unanswered: readonly Envelope[], cause?: unknown): void {
    const { metrics } = this.#options;
    const { accountId } = actor.place;
    this.#active.remove(actor);
    metrics.actorStopped(reason);
    if (this.#takingUp.delete(accountId) && reason === 'unknown') this.#options.refuseParked(accountId);
    if (reason === 'crashed') {
      this.#crashed(actor, unanswered, ensureError(cause));
      return;
    }
    const goesOn = reason === 'idle' || reason === 'unknown' || !this.#probations.has(accountId);
    const left = goesOn ? unanswered : this.#endProbation(accountId);
    for (const envelope of left) envelope.giveBack(GIVE_BACK_AS[reason]);
    if (reason === 'fenced') this.#noteFenced(actor.place);
  }

  #give(envelope: Envelope): void {
    const { accountId } = envelope.command;
    const pending = this.#quarantines.pendingOf(accountId);
    if (pending !== undefined) {
      pending.waiting.push(envelope);
      return;
    }
    const present = this.#active.get(accountId);
    if (present === undefined) {
      this.#startFor(envelope);
    } else {
      this.#active.used(present, envelope.receivedAtMs);
      present.accept(envelope);
    }
  }

  /** Starts the account's actor. An epoch that has gone meanwhile sends the command back to the router. */
  #startFor(envelope: Envelope): void {
    const { command, shard } = envelope;
    const epoch = this.#options.shards.epochOf(shard);
    if (epoch === null) envelope.giveBack('fenced');
    else this.#start({ accountId: command.accountId, shard, epoch }).accept(envelope);
  }

  #start(place: AccountPlace): AccountActor {
    if (this.#active.size >= this.#options.activeAccountsMax) this.#active.makeRoom();
    const actor = new AccountActor(place, this.#surroundings);
    if (actor.ended !== null) return actor;
    this.#active.add(actor);
    this.#onStart?.(actor);
    return actor;
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
    const pending = this.#quarantines.pendingOf(accountId);
    if (pending !== undefined) {
      pending.waiting.unshift(...unanswered);
    } else if (this.#crashes.add(accountId, clock.now()) === 'quarantine') {
      const left = probation === undefined ? unanswered : this.#endProbation(accountId);
      const reason = `its actor crashed again and again, the last time with: ${cause.message}`;
      this.#setAside(actor.place, reason, left);
    } else if (actor.parkedLeft > 0) {
      // Not over one of these: they have not had their turn. A probation has given one of them, and goes on watching it.
      for (const envelope of unanswered) this.#give(envelope);
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

  /** Where the account is ours; null: nowhere. */
  #placeOf(accountId: string): AccountPlace | null {
    const present = this.#active.get(accountId);
    if (present !== undefined) return present.place;
    const shard = shardOf(accountId, LIMITS.shardCount);
    const epoch = this.#options.shards.epochOf(shard);
    return epoch === null ? null : { accountId, shard, epoch };
  }

  /** `waiting`: what no actor has. */
  #setAside(place: AccountPlace, reason: string, waiting: readonly Envelope[]): void {
    const { accountId, shard } = place;
    this.#options.logger.error({ account_id: accountId, shard, reason }, 'account quarantined');
    this.#quarantines.begin(place, reason, waiting);
  }

  #quarantineEnded(pending: PendingQuarantine, end: 'quarantined' | 'fenced'): void {
    const { place, waiting } = pending;
    if (end === 'fenced') {
      this.#active.get(place.accountId)?.stop('stopped');
      for (const envelope of waiting) envelope.giveBack('fenced');
      this.#noteFenced(place);
    } else {
      this.#goQuarantined(pending);
      for (const envelope of waiting) this.#give(envelope);
    }
  }

  /**
   * The actor, if there is one, holds the account as it was before. Its view is stale now: it reads again and parks. If
   * it is idle it goes; the next one reads. If it is at work, even in a commit lane, that ends first.
   */
  #goQuarantined({ place, reason, heldProposal }: PendingQuarantine): void {
    if (heldProposal !== null) heldProposal({ kind: 'stale' });
    const actor = this.#active.get(place.accountId);
    if (heldProposal === null && actor?.passivate() === 'busy') actor.quarantine(reason);
  }

  /** After what the account had is given back: whoever is told lets the router go on. */
  #noteFenced({ shard, epoch }: AccountPlace): void {
    if (this.#options.shards.epochOf(shard) === epoch) this.#options.onFenced(shard, epoch);
  }
}
