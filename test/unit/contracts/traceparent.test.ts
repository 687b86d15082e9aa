/** Without this: a malformed header of somebody else's ends up in our messages, or a sound one is thrown away and the trace breaks. */
import { expect, it } from 'vitest';
import { formatTraceparent, parseTraceparent } from '../../../src/contracts/traceparent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

it.each([
  [`00-${TRACE}-${SPAN}-01`, 1],
  [`00-${TRACE}-${SPAN}-00`, 0],
  [`00-${TRACE}-${SPAN}-ff`, 255],
  [`01-${TRACE}-${SPAN}-01`, 1],
  [`cc-${TRACE}-${SPAN}-01-what-the-future-adds`, 1],
])('%s is read', (header, flags) => {
  const place = { traceId: TRACE, spanId: SPAN, flags };
  expect(parseTraceparent(header)).toEqual(place);
  expect(parseTraceparent(formatTraceparent(place))).toEqual(place);
});

it.each([
  ['nothing', undefined],
  ['a number', 1],
  ['bytes', Buffer.from(`00-${TRACE}-${SPAN}-01`)],
  ['no text', ''],
  ['capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['the forbidden version', `ff-${TRACE}-${SPAN}-01`],
  ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
  ['version 00 with more', `00-${TRACE}-${SPAN}-01-more`],
  ['blanks around', ` 00-${TRACE}-${SPAN}-01`],
  ['a line break behind', `00-${TRACE}-${SPAN}-01\n`],
  ['a header without end', `cc-${TRACE}-${SPAN}-01-${'x'.repeat(10_000)}`],
])('%s is ignored', (_, header) => {
  expect(parseTraceparent(header)).toBeNull();
});
