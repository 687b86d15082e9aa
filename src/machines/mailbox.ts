import type { BalanceCommand, OperatorCommand, TransactionCommand } from '../contracts/command.ts';
import { appended } from '../domain/appended.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { Envelope, GiveBackReason } from './envelope.ts';
import { RunIds } from './run-ids.ts';

export type TransactionEnvelope = Envelope<TransactionCommand>;
export type BalanceEnvelope = Envelope<BalanceCommand>;
export type OrderEnvelope = Envelope<OperatorCommand>;

/**
 * What one account has accepted and not answered yet, in the order in which it is decided: first what is being decided (a
 * run of commands, or one operator's order), then those that wait, parked ones before all others.
 *
 * The one thing in an account's statechart that changes in place: appending to an immutable list would cost a
 * busy account the length of its list per command, and a crash in the middle of a transition must find every
 * command that is still unanswered, not the list as it was before the transition.
 *
 * M1. What was accepted leaves once: settled, taken by its taker, given back, or in `takeAll`.
 * M2. A command leaves before it is settled, so that no throw can make it leave twice.
 * M3. What is being decided is older than everything that waits. A run holds no transaction id and no idempotency key twice.
 * M4. Parked commands are at the front. A run holds nothing else as long as there are any: more of them may still be in
 *     the ledger, and those come before everything newer.
 */
export class Mailbox {
  #waiting: Envelope[] = [];
  /** Index of the first waiting one; what is before it has left. */
  #head = 0;
  #run: TransactionEnvelope[] = [];
  #order: OrderEnvelope | null = null;
  /** Of the run and of what waits: so many at the front were parked. */
  #parkedCount = 0;
  /** What `nextRun` found for `#nextMax`, until something changes. */
  #next: TransactionEnvelope[] | null = null;
  #nextMax = 0;

  get waitingCount(): number {
    return this.#waiting.length - this.#head;
  }

  get run(): readonly TransactionEnvelope[] {
    return this.#run;
  }

  /** The order that is being carried out. */
  get order(): OrderEnvelope | null {
    return this.#order;
  }

  /** Commands that were taken out of the ledger and are not answered. */
  get parkedCount(): number {
    return this.#parkedCount;
  }

  /** Of the oldest unanswered command, in milliseconds since the epoch; null: there is none. */
  get oldestReceivedAtMs(): number | null {
    return (this.#run[0] ?? this.#order ?? this.#waiting[this.#head])?.receivedAtMs ?? null;
  }

  get isEmpty(): boolean {
    return this.#run.length === 0 && this.#order === null && this.waitingCount === 0;
  }

  /** Whether an operator's order comes next, past the balance requests at the head. */
  get orderIsNext(): boolean {
    for (let index = this.#head; index < this.#waiting.length; index += 1) {
      const kind = this.#waiting[index]?.command.kind;
      if (kind !== 'balance') return kind === 'operator';
    }
    return false;
  }

  accept(envelope: Envelope): void {
    this.#next = null;
    this.#waiting = appended(this.#waiting, envelope);
  }

  /** Puts commands that were parked before everything that waits. Nothing may be being decided, and none of them be left. */
  acceptParked(envelopes: readonly Envelope[]): void {
    if (this.#run.length > 0 || this.#order !== null || this.#parkedCount > 0)
      throw new Error('parked commands were taken up too early');
    this.#waiting = [...envelopes, ...this.#waiting.slice(this.#head)];
    this.#head = 0;
    this.#parkedCount = envelopes.length;
    this.#next = null;
  }

  /**
   * The commands that would be decided next: at most `max`, past the balance requests at the head, up to the next
   * balance request or order and up to the second command of one transaction or one key: that one needs the first's outcome.
   */
  nextRun(max: number): readonly TransactionEnvelope[] {
    return this.#findNextRun(max);
  }

  /** Turns `nextRun` into the run. Balance requests at the head must have been taken before. */
  takeRun(max: number): void {
    const first = this.#waiting[this.#head];
    if (this.#run.length > 0) throw new Error('the last run has not ended');
    if (first !== undefined && asksForBalance(first)) throw new Error('a balance request was not answered');
    this.#run = this.#findNextRun(max);
    for (const { trace } of this.#run) trace?.enter('decide');
    this.#drop(this.#run.length);
  }

  /** Takes the balance request at the head, if there is one: the caller answers it. */
  takeBalanceRequest(): BalanceEnvelope | undefined {
    const first = this.#waiting[this.#head];
    if (first === undefined || !asksForBalance(first)) return undefined;
    this.#leave();
    return first;
  }

  /** Takes the order at the head. */
  takeOrder(): void {
    const first = this.#waiting[this.#head];
    if (first === undefined || !isOrder(first)) throw new Error('there is no order at the head');
    if (this.#run.length > 0 || this.#order !== null) throw new Error('something is being decided');
    this.#order = first;
    this.#drop(1);
  }

  settleOrder(settlement: Settlement): void {
    const order = this.#order;
    this.#order = null;
    order?.settle(settlement);
  }

  /** Puts the run, or the order, back at the head of what waits. */
  putBack(): void {
    if (this.#run.length === 0 && this.#order === null) return;
    for (const { trace } of this.#run) trace?.enter('queue');
    this.#waiting = [...this.#inHand(), ...this.#waiting.slice(this.#head)];
    this.#head = 0;
    this.#run = [];
    this.#order = null;
    this.#next = null;
  }

  /** Settles the run in order; a command with null stays in it. Returns how many ended. */
  settleRun(settlements: readonly (Settlement | null)[]): number {
    const run = this.#run;
    if (settlements.length !== run.length) throw new Error('a run and its outcomes differ in length');
    const kept: TransactionEnvelope[] = [];
    const parkedBefore = this.#parkedCount;
    this.#run = kept;
    let reached = 0;
    try {
      for (const envelope of run) {
        const settlement = settlements[reached] ?? null;
        reached += 1;
        if (settlement === null) {
          kept.push(envelope);
        } else {
          if (parkedBefore > 0) this.#parkedCount -= 1;
          envelope.settle(settlement);
        }
      }
    } finally {
      for (const envelope of run.slice(reached)) kept.push(envelope);
    }
    return run.length - kept.length;
  }

  /** Settles the first `count` waiting ones, in order. */
  settleWaiting(count: number, settlementOf: (envelope: Envelope) => Settlement): void {
    for (let left = Math.min(count, this.waitingCount); left > 0; left -= 1) {
      const first = this.#waiting[this.#head];
      this.#leave();
      first?.settle(settlementOf(first));
    }
  }

  /** Leaves the parked ones where they are: in the ledger. Returns how many there were. */
  giveBackParked(reason: GiveBackReason): number {
    const count = this.#parkedCount;
    const ofRun = count > 0 ? this.#run : [];
    const ofWaiting = this.#waiting.slice(this.#head, this.#head + count - ofRun.length);
    if (count > 0) this.#run = [];
    this.#parkedCount = 0;
    this.#drop(ofWaiting.length);
    for (const envelope of [...ofRun, ...ofWaiting]) envelope.giveBack(reason);
    return count;
  }

  /** Everything unanswered, in order; the mailbox is empty then. */
  takeAll(): readonly Envelope[] {
    const all: Envelope[] = [...this.#inHand(), ...this.#waiting.slice(this.#head)];
    this.#run = [];
    this.#order = null;
    this.#parkedCount = 0;
    this.#drop(this.waitingCount);
    return all;
  }

  #inHand(): readonly Envelope[] {
    return this.#order === null ? this.#run : [this.#order];
  }

  #findNextRun(max: number): TransactionEnvelope[] {
    if (this.#next !== null && this.#nextMax === max) return this.#next;
    let run: TransactionEnvelope[] = [];
    const ids = this.waitingCount > 1 ? new RunIds() : null;
    const end = this.#parkedCount > 0 ? this.#head + this.#parkedCount : this.#waiting.length;
    for (let index = this.#head; index < end && run.length < max; index += 1) {
      const envelope = this.#waiting[index];
      if (envelope === undefined || !isTransaction(envelope)) {
        if (run.length > 0 || envelope?.command.kind === 'operator') break;
        continue;
      }
      if (ids?.admit(envelope.command) === false) break;
      run = appended(run, envelope);
    }
    this.#next = run;
    this.#nextMax = max;
    return run;
  }

  /** The first waiting one leaves for good. */
  #leave(): void {
    if (this.#parkedCount > 0) this.#parkedCount -= 1;
    this.#drop(1);
  }

  #drop(count: number): void {
    this.#next = null;
    this.#head += count;
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}

function isTransaction(envelope: Envelope): envelope is TransactionEnvelope {
  return envelope.command.kind === 'transaction';
}

function asksForBalance(envelope: Envelope): envelope is BalanceEnvelope {
  return envelope.command.kind === 'balance';
}

function isOrder(envelope: Envelope): envelope is OrderEnvelope {
  return envelope.command.kind === 'operator';
}
