/**
 * Without these: another payload under a used id or key could be taken for a repeat and vanish, or a true repeat be
 * dead-lettered (contract section 2.4).
 */
import { describe, expect, it } from 'vitest';
import { describeDifferences, differences } from '../../../src/domain/identity.ts';
import type { DifferingField } from '../../../src/domain/identity.ts';
import type { TransactionCommand } from '../../../src/contracts/command.ts';
import { CARD, command, id, ORIGINAL, OTHER_ACCOUNT, refund, stored } from './fixtures.ts';

const ALL = { compareKey: true, compareRefundAmount: true };

describe('differences', () => {
  it('finds none in a repeat, whatever is no part of the payload', () => {
    const repeat = command({
      shape: 'documented',
      occurredAt: '1999-01-01T00:00:00Z',
      idempotencyKey: 'other',
    });
    expect(differences(repeat, stored(), { ...ALL, compareKey: false })).toEqual([]);
  });

  it.each<[DifferingField, Partial<TransactionCommand>]>([
    ['account', { accountId: OTHER_ACCOUNT }],
    ['type', { type: 'CHARGE' }],
    ['amount', { amountCents: 101n }],
    ['card', { cardId: CARD }],
    ['original', { originalId: ORIGINAL }],
    ['key', { idempotencyKey: 'other' }],
  ])('names the %s', (field, change) => {
    expect(differences(command(change), stored(), ALL)).toEqual([field]);
  });

  it('names everything that differs, in the order of the payload', () => {
    const all = command({
      accountId: OTHER_ACCOUNT,
      type: 'CHARGE',
      amountCents: 1n,
      cardId: CARD,
      originalId: ORIGINAL,
      idempotencyKey: 'other',
    });
    expect(differences(all, stored(), ALL)).toEqual(['account', 'type', 'amount', 'card', 'original', 'key']);
  });

  it('leaves out an original that the database does not know yet, but not one that it knows to be none', () => {
    const row = stored({ type: 'REFUND', originalId: undefined });
    expect(differences(refund(), row, ALL)).toEqual([]);
    expect(differences(refund(), { ...row, originalId: null }, ALL)).toEqual(['original']);
    expect(differences(refund(), { ...row, originalId: id(3, 2) }, ALL)).toEqual(['original']);
  });

  it('leaves out the amount of refunds alone where refunds are whole', () => {
    const whole = { ...ALL, compareRefundAmount: false };
    const row = stored({ type: 'REFUND', originalId: ORIGINAL });
    expect(differences(refund({ amountCents: 10n }), row, whole)).toEqual([]);
    expect(differences(command({ amountCents: 10n }), stored(), whole)).toEqual(['amount']);
  });

  it('describes what differs with both values', () => {
    const said = command({ amountCents: 250n, cardId: CARD });
    expect(describeDifferences(said, stored(), ['amount', 'card'])).toBe(
      `amount (stored 100, message 250), card (stored null, message ${CARD})`,
    );
  });
});
