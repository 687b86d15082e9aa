import { InvalidArgumentError } from 'commander';
import { AMOUNT_CENTS_MAX, timestamp } from '../contracts/fields.ts';
import { parseDuration } from '../domain/duration.ts';

/** Parsers for command line options: each says what was expected. */

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const range =
      max === Number.MAX_SAFE_INTEGER ? `${String(min)} or more` : `${String(min)} to ${String(max)}`;
    throw new InvalidArgumentError(`expected a whole number, ${range}.`);
  };
}

export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('expected a share from 0 to 1.');
}

export function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('expected a number, 0 or more.');
}

/** Milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError('expected a time like 30s, 15m, 24h or 7d.');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function uuid(text: string): string {
  const id = text.trim().toLowerCase();
  if (UUID.test(id)) return id;
  throw new InvalidArgumentError('expected a UUID.');
}

/** RFC 3339; of a date its first moment, UTC. */
export function moment(text: string): string {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  if (timestamp.safeParse(time).success) return time;
  throw new InvalidArgumentError(
    'expected a time like 2026-11-22T10:40:00Z, or a date like 2026-11-22 (its first moment, UTC).',
  );
}

/** Whole cents, 0 or more. */
export function cents(text: string): bigint {
  const value = /^\d{1,16}$/.test(text) ? BigInt(text) : -1n;
  if (value >= 0n && value <= BigInt(AMOUNT_CENTS_MAX)) return value;
  throw new InvalidArgumentError(`expected whole cents, 0 to ${AMOUNT_CENTS_MAX}.`);
}

/** Whole cents with a sign or without, not 0. */
export function signedCents(text: string): bigint {
  const value = /^[+-]?\d{1,16}$/.test(text) ? BigInt(text.replace('+', '')) : 0n;
  const size = value < 0n ? -value : value;
  if (size > 0n && size <= BigInt(AMOUNT_CENTS_MAX)) return value;
  throw new InvalidArgumentError(
    `expected whole cents, like 500 or -500, not 0, at most ${AMOUNT_CENTS_MAX} either way.`,
  );
}

/** Text that is kept for ever, without spaces around it. */
export function words(charsMax: number): (text: string) => string {
  const allowed = new RegExp(`^[^\\0\\p{Surrogate}]{1,${charsMax}}$`, 'u');
  return (text) => {
    const trimmed = text.trim();
    if (allowed.test(trimmed)) return trimmed;
    throw new InvalidArgumentError(`expected 1 to ${charsMax} characters.`);
  };
}

/** Without a slash at its end. */
export function httpUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new InvalidArgumentError('expected a URL that starts with http:// or https://.');
}
