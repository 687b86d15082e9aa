/**
 * Without these: amounts in explanations could be off by a digit, and a thrown string would lose its text.
 */
import { expect, it } from 'vitest';
import { TRANSACTION_TYPES } from '../../../src/contracts/command.ts';
import { counterAccountOf } from '../../../src/domain/counter-account.ts';
import { ensureError } from '../../../src/domain/errors.ts';
import { formatCents } from '../../../src/domain/money.ts';

it.each([
  [0n, '0.00'],
  [5n, '0.05'],
  [-5n, '-0.05'],
  [1234n, '12.34'],
  [-123456n, '-1234.56'],
  [9_007_199_254_740_993n, '90071992547409.93'],
])('shows %s cents as %s', (cents, text) => {
  expect(formatCents(cents)).toBe(text);
});

it('keeps errors and wraps everything else', () => {
  const error = new TypeError('x');
  expect(ensureError(error)).toBe(error);
  expect(ensureError('text')).toMatchObject({ message: 'not an Error was thrown: text', cause: 'text' });
});

it('has one other side per type', () => {
  const sides = [...TRANSACTION_TYPES, 'OPENING' as const].map(counterAccountOf);
  expect(new Set(sides).size).toBe(sides.length);
});
