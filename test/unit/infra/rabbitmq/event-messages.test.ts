/**
 * Without this: events of a type overtake each other, a message grows without end, a trace is lost or given to other events, or every
 * event costs the broker a message.
 */
import { expect, it } from 'vitest';
import { eventMessages } from '../../../../src/infra/rabbitmq/event-messages.ts';
import { LIMITS } from '../../../../src/limits.ts';
import type { WrittenEvent } from '../../../../src/contracts/events.ts';

const event = (type: string, json: string, traceparent?: string): WrittenEvent =>
  traceparent === undefined ? { id: json, type, json } : { id: json, type, json, traceparent };

/** `type: lines`, with the trace behind it. */
const said = (events: readonly WrittenEvent[]): readonly string[] =>
  eventMessages(events).map(({ type, lines, traceparent }) =>
    [`${type}:`, ...lines, ...(traceparent === undefined ? [] : [`(${traceparent})`])].join(' '),
  );

it('events of a type share a message, in their order', () => {
  expect(said([event('a', '1'), event('b', '2'), event('a', '3'), event('b', '4')])).toEqual([
    'a: 1 3',
    'b: 2 4',
  ]);
  expect(said([])).toEqual([]);
});

it('a traced one is alone, and nothing behind it comes before it', () => {
  expect(
    said([event('a', '1'), event('a', '2', 'x'), event('b', '3'), event('a', '4'), event('a', '5')]),
  ).toEqual(['a: 1', 'a: 2 (x)', 'b: 3', 'a: 4 5']);
});

it('a message has a bounded number of events, and a bounded length but for its last one', () => {
  const many = Array.from({ length: 2 * LIMITS.eventsPerMessageMax + 1 }, (_, n) => event('a', String(n)));
  const counts = eventMessages(many).map(({ lines }) => lines.length);
  expect(counts).toEqual([LIMITS.eventsPerMessageMax, LIMITS.eventsPerMessageMax, 1]);
  const long = Array.from({ length: 4 }, () => event('a', 'x'.repeat(LIMITS.eventsMessageCharsMax - 1)));
  expect(eventMessages(long).map(({ lines }) => lines.length)).toEqual([2, 2]);
});
