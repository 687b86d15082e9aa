/**
 * Without this: a new code without a category, or one whose dead letter goes where nobody looks for it.
 */
import { expect, it } from 'vitest';
import { REFUSAL_CODES } from '../../../src/contracts/refusal.ts';
import { DEFERRAL_CODES, EXTERNAL_CODES, FAILURE_CODES, REJECTION_CODES } from '../../../src/domain/codes.ts';
import {
  CATEGORY_OF_CODE,
  ERROR_CATEGORIES,
  marksError,
  ROAD_OF_CATEGORY,
} from '../../../src/domain/error-category.ts';

it('every code of every list has one category, and no other code has', () => {
  const codes = [
    ...[...REFUSAL_CODES, ...REJECTION_CODES, ...DEFERRAL_CODES],
    ...[...FAILURE_CODES, ...EXTERNAL_CODES],
  ];
  expect(Object.keys(CATEGORY_OF_CODE).toSorted()).toEqual(codes.toSorted());
});

it.each([
  ['MESSAGE_INVALID', 'validation'],
  ['INSUFFICIENT_FUNDS', 'business'],
  ['ROW_LOCKED', 'temporary'],
  ['PAYLOAD_MISMATCH', 'validation'],
  ['INVARIANT_BROKEN', 'system'],
  ['ACTOR_CRASHED', 'system'],
  ['ENDPOINT_TIMEOUT', 'external'],
] as const)('%s is %s', (code, category) => expect(CATEGORY_OF_CODE[code]).toBe(category));

it('every category has a road; only what is ours goes to system_dlq', () => {
  expect(Object.keys(ROAD_OF_CATEGORY)).toEqual(ERROR_CATEGORIES);
  const toUs = ERROR_CATEGORIES.filter((one) => ROAD_OF_CATEGORY[one].deadLetterQueue === 'system_dlq');
  expect(toUs).toEqual(['system']);
});

it('a true message that has come to its end leaves ERROR, a false one leaves the row alone', () => {
  const leaving = [...FAILURE_CODES, ...DEFERRAL_CODES].filter(marksError);
  expect(leaving).toEqual(['COMMIT_REFUSED', 'ACTOR_CRASHED', 'ROW_INVALID', ...DEFERRAL_CODES]);
});
