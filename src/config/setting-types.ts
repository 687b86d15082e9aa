import { z } from 'zod';
import { describeDuration, parseDuration } from '../domain/duration.ts';

/** Kinds of settings, each with a sentence that says what is expected. */

export function integer(min: number, max: number): z.ZodType<number> {
  const error = `expected a whole number from ${String(min)} to ${String(max)}`;
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error);
}

/** `500ms`, `30s`, `15m`, `24h`, `7d`, or a bare number of milliseconds. */
export function span(minMs: number, maxMs: number): z.ZodType<number> {
  const error = `expected a time from ${describeDuration(minMs)} to ${describeDuration(maxMs)}, like 30s, 15m or 24h`;
  return z.preprocess(
    (value) => (typeof value === 'string' ? parseDuration(value) : value),
    z.number({ error }).int(error).min(minMs, error).max(maxMs, error),
  );
}

export function oneOf<const T extends readonly [string, ...string[]]>(choices: T): z.ZodType<T[number]> {
  return z.enum(choices, { error: `expected one of ${choices.join(', ')}` });
}

export function url(...schemes: readonly string[]): z.ZodType<string> {
  const isOurs = (value: string): boolean =>
    schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value);
  const beginnings = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return z.string().trim().refine(isOurs, `expected a URL that starts with ${beginnings}`);
}
