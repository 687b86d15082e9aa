/** The small rules of the sweep. Without these: a backlog is overtaken, or a row becomes another transaction than its message. */
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { decodeMessage } from '../../../src/contracts/decode.ts';
import { liveBodyOf } from '../../../src/contracts/live-body.ts';
import type { PendingRow } from '../../../src/contracts/live-body.ts';
import { describeDuration, parseDuration } from '../../../src/domain/duration.ts';
import { horizonMs } from '../../../src/supervisor/sweep/horizon.ts';
import { LatelyDriven } from '../../../src/supervisor/sweep/lately-driven.ts';
import { readRow } from '../../../src/supervisor/sweep/read-row.ts';

const ROW: PendingRow = {
  id: '11111111-1111-4111-8111-111111111111',
  accountId: '22222222-2222-4222-8222-222222222222',
  cardId: '33333333-3333-4333-8333-333333333333',
  amountCents: 9_007_199_254_740_991n,
  type: 'PURCHASE',
  idempotencyKey: 'a "key" with \\ and ü',
  originalId: null,
  createdAt: '2026-11-22T10:40:00.123456Z',
};

describe('a row as a message', () => {
  it('is what the Go API would have sent', () => {
    expect(JSON.parse(liveBodyOf(ROW).toString())).toEqual({
      id: ROW.id,
      account_id: ROW.accountId,
      card_id: { String: ROW.cardId, Valid: true },
      refund_transaction_id: { String: '', Valid: false },
      amount_cents: 9_007_199_254_740_991,
      status: 'PENDING',
      type: 'PURCHASE',
      idempotency_key: ROW.idempotencyKey,
      created_at: ROW.createdAt,
    });
  });

  it('is the transaction of the row, with all its fields', () => {
    const decoded = decodeMessage('transactions_queue', liveBodyOf(ROW));
    expect(decoded).toEqual({
      ok: true,
      command: {
        kind: 'transaction',
        shape: 'live',
        transactionId: ROW.id,
        accountId: ROW.accountId,
        type: 'PURCHASE',
        amountCents: ROW.amountCents,
        cardId: ROW.cardId,
        originalId: null,
        idempotencyKey: ROW.idempotencyKey,
        occurredAt: ROW.createdAt,
      },
    });
  });

  it.each([
    ['account_id', { accountId: null }],
    ['amount_cents', { amountCents: 0n }],
    ['amount_cents', { amountCents: -1n }],
    ['amount_cents', { amountCents: 9_007_199_254_740_992n }],
    ['type', { type: 'deposit' }],
    ['idempotency_key', { idempotencyKey: null }],
    ['idempotency_key', { idempotencyKey: 'x'.repeat(256) }],
  ] as const)('with a wrong %s is no command, and says which field', (field, wrong) => {
    const read = readRow({ ...ROW, ...wrong });
    expect(read.kind).toBe('invalid');
    expect(read.kind === 'invalid' && read.detail).toContain(`$.${field}`);
  });

  it('of a refund is a command only where it says what it refunds', () => {
    expect(readRow({ ...ROW, type: 'REFUND' }).kind).toBe('target-unknown');
    expect(readRow({ ...ROW, type: 'REFUND', originalId: ROW.id })).toMatchObject({
      kind: 'command',
      command: { originalId: ROW.id },
    });
  });
});

describe('the horizon', () => {
  const nowMs = Date.parse('2026-11-22T12:00:00Z');
  const facts = { nowMs, ageMinMs: 30_000, queued: 0, newestDeliveredAt: null, skewMs: 5_000 };

  it('is the least age while nothing waits in the queue', () => {
    expect(horizonMs(facts)).toBe(nowMs - 30_000);
    expect(horizonMs({ ...facts, newestDeliveredAt: '2026-11-22T09:00:00Z' })).toBe(nowMs - 30_000);
  });

  it('stays behind what was delivered last while something does', () => {
    const queued = { ...facts, queued: 1 };
    expect(horizonMs({ ...queued, newestDeliveredAt: '2026-11-22T09:00:00Z' })).toBe(
      Date.parse('2026-11-22T08:59:55Z'),
    );
    expect(horizonMs({ ...queued, newestDeliveredAt: '2026-11-22T11:59:59Z' })).toBe(nowMs - 30_000);
    expect(horizonMs({ ...queued, newestDeliveredAt: '2099-01-01T00:00:00+03:00' })).toBe(nowMs - 30_000);
  });

  it('is not known before anything was delivered', () => {
    expect(horizonMs({ ...facts, queued: 1 })).toBeNull();
  });
});

describe('a row that was driven and is PENDING still', () => {
  it('rests, twice as long each time, up to a limit', () => {
    const lately = new LatelyDriven({ restMs: 100, restMsMax: 300, rowsMax: 10 });
    for (const [nowMs, restMs] of [
      [0, 100],
      [1_000, 200],
      [2_000, 300],
      [3_000, 300],
    ] as const) {
      expect(lately.rests('a', nowMs)).toBe(false);
      lately.add('a', nowMs);
      expect(lately.rests('a', nowMs + restMs - 1)).toBe(true);
      expect(lately.rests('a', nowMs + restMs)).toBe(false);
    }
  });

  it('is forgotten for newer ones when there are too many', () => {
    const lately = new LatelyDriven({ restMs: 100, restMsMax: 300, rowsMax: 2 });
    for (const id of ['a', 'b', 'c']) lately.add(id, 0);
    expect(['a', 'b', 'c'].map((id) => lately.rests(id, 1))).toEqual([false, true, true]);
  });
});

describe('a time in words', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1500', 1_500],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(parseDuration(describeDuration(ms))).toBe(ms);
  });

  it.each(['', '1 day', '-1s', '1.5h', 'h', '24H'])('%s is none', (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it('is what the settings of the sweep are', () => {
    expect(loadConfig({})).toMatchObject({
      sweepAgeMinMs: 30_000,
      sweepAgeMaxMs: 86_400_000,
      sweepPollMs: 5_000,
    });
    expect(loadConfig({ SWEEP_AGE_MAX: '7d' }).sweepAgeMaxMs).toBe(604_800_000);
    expect(() => loadConfig({ SWEEP_AGE_MAX: 'ever' })).toThrow(/SWEEP_AGE_MAX.*like 30s, 15m or 24h/);
  });
});
