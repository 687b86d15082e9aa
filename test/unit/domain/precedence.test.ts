/**
 * Without these: of two reasons to refuse, another than the contract's first could be the one that the customer and the
 * journal are told. Every pair of faults that one command can have at the same time is tried.
 */
import { describe, expect, it } from 'vitest';
import { REJECTION_CODES } from '../../../src/domain/codes.ts';
import type { RuleSet } from '../../../src/domain/rules/rule-set.ts';
import type { AccountState, OriginalFact } from '../../../src/domain/account.ts';
import { TRANSACTION_TYPES } from '../../../src/contracts/command.ts';
import type { TransactionCommand } from '../../../src/contracts/command.ts';
import {
  CARD,
  command,
  decideOne,
  original,
  OTHER_ACCOUNT,
  OTHER_CARD,
  outcomeOf,
  refund,
  UNKNOWN_CARD,
} from './fixtures.ts';
import { ruleSet } from './rules/rule-fixtures.ts';

/** What is wrong, as changes to a command that would be approved. Two faults that change the same thing exclude each other. */
interface Fault {
  readonly outcome: string;
  readonly account?: Partial<AccountState>;
  readonly command?: Partial<TransactionCommand>;
  readonly original?: Partial<OriginalFact>;
  readonly rules?: { readonly ruleSet: RuleSet };
}

const LIMIT = 2n ** 53n;
const CLOSED: Fault = { outcome: 'ACCOUNT_CLOSED', account: { status: 'closed' } };
const FROZEN: Fault = { outcome: 'ACCOUNT_FROZEN', account: { status: 'frozen' } };
const POOR: Fault = { outcome: 'INSUFFICIENT_FUNDS', account: { balanceCents: 99n } };
const DEEP: Fault = {
  outcome: 'BALANCE_LIMIT',
  account: { balanceCents: -LIMIT + 1n, overdraftCents: 2n * LIMIT },
};
const FULL: Fault = { outcome: 'BALANCE_LIMIT', account: { balanceCents: LIMIT - 1n } };

/** A rule that has something against everything. */
const RULED: Fault = {
  outcome: 'RULE_REFUSED',
  rules: {
    ruleSet: ruleSet({
      type: 'transaction-limit',
      name: 'all',
      action: 'reject',
      types: [...TRANSACTION_TYPES],
      maxCents: 1,
    }),
  },
};

/** In the contract's order. */
const OF_ORIGINAL: readonly Fault[] = [
  { outcome: 'ORIGINAL_OF_ANOTHER_ACCOUNT', original: { accountId: OTHER_ACCOUNT } },
  { outcome: 'deferred:ORIGINAL_UNDECIDED', original: { status: 'PENDING' } },
  { outcome: 'ORIGINAL_NOT_APPROVED', original: { status: 'REJECTED' } },
  { outcome: 'NOTHING_LEFT_TO_REFUND', original: { refundedCents: 300n } },
  { outcome: 'REFUND_EXCEEDS_ORIGINAL', command: { amountCents: 301n } },
];

const PAYMENT: readonly Fault[] = [
  CLOSED,
  FROZEN,
  { outcome: 'CARD_UNKNOWN', command: { cardId: UNKNOWN_CARD } },
  { outcome: 'CARD_NOT_OWNED', command: { cardId: OTHER_CARD } },
  POOR,
  DEEP,
  RULED,
];
const DEPOSIT: readonly Fault[] = [CLOSED, FULL];
const REFUND_OF_DEPOSIT: readonly Fault[] = [CLOSED, FROZEN, ...OF_ORIGINAL, POOR, DEEP, RULED];
const REFUND_OF_PURCHASE: readonly Fault[] = [...OF_ORIGINAL, FULL];
const REFUND_OF_REFUND: readonly Fault[] = [
  CLOSED,
  { outcome: 'ORIGINAL_OF_ANOTHER_ACCOUNT', original: { accountId: OTHER_ACCOUNT } },
  { outcome: 'ORIGINAL_IS_REFUND', original: { type: 'REFUND' } },
  ...OF_ORIGINAL.slice(1),
  POOR,
];
const REFUND_OF_NOTHING: readonly Fault[] = [
  CLOSED,
  { outcome: 'REFUND_TARGET_MISSING', command: { originalId: null } },
  POOR,
];
/** Unseen, the original has no account, type or amount that could be wrong. */
const REFUND_OF_UNSEEN: readonly Fault[] = [
  { outcome: 'deferred:ORIGINAL_UNDECIDED', original: { status: 'UNKNOWN' } },
  POOR,
  FULL,
];

const bases: readonly (readonly [string, TransactionCommand, OriginalFact | null, readonly Fault[]])[] = [
  ['purchase', command({ type: 'PURCHASE', cardId: CARD }), null, PAYMENT],
  ['charge', command({ type: 'CHARGE', cardId: CARD }), null, PAYMENT],
  ['deposit', command(), null, DEPOSIT],
  ['refund of a deposit', refund(), original({ type: 'DEPOSIT' }), REFUND_OF_DEPOSIT],
  ['refund of a purchase', refund(), original(), REFUND_OF_PURCHASE],
  ['refund of a refund', refund(), original({ type: 'REFUND' }), REFUND_OF_REFUND],
  ['refund of nothing', refund({ originalId: null }), null, REFUND_OF_NOTHING],
  ['refund of an unseen', refund(), original({ status: 'UNKNOWN' }), REFUND_OF_UNSEEN],
];

function exclude(one: Fault, other: Fault): boolean {
  const fields = (fault: Fault): string[] =>
    (['account', 'command', 'original', 'rules'] as const).flatMap((part) =>
      Object.keys(fault[part] ?? {}).map((field) => `${part}.${field}`),
    );
  return fields(one).some((field) => fields(other).includes(field));
}

function outcomeWith(base: TransactionCommand, fact: OriginalFact | null, faults: readonly Fault[]): string {
  const changed = <T extends object>(part: 'account' | 'command' | 'original' | 'rules', of: T): T =>
    Object.assign({}, of, ...faults.map((fault) => fault[part] ?? {})) as T;
  return outcomeOf(
    decideOne({
      account: changed('account', {}),
      command: changed('command', base),
      ...(fact === null ? {} : { original: changed('original', fact) }),
      ...changed('rules', {}),
    }),
  );
}

describe.each(bases)('%s', (_, base, fact, faults) => {
  // What makes these three refusable at all is part of their base.
  const ownFault = ['ORIGINAL_IS_REFUND', 'REFUND_TARGET_MISSING', 'deferred:ORIGINAL_UNDECIDED'];

  it.each(faults)('one fault: $outcome', (fault) => {
    const outcome = outcomeWith(base, fact, [fault]);
    const first = faults.find((other) => other === fault || isPartOf(other, base, fact));
    expect(outcome).toBe(first?.outcome);
  });

  const pairs = faults.flatMap((one, index) =>
    faults
      .slice(index + 1)
      .filter((other) => !exclude(one, other))
      .map((other) => [one, other] as const),
  );
  it.each(pairs)('$0.outcome comes before $1.outcome', (one, other) => {
    const first = faults.find((fault) => fault === one || fault === other || isPartOf(fault, base, fact));
    expect(outcomeWith(base, fact, [other, one])).toBe(first?.outcome);
  });

  function isPartOf(fault: Fault, given: TransactionCommand, known: OriginalFact | null): boolean {
    if (!ownFault.includes(fault.outcome)) return false;
    const holds = (part: object | undefined, of: object | null): boolean =>
      Object.entries(part ?? {}).every(([key, value]) => of !== null && Reflect.get(of, key) === value);
    return holds(fault.command, given) && holds(fault.original, known);
  }
});

it('funds come before the limit where one debit breaks both', () => {
  const verdict = decideOne({
    account: { balanceCents: -LIMIT + 1n },
    command: command({ type: 'CHARGE' }),
  });
  expect(outcomeOf(verdict)).toBe('INSUFFICIENT_FUNDS');
});

it.each([
  ['deposit', command(), null],
  ['refund of a purchase', refund(), original()],
])('no rule refuses a credit: %s', (_, base, fact) => {
  expect(outcomeWith(base, fact, [RULED])).toBe('APPROVED');
});

it('the list of codes has the same order', () => {
  const order = (outcome: string): number => (REJECTION_CODES as readonly string[]).indexOf(outcome);
  for (const [, , , faults] of bases) {
    const codes = faults.map((fault) => order(fault.outcome)).filter((index) => index >= 0);
    expect(codes).toEqual([...codes].sort((a, b) => a - b));
  }
  const tried = new Set(bases.flatMap(([, , , faults]) => faults.map((fault) => fault.outcome)));
  expect(REJECTION_CODES.filter((code) => !tried.has(code))).toEqual(['ORIGINAL_NOT_FOUND']);
});
