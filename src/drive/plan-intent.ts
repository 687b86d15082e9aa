import type { TransactionType } from '../contracts/command.ts';
import type { AccountModel, Refundable } from './account-model.ts';
import type { Intent } from './operation.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What a transaction shall say, and what it is expected to do. */
export interface Plan {
  readonly type: TransactionType;
  readonly amountCents: bigint;
  readonly cardId: string | null;
  readonly refundOf: Refundable | null;
  readonly expected: 'approved' | 'rejected';
}

export interface PlanContext {
  readonly model: AccountModel;
  readonly random: SeededRandom;
  /** A card of some other account, null where no other has one. */
  readonly foreignCardId: () => string | null;
  /** A card id that nobody has. */
  readonly unknownCardId: () => string;
}

const DEPOSIT_CENTS_MIN = 1_000n;
const DEPOSIT_CENTS_MAX = 50_000n;
const SPENDING_CENTS_MAX = 20_000n;

/** Null where the account cannot do that now: it has no card, no money, nothing to refund. */
export const PLANNERS: Readonly<Record<Intent, (context: PlanContext) => Plan | null>> = {
  deposit: ({ random }) => approved('DEPOSIT', random.cents(DEPOSIT_CENTS_MIN, DEPOSIT_CENTS_MAX)),
  'purchase-with-card': ({ model, random }) => {
    const card = model.account.cards[random.below(model.account.cards.length)];
    return card === undefined ? null : spending('PURCHASE', model, random, card.id);
  },
  'purchase-without-card': ({ model, random }) => spending('PURCHASE', model, random, null),
  charge: ({ model, random }) => spending('CHARGE', model, random, null),
  'full-refund': ({ model, random }) => {
    const original = model.pickRefundable(random, 1n);
    return original === undefined ? null : refund(original, original.leftCents);
  },
  'partial-refund': ({ model, random }) => {
    const original = model.pickRefundable(random, 2n);
    return original === undefined ? null : refund(original, random.cents(1n, original.leftCents - 1n));
  },
  'insufficient-funds': ({ model, random }) =>
    rejected('PURCHASE', model.balanceCents + random.cents(1n, SPENDING_CENTS_MAX), null),
  'foreign-card': ({ random, foreignCardId }) => {
    const cardId = foreignCardId();
    return cardId === null ? null : rejected('PURCHASE', random.cents(1n, SPENDING_CENTS_MAX), cardId);
  },
  'unknown-card': ({ random, unknownCardId }) =>
    rejected('PURCHASE', random.cents(1n, SPENDING_CENTS_MAX), unknownCardId()),
  'over-refund': ({ model, random }) => {
    const original = model.pickRefundable(random, 0n);
    if (original === undefined) return null;
    const tooMuch = original.leftCents + random.cents(1n, SPENDING_CENTS_MAX);
    return { ...refund(original, tooMuch), expected: 'rejected' };
  },
};

function approved(type: TransactionType, amountCents: bigint, cardId: string | null = null): Plan {
  return { type, amountCents, cardId, refundOf: null, expected: 'approved' };
}

function rejected(type: TransactionType, amountCents: bigint, cardId: string | null): Plan {
  return { ...approved(type, amountCents, cardId), expected: 'rejected' };
}

function spending(
  type: 'PURCHASE' | 'CHARGE',
  model: AccountModel,
  random: SeededRandom,
  cardId: string | null,
): Plan | null {
  if (model.balanceCents < 1n) return null;
  const most = model.balanceCents < SPENDING_CENTS_MAX ? model.balanceCents : SPENDING_CENTS_MAX;
  return approved(type, random.cents(1n, most), cardId);
}

function refund(original: Refundable, amountCents: bigint): Plan {
  return { type: 'REFUND', amountCents, cardId: null, refundOf: original, expected: 'approved' };
}
