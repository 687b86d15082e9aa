/**
 * Reads from the text of a body what `JSON.parse` does not tell: how deep it nests, the digits of the amount as
 * they were written, and which of our fields occur more than once (`JSON.parse` silently keeps the last).
 *
 * S1. One pass, no recursion: a hostile body costs no stack, and time only in proportion to its length.
 * S2. The result is exact for valid JSON. For anything else it may be nonsense but never an exception:
 *     `JSON.parse` refuses the body afterwards.
 */

export interface BodyScan {
  /** Deepest nesting; 1 for a flat object. */
  readonly depth: number;
  /** Source text of the last top-level `amount_cents`, null where there is none. */
  readonly amountToken: string | null;
  /** Paths (`$.amount_cents`) of the fields that occur more than once. */
  readonly repeated: readonly string[];
}

/** Fields that decide what a message means, and the names inside them that do. Doubled, they make it ambiguous. */
const WATCHED: Readonly<Record<string, readonly string[]>> = {
  id: [],
  transaction_id: [],
  account_id: [],
  card_id: ['String', 'Valid'],
  refund_transaction_id: ['String', 'Valid'],
  amount_cents: [],
  type: [],
  transaction_type: [],
  idempotency_key: [],
  created_at: [],
  timestamp: [],
  metadata: ['refund_transaction_id'],
  force_recalculation: [],
};

interface WatchedField {
  readonly path: string;
  /** Its bit in the set of fields seen: far cheaper per message than a `Set`. */
  readonly bit: number;
  readonly inside: ReadonlyMap<string, WatchedField>;
}

const AMOUNT = 'amount_cents';
const TOP_LEVEL = watchedFields();

function watchedFields(): ReadonlyMap<string, WatchedField> {
  let next = 0;
  const field = (path: string, inside: readonly string[]): WatchedField => {
    const bit = 1 << next;
    next += 1;
    if (next > 31) throw new Error('more watched fields than bits');
    return { path, bit, inside: new Map(inside.map((name) => [name, field(`${path}.${name}`, [])])) };
  };
  return new Map(Object.entries(WATCHED).map(([name, inside]) => [name, field(`$.${name}`, inside)]));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

export function scanBody(text: string): BodyScan {
  let level = 0;
  let depth = 0;
  let seen = 0;
  let parent: WatchedField | undefined;
  let amountToken: string | null = null;
  const repeated: string[] = [];

  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) {
      level += 1;
      if (level > depth) depth = level;
    } else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) {
      level -= 1;
    } else if (unit === QUOTE) {
      const start = at + 1;
      at = endOfString(text, start);
      if (level > 2) continue;
      const colon = skipBlanks(text, at + 1);
      if (text.charCodeAt(colon) !== COLON) continue;
      const name = keyName(text.slice(start, at));
      const field = level === 1 ? TOP_LEVEL.get(name) : parent?.inside.get(name);
      if (level === 1) parent = field;
      if (field === undefined) continue;
      if ((seen & field.bit) !== 0) {
        if (!repeated.includes(field.path)) repeated.push(field.path);
        // What a repeated field contains is beside the point.
        if (level === 1) parent = undefined;
      }
      seen |= field.bit;
      if (name === AMOUNT) amountToken = tokenAt(text, colon + 1);
    }
  }
  return { depth, amountToken, repeated };
}

/** Index of the quote that ends the string; the end of the text where none does. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start);
  while (quote > start && isEscaped(text, quote, start)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? text.length : quote;
}

function isEscaped(text: string, quote: number, start: number): boolean {
  let first = quote;
  while (first > start && text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (quote - first) % 2 === 1;
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
}

/** `amount\u005fcents` is the same key as `amount_cents`. */
function keyName(written: string): string {
  if (!written.includes('\\')) return written;
  try {
    return String(JSON.parse(`"${written}"`));
  } catch {
    // Not a JSON string, so the body is not JSON either (S2).
    return written;
  }
}

/** A number, literal or the opening of a string, array or object: all up to the next blank, comma or closing bracket. */
function tokenAt(text: string, start: number): string {
  const from = skipBlanks(text, start);
  let to = from;
  while (to < text.length && !endsToken(text.charCodeAt(to))) to += 1;
  return text.slice(from, to);
}

function endsToken(unit: number): boolean {
  return unit === 0x2c || unit === CLOSE_OBJECT || unit === CLOSE_ARRAY || isBlank(unit);
}
