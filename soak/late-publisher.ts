import type { DriveTarget } from '../src/drive/drive.ts';
import type { DriveAccount } from '../src/drive/drive-account.ts';
import type { Operation } from '../src/drive/operation.ts';
import type { SeededRandom } from '../src/drive/seeded-random.ts';

/** Share of transactions that come late. */
const LATE_SHARE = 0.15;
/** By at most so many operations. */
const DELAY_MAX = 300;

/** What is needed of the producer. */
export interface PublishTarget extends DriveTarget {
  /** Accounts of which the check is to foresee nothing. */
  readonly unforeseen: Set<string>;
}

interface Held {
  readonly operation: Operation;
  readonly due: number;
}

/**
 * Publishes some transactions late, so that refunds come before what they refund.
 *
 * Owns what it holds back. 1. A repeat never comes before the message that it repeats. 2. When the stream ends all of it is published.
 */
export class LatePublisher implements DriveTarget {
  readonly #producer: PublishTarget;
  readonly #random: SeededRandom;
  /** In the order in which they came. */
  #held: Held[] = [];
  #seen = 0;

  constructor(producer: PublishTarget, random: SeededRandom) {
    this.#producer = producer;
    this.#random = random;
  }

  declareQueues(): Promise<void> {
    return this.#producer.declareQueues();
  }

  openAccounts(accounts: readonly DriveAccount[]): Promise<void> {
    for (const { id } of accounts) this.#producer.unforeseen.add(id);
    return this.#producer.openAccounts(accounts);
  }

  insertPending(operations: readonly Operation[]): Promise<number> {
    return this.#producer.insertPending(operations);
  }

  publish(operations: readonly Operation[]): Promise<void> {
    return this.#producer.publish(operations.flatMap((operation) => this.#take(operation)));
  }

  async backlog(): Promise<number> {
    const rest = this.#held.map(({ operation }) => operation);
    this.#held = [];
    await this.#producer.publish(rest);
    return this.#producer.backlog();
  }

  /** What is to be published now. */
  #take(operation: Operation): readonly Operation[] {
    this.#seen += 1;
    const due = this.#dueOf(operation);
    if (due !== null) this.#held.push({ operation, due });
    const ready = this.#held.filter((held) => held.due <= this.#seen);
    this.#held = this.#held.filter((held) => held.due > this.#seen);
    return [...(due === null ? [operation] : []), ...ready.map((held) => held.operation)];
  }

  /** null: at once. */
  #dueOf(operation: Operation): number | null {
    if (operation.kind === 'repeat') {
      const original = this.#held.find((held) => idOf(held.operation) === idOf(operation));
      return original?.due ?? null;
    }
    const isLate = operation.kind === 'transaction' && this.#random.chance(LATE_SHARE);
    return isLate ? this.#seen + 1 + this.#random.below(DELAY_MAX) : null;
  }
}

function idOf(operation: Operation): string | null {
  return operation.kind === 'transaction' || operation.kind === 'repeat'
    ? operation.command.transactionId
    : null;
}
