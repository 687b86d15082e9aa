import type { TransactionCommand } from '../contracts/command.ts';
import { AccountModel } from './account-model.ts';
import { makeAccounts, type DriveAccount } from './drive-account.ts';
import { documentedTimestamp, goKeyTime, goTimestamp } from './go-time.ts';
import { INTENTS, type Intent, type Operation } from './operation.ts';
import { PLANNERS, type Plan } from './plan-intent.ts';
import { poison } from './poison.ts';
import { SeededRandom } from './seeded-random.ts';
import { WeightedChoice, zipfWeights } from './weighted-choice.ts';

/**
 * An endless, repeatable stream of what the Go API and other producers do. Pure: time comes in, nothing goes out.
 *
 * T1. The same options give the same stream (at the same times); another `run` gives the same stream under new ids.
 * T2. Every message that is repeated was in the stream before, and comes again unchanged.
 * T3. Ids and idempotency keys of transactions are unique.
 */

export type Mix = Readonly<Record<Intent, number>>;

export interface TrafficOptions {
  readonly seed: string;
  /** Part of every id, so that one seed can be driven many times into one database. */
  readonly run: string;
  readonly accounts: number;
  /** Weights of the intents. One that an account cannot do yet (refund before any purchase) becomes a deposit. */
  readonly mix: Mix;
  /** 0: all accounts alike; s > 0: the n-th account is 1/n^s as busy as the first (Zipf). */
  readonly skew: number;
  /** Share (0 to 1) of transactions that are published twice. */
  readonly duplicatesShare: number;
  /** Share of transactions in the documented shape; unknown cards are always sent in it. */
  readonly documentedShare: number;
  /** Balance requests per transaction. */
  readonly balanceRequestsShare: number;
  /** Messages that cannot be decided, per transaction. */
  readonly poisonShare: number;
}

export const MIX_DEFAULT: Mix = Object.freeze({
  deposit: 40,
  'purchase-with-card': 18,
  'purchase-without-card': 8,
  charge: 12,
  'full-refund': 6,
  'partial-refund': 8,
  'insufficient-funds': 4,
  'foreign-card': 1,
  'unknown-card': 1,
  'over-refund': 2,
});

export const TRAFFIC_DEFAULTS: Omit<TrafficOptions, 'seed' | 'run'> = Object.freeze({
  accounts: 1_000,
  mix: MIX_DEFAULT,
  skew: 0,
  duplicatesShare: 0.01,
  documentedShare: 0.05,
  balanceRequestsShare: 0.01,
  poisonShare: 0,
});

/** A repeat comes at most this many transactions after the first. */
const REPEAT_DELAY_MAX = 50;
/** Draws for another account that has a card, before giving up. */
const FOREIGN_CARD_DRAWS = 8;

export class Traffic {
  readonly accounts: readonly DriveAccount[];
  readonly #options: TrafficOptions;
  readonly #plan: SeededRandom;
  readonly #ids: SeededRandom;
  /** Of its own, so that the rest of the stream is the same with and without. */
  readonly #poison: SeededRandom;
  readonly #accountChoice: WeightedChoice;
  readonly #intentChoice: WeightedChoice;
  readonly #models: (AccountModel | undefined)[] = [];
  #repeats: { readonly due: number; readonly operation: Operation }[] = [];
  #transactions = 0;

  /** Throws a RangeError for weights or a number of accounts that make no traffic. */
  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#plan = new SeededRandom(options.seed);
    this.#ids = new SeededRandom(`${options.seed}/${options.run}`);
    this.#poison = new SeededRandom(`${options.seed}/${options.run}/poison`);
    this.accounts = makeAccounts(options.accounts, this.#plan, this.#ids);
    this.#accountChoice = new WeightedChoice(zipfWeights(options.accounts, options.skew));
    this.#intentChoice = new WeightedChoice(INTENTS.map((intent) => options.mix[intent]));
  }

  /** One new transaction, and the repeats, balance requests and poison that come with it. */
  next(nowMicros: number): readonly Operation[] {
    const model = this.#modelOf(this.#accountChoice.choose(this.#plan));
    const transaction = this.#transaction(model, nowMicros);
    this.#transactions += 1;

    const operations: Operation[] = [transaction, ...this.#repeatsDue(this.#transactions)];
    if (this.#plan.chance(this.#options.balanceRequestsShare)) {
      operations.push(this.#balanceRequest(model.account, nowMicros));
    }
    if (this.#poison.chance(this.#options.poisonShare)) operations.push(poison(this.#poison));
    if (this.#plan.chance(this.#options.duplicatesShare)) {
      const { queue, command } = transaction;
      const due = this.#transactions + this.#plan.below(REPEAT_DELAY_MAX + 1);
      this.#repeats.push({ due, operation: { kind: 'repeat', queue, command } });
    }
    return operations;
  }

  /** The repeats still to come when the stream is cut off here. */
  rest(): readonly Operation[] {
    return this.#repeatsDue(Number.POSITIVE_INFINITY);
  }

  #modelOf(index: number): AccountModel {
    const known = this.#models[index];
    if (known !== undefined) return known;
    const account = this.accounts[index];
    if (account === undefined) throw new RangeError(`there is no account ${index}`);
    const model = new AccountModel(account);
    this.#models[index] = model;
    return model;
  }

  #transaction(model: AccountModel, nowMicros: number): Extract<Operation, { kind: 'transaction' }> {
    const wanted = INTENTS[this.#intentChoice.choose(this.#plan)] ?? 'deposit';
    const context = {
      model,
      random: this.#plan,
      foreignCardId: () => this.#foreignCardId(model),
      unknownCardId: () => this.#ids.uuid(),
    };
    const feasible = PLANNERS[wanted](context);
    const [intent, plan] = feasible === null ? depositInstead(PLANNERS.deposit(context)) : [wanted, feasible];

    const isDocumented = this.#plan.chance(this.#options.documentedShare) || intent === 'unknown-card';
    const command = this.#command(model, plan, nowMicros, isDocumented ? 'documented' : 'live');
    const isOnRefundQueue = isDocumented && plan.type === 'REFUND' && this.#plan.chance(0.5);
    anticipate(model, plan, command);
    return {
      kind: 'transaction',
      intent,
      queue: isOnRefundQueue ? 'refund_queue' : 'transactions_queue',
      command,
    };
  }

  #command(
    model: AccountModel,
    plan: Plan,
    nowMicros: number,
    shape: 'live' | 'documented',
  ): TransactionCommand {
    const { type, amountCents, cardId, refundOf } = plan;
    const accountId = model.account.id;
    const transactionId = this.#ids.uuid();
    const micros = model.stamp(nowMicros, type, amountCents);
    const goKey = `${goKeyTime(micros)}:${accountId}:${type}:${amountCents.toString()}`;
    return {
      kind: 'transaction',
      shape,
      transactionId,
      accountId,
      type,
      amountCents,
      cardId,
      originalId: refundOf?.transactionId ?? null,
      idempotencyKey: shape === 'live' ? goKey : `order-${transactionId}`,
      occurredAt: shape === 'live' ? goTimestamp(micros) : documentedTimestamp(micros),
    };
  }

  #foreignCardId(model: AccountModel): string | null {
    for (let draw = 0; draw < FOREIGN_CARD_DRAWS; draw += 1) {
      const other = this.accounts[this.#plan.below(this.accounts.length)];
      const card = other?.cards[0];
      if (other !== model.account && card !== undefined) return card.id;
    }
    return null;
  }

  #balanceRequest(account: DriveAccount, nowMicros: number): Operation {
    const isLive = this.#plan.chance(0.5);
    return {
      kind: 'balance-request',
      queue: isLive ? 'calculate_balance_queue' : 'balance_calculation_queue',
      command: {
        kind: 'balance',
        shape: isLive ? 'live' : 'documented',
        accountId: account.id,
        cardId: isLive ? null : (account.cards[0]?.id ?? null),
        forceRecalculation: !isLive && this.#plan.chance(0.5),
      },
      requestedAt: documentedTimestamp(nowMicros),
    };
  }

  #repeatsDue(transactions: number): readonly Operation[] {
    if (this.#repeats.length === 0) return [];
    const due = this.#repeats.filter((repeat) => repeat.due <= transactions);
    if (due.length > 0) this.#repeats = this.#repeats.filter((repeat) => repeat.due > transactions);
    return due.map((repeat) => repeat.operation);
  }
}

function depositInstead(plan: Plan | null): readonly [Intent, Plan] {
  if (plan === null) throw new Error('a deposit is always possible');
  return ['deposit', plan];
}

/** Takes over into the model what the transaction is expected to do. */
function anticipate(model: AccountModel, plan: Plan, command: TransactionCommand): void {
  if (plan.expected === 'rejected') return;
  const { type, amountCents, refundOf } = plan;
  if (refundOf !== null) refundOf.leftCents -= amountCents;
  const isCredit = type === 'DEPOSIT' || (refundOf !== null && !refundOf.isDeposit);
  model.balanceCents += isCredit ? amountCents : -amountCents;
  if (refundOf !== null) return;
  model.remember({
    transactionId: command.transactionId,
    isDeposit: type === 'DEPOSIT',
    leftCents: amountCents,
  });
}
