/**
 * Without these: a producer could place its payments in another window by saying another time, an account's time could go back (and
 * with it the windows of its rules), or the ledger could read another millisecond than memory has.
 */
import { describe, expect, it } from 'vitest';
import { eventTimeOf } from '../../../src/domain/event-time.ts';

const RECEIVED = '2026-11-22T10:40:00.500Z';
const receivedAtMs = Date.parse(RECEIVED);

const timeOf = (shape: 'live' | 'documented', occurredAt: string, last: string | null = null): string =>
  eventTimeOf({ shape, occurredAt }, receivedAtMs, last === null ? -Infinity : Date.parse(last)).text;

describe('event time', () => {
  it('is what the message says, to the microsecond, as it was written', () => {
    for (const shape of ['live', 'documented'] as const) {
      for (const text of [
        '2026-11-22T10:39:59.123456Z',
        '2026-11-22T10:00:00Z',
        '2026-11-22T07:40:00.1-03:00',
      ])
        expect(timeOf(shape, text)).toBe(text);
    }
    expect(eventTimeOf({ shape: 'live', occurredAt: RECEIVED }, 0, -Infinity).atMs).toBe(receivedAtMs);
  });

  it('is cut where there is more, never rounded: into no other millisecond', () => {
    expect(timeOf('live', '2026-11-22T10:39:59.999999999Z')).toBe('2026-11-22T10:39:59.999999Z');
    expect(timeOf('live', '2026-11-22T07:39:59.9999999-03:00')).toBe('2026-11-22T07:39:59.999999-03:00');
  });

  it('documented shape: not after the receipt, and not more than a day before it', () => {
    expect(timeOf('documented', '2026-11-22T10:40:00.501Z')).toBe(RECEIVED);
    expect(timeOf('documented', '2026-11-21T10:40:00.500Z')).toBe('2026-11-21T10:40:00.500Z');
    expect(timeOf('documented', '2026-11-21T10:40:00.499Z')).toBe('2026-11-21T10:40:00.500Z');
    expect(timeOf('documented', '0001-01-01T00:00:00+15:59')).toBe('2026-11-21T10:40:00.500Z');
  });

  it('live shape: the row is believed, whatever it says', () => {
    expect(timeOf('live', '2020-01-01T00:00:00Z')).toBe('2020-01-01T00:00:00Z');
    expect(timeOf('live', '2026-11-23T00:00:00Z')).toBe('2026-11-23T00:00:00Z');
  });

  it('never goes back', () => {
    expect(timeOf('live', '2026-11-22T10:00:00Z', '2026-11-22T10:00:01Z')).toBe('2026-11-22T10:00:01.000Z');
    expect(timeOf('documented', '2026-11-22T10:00:00Z', RECEIVED)).toBe(RECEIVED);
    // Within a millisecond what the message says may stand.
    expect(timeOf('live', '2026-11-22T10:00:00.000001Z', '2026-11-22T10:00:00Z')).toBe(
      '2026-11-22T10:00:00.000001Z',
    );
  });

  it('is a time that PostgreSQL can hold, also at the ends of the calendar', () => {
    expect(timeOf('live', '9999-12-31T23:59:59-15:59')).toBe('9999-12-31T23:59:59.999Z');
    expect(timeOf('live', '0001-01-01T00:00:00+15:59')).toBe('0001-01-01T00:00:00.000Z');
  });
});
