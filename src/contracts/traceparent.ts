/** A place in a trace, as W3C Trace Context has it: lower-case hex, 32 and 16 digits, neither all zeros; flags 0 … 255. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** Bit 0: sampled. */
  readonly flags: number;
}

/** Header of AMQP messages that carries it. */
export const TRACEPARENT = 'traceparent';

/** Of version 00; the digits of what a later version may add are not looked at. */
const SHAPE = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const CHARS_MAX = 512;

/** null: absent, or not what the specification allows; whoever reads it then begins a trace of its own. */
export function parseTraceparent(header: unknown): TraceContext | null {
  if (typeof header !== 'string' || header.length > CHARS_MAX) return null;
  const [, version = '', traceId = '', spanId = '', flags = '', more] = SHAPE.exec(header) ?? [];
  if (version === '' || version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (isZero(traceId) || isZero(spanId)) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}

function isZero(digits: string): boolean {
  return /^0*$/.test(digits);
}
