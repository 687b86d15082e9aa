/** Money is integer cents in a `bigint`; nothing in the processor adds money as a floating-point number. */

/** First balance, in cents and in either direction, that a JavaScript reader of the cache could not hold exactly. */
export const BALANCE_LIMIT_CENTS = 2n ** 53n;

/** `1234n` → `"12.34"`, `-5n` → `"-0.05"`. For people; never parsed back. */
export function formatCents(cents: bigint): string {
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, '0');
  return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
