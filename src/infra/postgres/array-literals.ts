/**
 * PostgreSQL array literals, written as text: `{…}` of plain values, and arrays of records `{"(…)","(…)"}`.
 *
 * The driver's own conversion of arrays costs five times as much, and there is one array per commit with 20 fields per
 * decision. Only free text can hold a character that means something to the array or record parser, so only `quoted`
 * escapes; everything else here is UUIDs, integers, booleans, our own codes and times, which the decoder has checked to be RFC 3339 or which
 * we have written so ourselves: digits, `-`, `+`, `:`, `.`, `T` and `Z`.
 */

/** UUIDs, integers and the like: values without commas, quotes, braces, backslashes or blanks. */
export function plainArray(values: readonly (string | number | bigint)[]): string {
  return joined(values);
}

/** Records made by `record`. */
export function recordArray(records: readonly string[]): string {
  return joined(records);
}

/**
 * The braces go onto the first and the last element. Put around the joined text they would make a rope of it, of which the driver,
 * when it measures it, makes a flat one: the 200 kB of a commit once more.
 */
function joined(elements: readonly (string | number | bigint)[]): string {
  const braced = elements.slice();
  braced[0] = `{${braced[0] ?? ''}`;
  const last = braced.length - 1;
  braced[last] = `${braced[last] ?? ''}}`;
  return braced.join(',');
}

export type RecordField = string | number | bigint | boolean | null;

/** One record as an element of an array. Text that is not ours goes through `quoted` first; null is an empty field. */
export function record(fields: readonly RecordField[]): string {
  return `"(${fields.join(',')})"`;
}

/** Any text without U+0000, as a field of a record within an array: both parsers unquote, so escapes are escaped. */
export function quoted(text: string): string {
  return `\\"${text.replace(/["\\]/g, (special) => (special === '"' ? '\\"\\"' : '\\\\\\\\'))}\\"`;
}
