import { z } from 'zod';

/**
 * The fields that messages are made of. Each says in words what it expects; those words are the reason of a refusal
 * and never contain a value of the message.
 */

export const AMOUNT_CENTS_MAX = Number.MAX_SAFE_INTEGER;

const UUID_EXPECTED = 'a UUID (8-4-4-4-12 hexadecimal digits)';
/** Any version, any letter case: PostgreSQL takes them all. */
export const uuid = z.guid({ error: UUID_EXPECTED });

/** Null or absent mean the same. */
export const optionalUuid = z.guid({ error: `${UUID_EXPECTED} or null` }).nullish();

/** Go's `sql.NullString`. `Valid: false` means null whatever `String` says. */
export const nullString = z.discriminatedUnion(
  'Valid',
  [z.object({ Valid: z.literal(false) }), z.object({ Valid: z.literal(true), String: uuid })],
  { error: 'an object {"String": "<UUID>", "Valid": true} or {"String": "", "Valid": false}' },
);
export type NullString = z.infer<typeof nullString>;

const AMOUNT_EXPECTED = `a whole number of cents from 1 to ${AMOUNT_CENTS_MAX}`;
export const amountCents = z.int({ error: AMOUNT_EXPECTED }).min(1, { error: AMOUNT_EXPECTED });

/**
 * What is expected of an amount that is written like this, null if nothing is wrong with it. Parsing alone cannot tell: `10.0`, `1e2` and
 * `9007199254740990.6` all come out of `JSON.parse` as safe integers.
 */
export function amountExpectation(token: string | null): string | null {
  if (token === null) return AMOUNT_EXPECTED;
  if (/^[1-9][0-9]{0,15}$/.test(token)) {
    return BigInt(token) <= BigInt(AMOUNT_CENTS_MAX) ? null : `${AMOUNT_EXPECTED}; this is more`;
  }
  if (token.startsWith('"')) return `${AMOUNT_EXPECTED} as a JSON number, not as a string`;
  if (/^-?0$/.test(token) || /^-[0-9]+$/.test(token)) return `${AMOUNT_EXPECTED}; this is less`;
  if (/^[0-9]+$/.test(token)) return `${AMOUNT_EXPECTED}; this is more`;
  if (/^-?[0-9]/.test(token)) return `${AMOUNT_EXPECTED} in plain digits, without fraction or exponent`;
  return AMOUNT_EXPECTED;
}

/** Counted in code points, as PostgreSQL counts; it refuses U+0000, and a lone surrogate has no UTF-8 form. */
export const idempotencyKey = z
  .string({ error: 'a text of 1 to 255 characters' })
  .regex(/^[^\0\p{Surrogate}]{1,255}$/u, {
    error: '1 to 255 characters, none of them U+0000 or a lone surrogate',
  });

const TIMESTAMP_EXPECTED =
  'an RFC 3339 time with 0 to 9 fractional digits and Z or an offset, like 2026-11-22T10:40:00.123456Z';
/** Offsets end at 15:59, where PostgreSQL's do. */
const TIMESTAMP =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-5]):[0-5]\d)$/;

export const timestamp = z
  .string({ error: TIMESTAMP_EXPECTED })
  .regex(TIMESTAMP, { error: TIMESTAMP_EXPECTED, abort: true })
  .refine(isCalendarDay, { error: 'a day that exists in the calendar, from year 1 on' });

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

function isCalendarDay(text: string): boolean {
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8, 10));
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeapYear ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
  return year >= 1 && day <= days;
}
