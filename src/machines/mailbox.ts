import type { BalanceCommand, TransactionCommand } from '../contracts/command.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { Envelope } from './envelope.ts';

export type TransactionEnvelope = Envelope<TransactionCommand>;
export type BalanceEnvelope = Envelope<BalanceCommand>;

/**
 * What one account has accepted and not answered yet, in the order of delivery: first the run (the commands that
 * are being decided), then those that wait.
 *
 * The one thing in an account's statechart that changes in place: appending to an immutable list would cost a
 * busy account the length of its list per command, and a crash in the middle of a transition must find every
 * command that is still unanswered, not the list as it was before the transition.
 *
 * M1. What was accepted leaves once: settled, taken by its taker, or in `takeAll`.
 * M2. A command leaves before it is settled, so that no throw can make it leave twice.
 * M3. The run is older than everything that waits. It holds no transaction id and no idempotency key twice.
 */
export class Mailbox {
  #waiting: Envelope[] = [];
  /** Index of the first waiting one; what is before it has left. */
  #head = 0;
  #run: TransactionEnvelope[] = [];
  /** What `nextRun` found for `#nextMax`, until something changes. */
  #next: TransactionEnvelope[] | null = null;
  #nextMax = 0;

  get waitingCount(): number {
    return this.#waiting.length - this.#head;
  }

  get run(): readonly TransactionEnvelope[] {
    return this.#run;
  }

  get isEmpty(): boolean {
    return this.#run.length === 0 && this.waitingCount === 0;
  }

  accept(envelope: Envelope): void {
    this.#next = null;
    this.#waiting.push(envelope);
  }

  /**
   * The commands that would be decided next: at most `max`, past the balance requests at the head, up to the next
   * balance request and up to the second command of one transaction or one key: that one needs the first's outcome.
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
    this.#drop(this.#run.length);
  }

  /** Takes the balance request at the head, if there is one: the caller answers it. */
  takeBalanceRequest(): BalanceEnvelope | undefined {
    const first = this.#waiting[this.#head];
    if (first === undefined || !asksForBalance(first)) return undefined;
    this.#drop(1);
    return first;
  }

  /** Puts the run back at the head of what waits. */
  putBack(): void {
    if (this.#run.length === 0) return;
    this.#waiting = [...this.#run, ...this.#waiting.slice(this.#head)];
    this.#head = 0;
    this.#run = [];
    this.#next = null;
  }

  /** Settles the run in order; a command with null stays in it. Returns how many ended. */
  settleRun(settlements: readonly (Settlement | null)[]): number {
    const run = this.#run;
    if (settlements.length !== run.length) throw new Error('a run and its outcomes differ in length');
    const kept: TransactionEnvelope[] = [];
    this.#run = kept;
    let reached = 0;
    try {
      for (const envelope of run) {
        const settlement = settlements[reached] ?? null;
        reached += 1;
        if (settlement === null) kept.push(envelope);
        else envelope.settle(settlement);
      }
    } finally {
      for (const envelope of run.slice(reached)) kept.push(envelope);
    }
    return run.length - kept.length;
  }

  /** Settles the first `count` waiting ones alike, in order. */
  settleWaiting(count: number, settlement: Settlement): void {
    for (let left = Math.min(count, this.waitingCount); left > 0; left -= 1) {
      const first = this.#waiting[this.#head];
      this.#drop(1);
      first?.settle(settlement);
    }
  }

  /** Everything unanswered, in the order of delivery; the mailbox is empty then. */
  takeAll(): readonly Envelope[] {
    const all: Envelope[] = [...this.#run, ...this.#waiting.slice(this.#head)];
    this.#run = [];
    this.#drop(this.waitingCount);
    return all;
  }

  #findNextRun(max: number): TransactionEnvelope[] {
    if (this.#next !== null && this.#nextMax === max) return this.#next;
    const run: TransactionEnvelope[] = [];
    const seen = this.waitingCount > 1 ? new Set<string>() : null;
    for (let index = this.#head; index < this.#waiting.length && run.length < max; index += 1) {
      const envelope = this.#waiting[index];
      if (envelope === undefined || !isTransaction(envelope)) {
        if (run.length > 0) break;
        continue;
      }
      if (seen !== null) {
        // A key that reads like another's id only makes the run shorter.
        const { transactionId, idempotencyKey } = envelope.command;
        if (seen.has(transactionId) || seen.has(idempotencyKey)) break;
        seen.add(transactionId).add(idempotencyKey);
      }
      run.push(envelope);
    }
    this.#next = run;
    this.#nextMax = max;
    return run;
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
