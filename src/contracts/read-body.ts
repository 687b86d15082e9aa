import type { DecodeLimits } from './decode-limits.ts';
import type { RefusalCode } from './refusal.ts';
import { scanBody, type BodyScan } from './scan-body.ts';

/** A body that is one JSON object, with what its text says beyond the parsed value; or why it is not. */
export type ReadBody =
  | { readonly ok: true; readonly message: object; readonly scan: BodyScan }
  | { readonly ok: false; readonly code: Exclude<RefusalCode, 'MESSAGE_INVALID'>; readonly expected: string };

/** A byte order mark stays in the text, where JSON does not allow it: Go's decoder refuses it too. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Never throws. Nesting is checked before anything is parsed. */
export function readBody(body: Buffer, limits: DecodeLimits): ReadBody {
  if (body.length === 0) return { ok: false, code: 'BODY_EMPTY', expected: 'a JSON object' };
  if (body.length > limits.bodyBytesMax) {
    return { ok: false, code: 'BODY_TOO_LARGE', expected: `at most ${limits.bodyBytesMax} bytes` };
  }
  const text = textOf(body);
  if (text === null) return { ok: false, code: 'BODY_NOT_UTF8', expected: 'UTF-8' };

  const scan = scanBody(text);
  if (scan.depth > limits.bodyDepthMax) {
    return { ok: false, code: 'BODY_TOO_DEEP', expected: `at most ${limits.bodyDepthMax} levels of nesting` };
  }
  const parsed = parse(text);
  if (!parsed.ok) return { ok: false, code: 'BODY_NOT_JSON', expected: parsed.expected };
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, code: 'BODY_NOT_OBJECT', expected: 'a JSON object' };
  }
  return { ok: true, message: value, scan };
}

function textOf(body: Buffer): string | null {
  try {
    return utf8.decode(body);
  } catch {
    return null;
  }
}

type Parsed =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly expected: string };

function parse(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, expected: jsonExpectation(text, error) };
  }
}

/** The engine's own words quote the body; only the position is taken from them. */
function jsonExpectation(text: string, error: unknown): string {
  if (text.startsWith('\uFEFF')) return 'JSON without a byte order mark';
  const position = error instanceof SyntaxError ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  return position === undefined ? 'JSON' : `JSON; it breaks at position ${position}`;
}
