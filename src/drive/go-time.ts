/**
 * Times as the Go API writes them. Microseconds since the epoch (below 2^53 until the year 2255), since a `Date`
 * has only milliseconds.
 */

let cachedSecond = Number.NaN;
let cachedText = '';

/** `2026-11-22T10:40:00`. A stream of operations asks for the same second tens of thousands of times. */
function secondText(second: number): string {
  if (second !== cachedSecond) {
    cachedText = new Date(second * 1000).toISOString().slice(0, 19);
    cachedSecond = second;
  }
  return cachedText;
}

/** RFC 3339 as Go's `encoding/json` writes it: up to six digits, trailing zeros left out. */
export function goTimestamp(micros: number): string {
  const second = Math.floor(micros / 1_000_000);
  const rest = micros - second * 1_000_000;
  if (rest === 0) return `${secondText(second)}Z`;
  return `${secondText(second)}.${String(rest).padStart(6, '0').replace(/0+$/, '')}Z`;
}

/** The time in an idempotency key: `2026-11-22-10:40:00.000`. */
export function goKeyTime(micros: number): string {
  const second = Math.floor(micros / 1_000_000);
  const millis = Math.floor((micros - second * 1_000_000) / 1000);
  const text = secondText(second);
  return `${text.slice(0, 10)}-${text.slice(11)}.${String(millis).padStart(3, '0')}`;
}

/** `2026-11-22T10:40:00Z`, as in the documentation's examples. */
export function documentedTimestamp(micros: number): string {
  return `${secondText(Math.floor(micros / 1_000_000))}Z`;
}
