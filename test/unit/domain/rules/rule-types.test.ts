/**
 * Without these: a rule could match one transaction too early or too late, count what it must not, refuse money that comes in, or
 * look at another card, account or day than it says.
 */
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../../../src/contracts/rule-set.ts';
import { ACCOUNT, CARD, id, OTHER_ACCOUNT } from '../fixtures.ts';
import { RuledAccount, ruleSet, ruleSetIn, SECOND_CARD } from './rule-fixtures.ts';

const accountWith = (...rules: readonly Rule[]): RuledAccount => new RuledAccount(ruleSet(...rules));

const refundOf = (n: number, amountCents = 100n) =>
  ({ type: 'REFUND', originalId: id(4, n), amountCents }) as const;

describe('transaction-limit', () => {
  const limit = { type: 'transaction-limit', name: 'big', action: 'reject', maxCents: 500 } as const;

  it('is about more than so much', () => {
    const one = accountWith(limit);
    expect(one.decide('10:00:00', { amountCents: 500n })).toBe('');
    expect(one.decide('10:00:00', { amountCents: 501n })).toBe('RULE_REFUSED reject:big');
    expect(one.decide('10:00:00', { amountCents: 501n, type: 'CHARGE' })).toBe('RULE_REFUSED reject:big');
  });

  it('leaves deposits and refunds alone, unless it names them', () => {
    const one = accountWith(limit);
    expect(one.decide('10:00:00', { amountCents: 501n, type: 'DEPOSIT' })).toBe('');
    expect(one.decide('10:00:00', refundOf(1, 501n))).toBe('');
    const charges = accountWith({ ...limit, types: ['CHARGE'] });
    expect(charges.decide('10:00:00', { amountCents: 501n })).toBe('');
    expect(charges.decide('10:00:00', { amountCents: 501n, type: 'CHARGE' })).toBe('RULE_REFUSED reject:big');
  });

  it('refuses a refund that takes money, and only flags one that gives money', () => {
    const one = accountWith({ ...limit, types: ['REFUND'] });
    one.decide('10:00:00', { amountCents: 900n, type: 'DEPOSIT' });
    one.decide('10:00:00', { amountCents: 900n });
    expect(one.decide('10:00:00', refundOf(1, 600n))).toBe('RULE_REFUSED reject:big');
    expect(one.decide('10:00:00', refundOf(2, 600n))).toBe('flag:big');
  });

  it('flags and shadows without refusing, and every rule that matches is named', () => {
    const one = accountWith(
      { ...limit, name: 'a', action: 'shadow' },
      { ...limit, name: 'b', action: 'flag' },
      { ...limit, name: 'c', maxCents: 600 },
      { ...limit, name: 'd', maxCents: 700, action: 'flag' },
    );
    expect(one.decide('10:00:00', { amountCents: 501n })).toBe('shadow:a flag:b');
    expect(one.decide('10:00:00', { amountCents: 701n })).toBe(
      'RULE_REFUSED shadow:a flag:b reject:c flag:d',
    );
  });

  it('is for these accounts or these cards only', () => {
    const others = accountWith({ ...limit, accounts: [OTHER_ACCOUNT] });
    expect(others.decide('10:00:00', { amountCents: 501n })).toBe('');
    const ours = accountWith({ ...limit, accounts: [ACCOUNT.toUpperCase()], cards: [CARD] });
    expect(ours.decide('10:00:00', { amountCents: 501n })).toBe('');
    expect(ours.decide('10:00:00', { amountCents: 501n, cardId: SECOND_CARD })).toBe('');
    expect(ours.decide('10:00:00', { amountCents: 501n, cardId: CARD })).toBe('RULE_REFUSED reject:big');
  });
});

describe('daily-limit', () => {
  const limit = {
    type: 'daily-limit',
    name: 'day',
    action: 'reject',
    per: 'account',
    maxCents: 300,
  } as const;

  it('adds up a day and begins anew with the next', () => {
    const one = accountWith(limit);
    expect(one.decide('00:00:00', { amountCents: 200n })).toBe('');
    expect(one.decide('12:00:00', { amountCents: 101n })).toBe('RULE_REFUSED reject:day');
    expect(one.decide('23:59:59.999999', { amountCents: 100n, type: 'CHARGE' })).toBe('');
    expect(one.decide('23:59:59.999999', { amountCents: 1n })).toBe('RULE_REFUSED reject:day');
    expect(one.decide('2026-11-23T00:00:00Z', { amountCents: 300n })).toBe('');
  });

  it('one alone may be too much', () => {
    expect(accountWith(limit).decide('10:00:00', { amountCents: 301n })).toBe('RULE_REFUSED reject:day');
  });

  it('counts what was approved only, and no other types', () => {
    const one = new RuledAccount(ruleSet(limit), 250n);
    expect(one.decide('10:00:00', { amountCents: 251n })).toBe('INSUFFICIENT_FUNDS');
    expect(one.decide('10:00:00', { amountCents: 1_000n, type: 'DEPOSIT' })).toBe('');
    expect(one.decide('10:00:00', { amountCents: 300n })).toBe('');
  });

  it('per card: each has its own, and what has none is not looked at', () => {
    const one = accountWith({ ...limit, per: 'card' });
    expect(one.decide('10:00:00', { amountCents: 300n, cardId: CARD })).toBe('');
    expect(one.decide('10:00:00', { amountCents: 300n, cardId: SECOND_CARD })).toBe('');
    expect(one.decide('10:00:00', { amountCents: 9_000n })).toBe('');
    expect(one.decide('10:00:00', { amountCents: 1n, cardId: CARD })).toBe('RULE_REFUSED reject:day');
  });

  it('days are those of the time zone, also where clocks change', () => {
    const saoPaulo = new RuledAccount(ruleSetIn('America/Sao_Paulo', limit));
    expect(saoPaulo.decide('2026-11-22T02:59:59Z', { amountCents: 300n })).toBe('');
    expect(saoPaulo.decide('2026-11-22T03:00:00Z', { amountCents: 300n })).toBe('');
    expect(saoPaulo.decide('2026-11-23T02:59:59Z', { amountCents: 1n })).toBe('RULE_REFUSED reject:day');
    // The 25th of October 2026 has 25 hours in Berlin: 24 October 22:00 UTC to 25 October 23:00 UTC.
    const berlin = new RuledAccount(ruleSetIn('Europe/Berlin', limit));
    expect(berlin.decide('2026-10-24T22:00:00Z', { amountCents: 300n })).toBe('');
    expect(berlin.decide('2026-10-25T22:59:59Z', { amountCents: 1n })).toBe('RULE_REFUSED reject:day');
    expect(berlin.decide('2026-10-25T23:00:00Z', { amountCents: 300n })).toBe('');
  });
});

describe('velocity', () => {
  const base = {
    type: 'velocity',
    name: 'fast',
    action: 'reject',
    per: 'account',
    windowSeconds: 60,
  } as const;

  it('counts within a window that ends with the transaction', () => {
    const one = accountWith({ ...base, maxCount: 2 });
    expect(one.decide('10:00:00')).toBe('');
    expect(one.decide('10:00:30')).toBe('');
    expect(one.decide('10:00:59.999')).toBe('RULE_REFUSED reject:fast');
    // A minute after the first one: that is outside.
    expect(one.decide('10:01:00')).toBe('');
    expect(one.decide('10:01:00')).toBe('RULE_REFUSED reject:fast');
  });

  it('adds up, and either bound is enough', () => {
    const one = accountWith({ ...base, maxCents: 300, maxCount: 3 });
    expect(one.decide('10:00:00', { amountCents: 200n })).toBe('');
    expect(one.decide('10:00:01', { amountCents: 101n })).toBe('RULE_REFUSED reject:fast');
    expect(one.decide('10:00:02', { amountCents: 1n })).toBe('');
    expect(one.decide('10:00:03', { amountCents: 1n })).toBe('');
    expect(one.decide('10:00:04', { amountCents: 1n })).toBe('RULE_REFUSED reject:fast');
  });

  it('attempts: rejected ones count too, but their amounts never do', () => {
    const one = new RuledAccount(ruleSet({ ...base, maxCount: 2, maxCents: 300, counts: 'attempts' }), 200n);
    expect(one.decide('10:00:00', { amountCents: 250n })).toBe('INSUFFICIENT_FUNDS');
    expect(one.decide('10:00:01', { amountCents: 200n })).toBe('');
    one.decide('10:00:02', { amountCents: 900n, type: 'DEPOSIT' });
    expect(one.decide('10:00:03', { amountCents: 1n })).toBe('RULE_REFUSED reject:fast');
    const approved = new RuledAccount(ruleSet({ ...base, maxCount: 1 }), 200n);
    expect(approved.decide('10:00:00', { amountCents: 250n })).toBe('INSUFFICIENT_FUNDS');
    expect(approved.decide('10:00:01', { amountCents: 200n })).toBe('');
  });

  it('per card', () => {
    const one = accountWith({ ...base, per: 'card', maxCount: 1 });
    expect(one.decide('10:00:00', { cardId: CARD })).toBe('');
    expect(one.decide('10:00:01', { cardId: SECOND_CARD })).toBe('');
    expect(one.decide('10:00:02')).toBe('');
    expect(one.decide('10:00:03', { cardId: CARD })).toBe('RULE_REFUSED reject:fast');
  });

  it('of deposits flags, if it is told to', () => {
    const one = accountWith({ ...base, action: 'flag', types: ['DEPOSIT'], maxCount: 1 });
    expect(one.decide('10:00:00', { type: 'DEPOSIT' })).toBe('');
    expect(one.decide('10:00:00', { type: 'PURCHASE' })).toBe('');
    expect(one.decide('10:00:00', { type: 'DEPOSIT' })).toBe('flag:fast');
  });
});

describe('repeated-amount', () => {
  const rule = {
    type: 'repeated-amount',
    name: 'same',
    action: 'reject',
    per: 'account',
    windowSeconds: 60,
    times: 3,
  } as const;

  it('matches the n-th of equal amounts within the window', () => {
    const one = accountWith(rule);
    expect(one.decide('10:00:00', { amountCents: 7n })).toBe('');
    expect(one.decide('10:00:01', { amountCents: 8n })).toBe('');
    expect(one.decide('10:00:02', { amountCents: 7n, type: 'CHARGE' })).toBe('');
    expect(one.decide('10:00:02', { amountCents: 7n, type: 'DEPOSIT' })).toBe('');
    expect(one.decide('10:00:03', { amountCents: 7n })).toBe('RULE_REFUSED reject:same');
    expect(one.decide('10:00:03', { amountCents: 8n })).toBe('');
    expect(one.decide('10:01:00', { amountCents: 7n })).toBe('');
  });

  it('per card', () => {
    const one = accountWith({ ...rule, per: 'card', times: 2 });
    expect(one.decide('10:00:00', { cardId: CARD })).toBe('');
    expect(one.decide('10:00:00', { cardId: SECOND_CARD })).toBe('');
    expect(one.decide('10:00:00', { cardId: CARD })).toBe('RULE_REFUSED reject:same');
  });
});

describe('spend-after-deposit', () => {
  const rule = {
    type: 'spend-after-deposit',
    name: 'through',
    action: 'reject',
    windowSeconds: 60,
    depositCents: 1_000,
  } as const;

  it('an amount after a large deposit', () => {
    const one = accountWith({ ...rule, debitCents: 500 });
    expect(one.decide('10:00:00', { amountCents: 600n })).toBe('');
    one.decide('10:00:00', { type: 'DEPOSIT', amountCents: 999n });
    expect(one.decide('10:00:01', { amountCents: 600n })).toBe('');
    one.decide('10:00:10', { type: 'DEPOSIT', amountCents: 1_000n });
    expect(one.decide('10:00:11', { amountCents: 499n })).toBe('');
    expect(one.decide('10:00:11', { amountCents: 500n })).toBe('RULE_REFUSED reject:through');
    expect(one.decide('10:01:10', { amountCents: 500n })).toBe('');
  });

  it('a part of one of the deposits, not of their sum', () => {
    const one = accountWith({ ...rule, debitPercent: 80 });
    one.decide('10:00:00', { type: 'DEPOSIT', amountCents: 1_001n });
    one.decide('10:00:00', { type: 'DEPOSIT', amountCents: 2_000n });
    expect(one.decide('10:00:01', { amountCents: 800n })).toBe('');
    expect(one.decide('10:00:01', { amountCents: 801n })).toBe('RULE_REFUSED reject:through');
  });
});

describe('refund-ratio', () => {
  const rule = {
    type: 'refund-ratio',
    name: 'back',
    action: 'flag',
    per: 'account',
    windowSeconds: 3_600,
    by: 'count',
    maxPercent: 50,
    minRefunds: 2,
  } as const;

  it('by count: more than so many refunds per purchase', () => {
    const one = accountWith(rule);
    for (const second of [0, 1, 2, 3]) one.decide(`10:00:0${second}`);
    expect(one.decide('10:00:10', refundOf(1))).toBe('');
    expect(one.decide('10:00:10', refundOf(2))).toBe('');
    expect(one.decide('10:00:10', refundOf(3))).toBe('flag:back');
  });

  it('by amount', () => {
    const one = accountWith({ ...rule, by: 'cents' });
    one.decide('10:00:00', { amountCents: 1_000n });
    expect(one.decide('10:00:01', refundOf(1, 400n))).toBe('');
    expect(one.decide('10:00:01', refundOf(1, 100n))).toBe('');
    expect(one.decide('10:00:01', refundOf(1, 1n))).toBe('flag:back');
  });

  it('says nothing before there are enough refunds, nor of refunds of deposits', () => {
    const one = accountWith(rule);
    one.decide('08:00:00');
    one.decide('09:59:00', { type: 'DEPOSIT' });
    expect(one.decide('10:00:00', refundOf(1))).toBe('');
    expect(one.decide('10:00:00', refundOf(2))).toBe('');
    expect(one.decide('10:00:00', refundOf(1))).toBe('flag:back');
  });
});
