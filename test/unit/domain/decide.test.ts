/**
 * Without these: money could move that must not, or a customer be refused for a reason that is not his (contract section 5).
 */
import { describe, expect, it } from 'vitest';
import { decideRun } from '../../../src/domain/decide.ts';
import {
  account,
  ACCOUNT,
  CARD,
  command,
  decided,
  decideOne,
  facts,
  id,
  ORIGINAL,
  original,
  OTHER_ACCOUNT,
  OTHER_CARD,
  outcomeOf,
  RECEIVED_AT_MS,
  refund,
  UNKNOWN_CARD,
} from './fixtures.ts';

const LIMIT = 2n ** 53n;

describe('a decision', () => {
  it('carries what the journal needs', () => {
    const purchase = command({ type: 'PURCHASE', amountCents: 400n, cardId: CARD });
    expect(decided(decideOne({ command: purchase }))).toEqual({
      command: purchase,
      seq: 6n,
      eventTime: { atMs: Date.parse(purchase.occurredAt), text: purchase.occurredAt },
      outcome: 'APPROVED',
      reason: null,
      requestedCents: 400n,
      amountCents: -400n,
      balanceAfterCents: 600n,
      rowCardId: CARD,
      rowOriginalId: null,
      cardTotal: { cardId: CARD, deltaCents: 400n },
      flags: [],
    });
  });

  it('of a rejection moves nothing', () => {
    const purchase = command({ type: 'PURCHASE', amountCents: 1_001n, cardId: CARD });
    expect(decided(decideOne({ command: purchase }))).toMatchObject({
      seq: 6n,
      outcome: 'REJECTED',
      reason: 'INSUFFICIENT_FUNDS',
      requestedCents: 1_001n,
      amountCents: 0n,
      balanceAfterCents: 1_000n,
      cardTotal: null,
    });
  });

  it.each([
    ['DEPOSIT', 100n],
    ['PURCHASE', -100n],
    ['CHARGE', -100n],
  ] as const)('of a %s moves %s', (type, amountCents) => {
    expect(decided(decideOne({ command: command({ type }) })).amountCents).toBe(amountCents);
  });

  it.each([
    ['DEPOSIT', -100n],
    ['PURCHASE', 100n],
    ['CHARGE', 100n],
  ] as const)('of a refund of a %s moves %s', (type, amountCents) => {
    const verdict = decideOne({ command: refund(), original: original({ type }) });
    expect(decided(verdict).amountCents).toBe(amountCents);
  });
});

describe('status', () => {
  it.each([
    ['DEPOSIT', 'ACCOUNT_CLOSED'],
    ['PURCHASE', 'ACCOUNT_CLOSED'],
    ['CHARGE', 'ACCOUNT_CLOSED'],
  ] as const)('closed: %s → %s', (type, outcome) => {
    expect(outcomeOf(decideOne({ account: { status: 'closed' }, command: command({ type }) }))).toBe(outcome);
  });

  it.each([
    ['DEPOSIT', 'APPROVED'],
    ['PURCHASE', 'ACCOUNT_FROZEN'],
    ['CHARGE', 'ACCOUNT_FROZEN'],
  ] as const)('frozen: %s → %s', (type, outcome) => {
    expect(outcomeOf(decideOne({ account: { status: 'frozen' }, command: command({ type }) }))).toBe(outcome);
  });

  it.each([
    ['closed', 'PURCHASE', 'APPROVED'],
    ['closed', 'CHARGE', 'APPROVED'],
    ['closed', 'DEPOSIT', 'ACCOUNT_CLOSED'],
    ['closed', 'REFUND', 'ACCOUNT_CLOSED'],
    ['frozen', 'PURCHASE', 'APPROVED'],
    ['frozen', 'CHARGE', 'APPROVED'],
    ['frozen', 'DEPOSIT', 'ACCOUNT_FROZEN'],
    ['frozen', 'REFUND', 'ORIGINAL_IS_REFUND'],
  ] as const)('%s: refund of a %s → %s', (status, type, outcome) => {
    const verdict = decideOne({ account: { status }, command: refund(), original: original({ type }) });
    expect(outcomeOf(verdict)).toBe(outcome);
  });

  it.each(['closed', 'frozen'] as const)('%s: an original nobody has seen may yet be a credit', (status) => {
    const unseen = { account: { status }, command: refund(), original: original({ status: 'UNKNOWN' }) };
    expect(outcomeOf(decideOne(unseen))).toBe('deferred:ORIGINAL_UNDECIDED');
    expect(outcomeOf(decideOne({ ...unseen, waitOver: true }))).toBe('ORIGINAL_NOT_FOUND');
  });

  it('quarantined: nothing is decided', () => {
    expect(() => decideOne({ account: { status: 'quarantined' }, command: command() })).toThrow(
      'quarantined',
    );
  });
});

describe('cards', () => {
  it.each([
    [UNKNOWN_CARD, 'CARD_UNKNOWN', null],
    [OTHER_CARD, 'CARD_NOT_OWNED', OTHER_CARD],
    [CARD, 'APPROVED', CARD],
    [null, 'APPROVED', null],
  ])('a purchase with card %s → %s, row card %s', (cardId, outcome, rowCardId) => {
    for (const type of ['PURCHASE', 'CHARGE'] as const) {
      const verdict = decideOne({ command: command({ type, cardId }) });
      expect(outcomeOf(verdict)).toBe(outcome);
      expect(decided(verdict).rowCardId).toBe(rowCardId);
    }
  });

  it.each([UNKNOWN_CARD, OTHER_CARD])('money coming in is not refused for its card (%s)', (cardId) => {
    const verdict = decideOne({ command: command({ cardId }) });
    expect(outcomeOf(verdict)).toBe('APPROVED');
    expect(decided(verdict)).toMatchObject({
      rowCardId: cardId === UNKNOWN_CARD ? null : cardId,
      cardTotal: null,
    });
  });

  it("counts a refund for its original's card, and a deposit for none", () => {
    const bought = original({ cardId: CARD });
    expect(decided(decideOne({ command: refund(), original: bought })).cardTotal).toEqual({
      cardId: CARD,
      deltaCents: -100n,
    });
    const otherCard = refund({ cardId: OTHER_CARD });
    expect(decided(decideOne({ command: otherCard, original: bought })).cardTotal?.cardId).toBe(CARD);
    const paidIn = original({ type: 'DEPOSIT', cardId: CARD });
    expect(decided(decideOne({ command: refund({ cardId: CARD }), original: paidIn })).cardTotal).toBeNull();
  });

  it('takes a card that was not loaded for a mistake', () => {
    expect(() => decideOne({ command: command({ cardId: id(2, 99) }) })).toThrow('was not loaded');
  });
});

describe('refunds', () => {
  it.each([
    ['REFUND_TARGET_MISSING', refund({ originalId: null }), undefined],
    ['ORIGINAL_OF_ANOTHER_ACCOUNT', refund(), original({ accountId: OTHER_ACCOUNT })],
    ['ORIGINAL_IS_REFUND', refund(), original({ type: 'REFUND' })],
    ['deferred:ORIGINAL_UNDECIDED', refund(), original({ status: 'UNKNOWN' })],
    ['deferred:ORIGINAL_UNDECIDED', refund(), original({ status: 'PENDING' })],
    ['ORIGINAL_NOT_APPROVED', refund(), original({ status: 'REJECTED' })],
    ['ORIGINAL_NOT_APPROVED', refund(), original({ status: 'ERROR' })],
    ['NOTHING_LEFT_TO_REFUND', refund(), original({ refundedCents: 300n })],
    ['NOTHING_LEFT_TO_REFUND', refund(), original({ refundedCents: 400n })],
    ['REFUND_EXCEEDS_ORIGINAL', refund(), original({ refundedCents: 201n })],
    ['APPROVED', refund(), original({ refundedCents: 200n })],
    ['APPROVED', refund({ amountCents: 300n }), original()],
    ['REFUND_EXCEEDS_ORIGINAL', refund({ amountCents: 301n }), original()],
  ])('%s', (outcome, given, fact) => {
    const verdict = decideOne({ command: given, ...(fact === undefined ? {} : { original: fact }) });
    expect(outcomeOf(verdict)).toBe(outcome);
  });

  it('points its row to the original only where that has one', () => {
    const gone = decideOne({ command: refund(), original: original({ hasRow: false }) });
    expect(decided(gone)).toMatchObject({ outcome: 'APPROVED', rowOriginalId: null });
  });

  it('waits for a pending original without end, for an unseen one until the wait is over', () => {
    const pending = decideOne({
      command: refund(),
      original: original({ status: 'PENDING' }),
      waitOver: true,
    });
    expect(outcomeOf(pending)).toBe('deferred:ORIGINAL_UNDECIDED');
    const unseen = decideOne({
      command: refund(),
      original: original({ status: 'UNKNOWN' }),
      waitOver: true,
    });
    expect(decided(unseen)).toMatchObject({ reason: 'ORIGINAL_NOT_FOUND', rowOriginalId: null });
  });

  it('points its row to the original wherever that exists', () => {
    const approved = decideOne({ command: refund(), original: original() });
    const refused = decideOne({ command: refund(), original: original({ status: 'REJECTED' }) });
    expect(decided(approved).rowOriginalId).toBe(ORIGINAL);
    expect(decided(refused).rowOriginalId).toBe(ORIGINAL);
  });

  it('ignores an original that something else than a refund names', () => {
    const verdict = decideOne({ command: command({ originalId: ORIGINAL }) });
    expect(decided(verdict)).toMatchObject({ outcome: 'APPROVED', rowOriginalId: null });
  });

  it('of a spent deposit is refused', () => {
    const deposit = original({ type: 'DEPOSIT', amountCents: 5_000n });
    const verdict = decideOne({ command: refund({ amountCents: 1_001n }), original: deposit });
    expect(outcomeOf(verdict)).toBe('INSUFFICIENT_FUNDS');
  });
});

describe('whole refunds', () => {
  const whole = { refundAmount: 'original' } as const;
  const placeholder = refund({ amountCents: 10n });

  it('are worth what is left', () => {
    const verdict = decideOne({
      ...whole,
      command: placeholder,
      original: original({ refundedCents: 120n }),
    });
    expect(decided(verdict)).toMatchObject({ requestedCents: 180n, amountCents: 180n });
  });

  it("show nothing of another account's transaction", () => {
    const foreign = original({ accountId: OTHER_ACCOUNT, refundedCents: 120n });
    const verdict = decideOne({ ...whole, command: placeholder, original: foreign });
    expect(decided(verdict)).toMatchObject({
      reason: 'ORIGINAL_OF_ANOTHER_ACCOUNT',
      requestedCents: 10n,
      amountCents: 0n,
    });
  });

  it('are refused where nothing is left, keeping what was asked', () => {
    const verdict = decideOne({
      ...whole,
      command: placeholder,
      original: original({ refundedCents: 300n }),
    });
    expect(decided(verdict)).toMatchObject({ reason: 'NOTHING_LEFT_TO_REFUND', requestedCents: 10n });
  });

  it('never ask for more than is left', () => {
    const greedy = refund({ amountCents: 9_999n });
    expect(outcomeOf(decideOne({ ...whole, command: greedy, original: original() }))).toBe('APPROVED');
  });

  it('are for the live shape alone', () => {
    const documented = refund({ amountCents: 10n, shape: 'documented' });
    expect(decided(decideOne({ ...whole, command: documented, original: original() })).amountCents).toBe(10n);
  });

  it('leave every other type alone', () => {
    expect(decided(decideOne({ ...whole, command: command() })).amountCents).toBe(100n);
  });
});

describe('bounds of a balance', () => {
  it('may be used up to the last cent, and the overdraft too', () => {
    const debit = (amountCents: bigint, overdraftCents: bigint): string =>
      outcomeOf(
        decideOne({ account: { overdraftCents }, command: command({ type: 'CHARGE', amountCents }) }),
      );
    expect(debit(1_000n, 0n)).toBe('APPROVED');
    expect(debit(1_001n, 0n)).toBe('INSUFFICIENT_FUNDS');
    expect(debit(1_500n, 500n)).toBe('APPROVED');
    expect(debit(1_501n, 500n)).toBe('INSUFFICIENT_FUNDS');
  });

  it('an inherited negative balance takes credits and refuses debits', () => {
    const inherited = { account: { balanceCents: -700n } };
    expect(decided(decideOne({ ...inherited, command: command() })).balanceAfterCents).toBe(-600n);
    const debit = decideOne({ ...inherited, command: command({ type: 'CHARGE', amountCents: 1n }) });
    expect(outcomeOf(debit)).toBe('INSUFFICIENT_FUNDS');
  });

  it('never reaches 2^53 in either direction', () => {
    const up = (balanceCents: bigint): string =>
      outcomeOf(decideOne({ account: { balanceCents }, command: command({ amountCents: 1n }) }));
    expect(up(LIMIT - 2n)).toBe('APPROVED');
    expect(up(LIMIT - 1n)).toBe('BALANCE_LIMIT');
    const down = (balanceCents: bigint): string =>
      outcomeOf(
        decideOne({
          account: { balanceCents, overdraftCents: 2n * LIMIT },
          command: command({ type: 'CHARGE', amountCents: 1n }),
        }),
      );
    expect(down(-LIMIT + 2n)).toBe('APPROVED');
    expect(down(-LIMIT + 1n)).toBe('BALANCE_LIMIT');
  });

  it('are exact beyond what a double holds', () => {
    const verdict = decideOne({
      account: { balanceCents: LIMIT - 3n },
      command: command({ amountCents: 1n }),
    });
    expect(decided(verdict).balanceAfterCents).toBe(9_007_199_254_740_990n);
  });
});

describe('a run', () => {
  const run = (...commands: Parameters<typeof command>[0][]) =>
    decideRun(
      account({ balanceCents: 0n, seq: 0n }),
      commands.map((given, index) => ({
        command: command({ transactionId: id(4, index), ...given }),
        originalWaitOver: false,
        receivedAtMs: RECEIVED_AT_MS,
      })),
      facts(original({ status: 'UNKNOWN' }), original({ transactionId: id(4, 0), status: 'UNKNOWN' })),
      { refundAmount: 'message' },
    );

  it('shows each command what the ones before it did', () => {
    const verdicts = run({ amountCents: 100n }, { type: 'CHARGE' }, { type: 'CHARGE', amountCents: 1n });
    expect(verdicts.map(outcomeOf)).toEqual(['APPROVED', 'APPROVED', 'INSUFFICIENT_FUNDS']);
    expect(verdicts.map((verdict) => decided(verdict).seq)).toEqual([1n, 2n, 3n]);
  });

  it('refunds what it has decided itself, and not twice', () => {
    const toFirst = { type: 'REFUND', originalId: id(4, 0), amountCents: 60n } as const;
    const verdicts = run({ amountCents: 100n }, toFirst, toFirst, { ...toFirst, amountCents: 40n }, toFirst);
    expect(verdicts.map(outcomeOf)).toEqual([
      'APPROVED',
      'APPROVED',
      'REFUND_EXCEEDS_ORIGINAL',
      'APPROVED',
      'NOTHING_LEFT_TO_REFUND',
    ]);
    expect(decided(verdicts[1]).rowOriginalId).toBe(id(4, 0));
  });

  it('sees that its own original was refused', () => {
    const verdicts = run({ type: 'CHARGE' }, { type: 'REFUND', originalId: id(4, 0) });
    expect(verdicts.map(outcomeOf)).toEqual(['INSUFFICIENT_FUNDS', 'ORIGINAL_NOT_APPROVED']);
  });

  it('goes on as if a deferred command had not been there', () => {
    const verdicts = run({ amountCents: 100n }, { type: 'REFUND', originalId: ORIGINAL }, { type: 'CHARGE' });
    expect(verdicts.map(outcomeOf)).toEqual(['APPROVED', 'deferred:ORIGINAL_UNDECIDED', 'APPROVED']);
    expect(decided(verdicts[2])).toMatchObject({ seq: 2n, balanceAfterCents: 0n });
    expect(decided(verdicts[2]).command.accountId).toBe(ACCOUNT);
  });
});
