import { LIMITS } from '../../limits.ts';
import type { WrittenEvent } from '../../contracts/events.ts';

/** What is published at once: events of one type. */
export interface EventsMessage {
  readonly type: string;
  /** Of its one event. */
  readonly traceparent: string | undefined;
  /** An event each. */
  readonly lines: string[];
}

interface OpenMessage extends EventsMessage {
  chars: number;
}

/**
 * Puts events into messages; those of a type stay in their order. A message costs the broker some 40 us, whether it has one event
 * or a hundred. An event that is traced has a message of its own, since the trace is in the header.
 */
export function eventMessages(events: readonly WrittenEvent[]): readonly EventsMessage[] {
  const messages: EventsMessage[] = [];
  const open = new Map<string, OpenMessage>();
  for (const { type, json, traceparent } of events) {
    const present = traceparent === undefined ? open.get(type) : undefined;
    if (present !== undefined && hasRoom(present)) {
      present.lines.push(json);
      present.chars += json.length;
      continue;
    }
    const message = { type, traceparent, lines: [json], chars: json.length };
    messages.push(message);
    // What comes behind a traced one must not go into a message before it.
    if (traceparent === undefined) open.set(type, message);
    else open.delete(type);
  }
  return messages;
}

function hasRoom({ lines, chars }: OpenMessage): boolean {
  return lines.length < LIMITS.eventsPerMessageMax && chars < LIMITS.eventsMessageCharsMax;
}
