import { randomBytes } from 'node:crypto';
import { formatTraceparent, TRACEPARENT } from '../contracts/traceparent.ts';
import type { HeadersOf } from './go-api.ts';

/** Begins a trace per message, sampled, as a producer does that traces its requests. Tells of each by its id. */
export function newTraces(onTrace: (traceId: string) => void): HeadersOf {
  return () => {
    const traceId = randomBytes(16).toString('hex');
    onTrace(traceId);
    const spanId = randomBytes(8).toString('hex');
    return { [TRACEPARENT]: formatTraceparent({ traceId, spanId, flags: 1 }) };
  };
}
