import type { TransactionType } from '../contracts/command.ts';
import type { DriveAccount } from './drive-account.ts';
import type { SeededRandom } from './seeded-random.ts';

/** An approved operation that can be refunded. */
export interface Refundable {
  readonly transactionId: string;
  /** Refunding a deposit takes money away again. */
  readonly isDeposit: boolean;
  leftCents: bigint;
}

/** Operations that an account remembers for refunds. */
const REFUNDABLE_MAX = 8;

/**
 * What drive expects of one account, so that it can send operations that will be approved, and others that will not.
 * An expectation only: messages on different queues may overtake each other.
 *
 * A1. No two transactions of an account have the same idempotency key: those of equal type and amount get
 *     different milliseconds.
 * A2. Times of an account's transactions only increase.
 */
export class AccountModel {
  readonly account: DriveAccount;
  balanceCents = 0n;
  readonly #refundable: Refundable[] = [];
  #lastMicros = 0;
  #keysOfLastMilli: string[] = [];

  constructor(account: DriveAccount) {
    this.account = account;
  }

  /** When this transaction happens: now or, to keep A1 and A2, a little later. Microseconds since the epoch. */
  stamp(nowMicros: number, type: TransactionType, amountCents: bigint): number {
    let micros = Math.max(nowMicros, this.#lastMicros + 1);
    const key = `${type}:${amountCents.toString()}`;
    const isSameMilli = milliOf(micros) === milliOf(this.#lastMicros);
    if (isSameMilli && this.#keysOfLastMilli.includes(key)) micros = (milliOf(micros) + 1) * 1000;
    if (milliOf(micros) !== milliOf(this.#lastMicros)) this.#keysOfLastMilli = [];
    this.#keysOfLastMilli.push(key);
    this.#lastMicros = micros;
    return micros;
  }

  remember(refundable: Refundable): void {
    if (this.#refundable.length === REFUNDABLE_MAX) this.#refundable.shift();
    this.#refundable.push(refundable);
  }

  /** Any remembered operation of which at least `leftCentsMin` could be refunded now. */
  pickRefundable(random: SeededRandom, leftCentsMin: bigint): Refundable | undefined {
    const start = random.below(this.#refundable.length);
    const inTurn = [...this.#refundable.slice(start), ...this.#refundable.slice(0, start)];
    return inTurn.find((candidate) => {
      const canPay = !candidate.isDeposit || this.balanceCents >= candidate.leftCents;
      return candidate.leftCents >= leftCentsMin && canPay;
    });
  }
}

function milliOf(micros: number): number {
  return Math.floor(micros / 1000);
}
