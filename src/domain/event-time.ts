import type { TransactionCommand } from '../contracts/command.ts';
import { RULE_LIMITS } from '../contracts/rule-limits.ts';

/** When something happened, as the journal keeps it (`occurred_at`): rules measure their windows by it. */
export interface EventTime {
  /** Milliseconds since the epoch, cut and not rounded. */
  readonly atMs: number;
  /** The same as RFC 3339, at most microseconds; as the message has it, unless that could not stand. */
  readonly text: string;
}

/** What a year of four digits can say; an offset may reach beyond it. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');
/** `2026-11-22T10:40:00.123456Z`: more digits, or an offset, make it longer. */
const MICROSECONDS_CHARS = 27;

/**
 * The event time of a command: what the Go API's row says (live shape), or what the producer says (documented shape), there at
 * most `eventAgeMsMax` before its receipt and never after it. It never goes back within an account.
 *
 * Both the day and the window of a transaction come from here, so a backlog that is drained in a minute is as spread out as
 * it was when it came about, and whoever reads the journal sees the same times.
 *
 * @param lastEventMs event time of the account's last decision; -Infinity: it has none.
 */
export function eventTimeOf(
  { occurredAt, shape }: Pick<TransactionCommand, 'occurredAt' | 'shape'>,
  receivedAtMs: number,
  lastEventMs: number,
): EventTime {
  const saidMs = Date.parse(occurredAt);
  const believedMs = shape === 'live' ? saidMs : notBefore(receivedAtMs, Math.min(saidMs, receivedAtMs));
  const atMs = Math.max(Math.min(Math.max(believedMs, EARLIEST_MS), LATEST_MS), lastEventMs);
  return { atMs, text: atMs === saidMs ? cutToMicroseconds(occurredAt) : new Date(atMs).toISOString() };
}

function notBefore(receivedAtMs: number, saidMs: number): number {
  return Math.max(saidMs, receivedAtMs - RULE_LIMITS.eventAgeMsMax);
}

/** PostgreSQL would round, into the next millisecond or the next day. */
function cutToMicroseconds(text: string): string {
  return text.length <= MICROSECONDS_CHARS ? text : text.replace(/(\.\d{6})\d+/, '$1');
}
