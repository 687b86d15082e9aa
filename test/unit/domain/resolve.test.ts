/**
 * Without these: a command that the ledger left out of a commit could end twice, never, or under a wrong name; an actor
 * would decide it again for ever, or acknowledge a payload that nobody has decided.
 */
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/domain/finding.ts';
import { settlementOf } from '../../../src/domain/resolve.ts';
import { command, id, ORIGINAL, refund, stored } from './fixtures.ts';

const options = { refundAmount: 'message' } as const;
const different = stored({ amountCents: 999n });
const firstOfKey = stored({ transactionId: id(4, 9) });

describe('settlementOf', () => {
  it('takes a decided id with the same payload as a repeat, whatever its key', () => {
    const settlement = settlementOf(
      command({ idempotencyKey: 'other' }),
      { kind: 'decided', stored: stored() },
      options,
    );
    expect(settlement).toEqual({ kind: 'repeat', stored: stored() });
  });

  it('refuses a decided id with another payload and says what differs', () => {
    expect(settlementOf(command(), { kind: 'decided', stored: different }, options)).toEqual({
      kind: 'failed',
      code: 'PAYLOAD_MISMATCH',
      detail: 'differs from the transaction as it is stored: amount (stored 999, message 100)',
    });
  });

  it('leaves a row in ERROR alone, whatever the message says', () => {
    const settlement = settlementOf(command(), { kind: 'row-error', stored: different }, options);
    expect(settlement).toEqual({ kind: 'repeat', stored: different });
  });

  it('refuses what differs from its waiting row, also in the key alone', () => {
    const row = stored({ status: 'PENDING', idempotencyKey: 'other' });
    expect(settlementOf(command(), { kind: 'row-differs', stored: row }, options)).toMatchObject({
      code: 'PAYLOAD_MISMATCH',
      detail: expect.stringContaining('key (stored other, message key-1)') as string,
    });
  });

  it('names the first id of a key with the same payload, and refuses another payload', () => {
    expect(settlementOf(command(), { kind: 'key-taken', stored: firstOfKey }, options)).toEqual({
      kind: 'same-key',
      firstId: id(4, 9),
    });
    const other = settlementOf(
      command({ amountCents: 1n }),
      { kind: 'key-taken', stored: firstOfKey },
      options,
    );
    expect(other).toMatchObject({
      code: 'PAYLOAD_MISMATCH',
      detail: expect.stringContaining(
        `transaction ${id(4, 9)}, which has the same idempotency key`,
      ) as string,
    });
  });

  it('does not hold the amount of a refund against it where refunds are whole', () => {
    const row = stored({ type: 'REFUND', originalId: ORIGINAL, amountCents: 300n });
    const finding: Finding = { kind: 'decided', stored: row };
    expect(settlementOf(refund({ amountCents: 10n }), finding, { refundAmount: 'original' })).toMatchObject({
      kind: 'repeat',
    });
    expect(settlementOf(refund({ amountCents: 10n }), finding, options)).toMatchObject({
      code: 'PAYLOAD_MISMATCH',
    });
  });

  it.each<[Finding, unknown]>([
    [{ kind: 'row-missing' }, { kind: 'deferred', code: 'ROW_MISSING' }],
    [{ kind: 'row-locked' }, { kind: 'deferred', code: 'ROW_LOCKED' }],
    [{ kind: 'reference-gone' }, null],
  ])('%o → %o', (finding, settlement) => {
    expect(settlementOf(command(), finding, options)).toEqual(settlement);
  });

  it('gives up on an account that does not exist', () => {
    expect(settlementOf(command(), { kind: 'no-account' }, options)).toMatchObject({
      kind: 'failed',
      code: 'ACCOUNT_UNKNOWN',
    });
  });
});
