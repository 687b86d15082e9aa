/**
 * Decoding against everything else: generated messages of both shapes, and tens of thousands of damaged ones.
 * Without these, one unforeseen body could throw inside the consumer, slip a rounded amount into the ledger, or
 * carry a value of the message (a card number, say) into logs and headers by way of a reason.
 */
import { describe, expect, it, vi } from 'vitest';
import { TRANSACTION_TYPES, type TransactionCommand } from '../../../src/contracts/command.ts';
import { decodeMessage } from '../../../src/contracts/decode.ts';
import { INBOUND_QUEUES } from '../../../src/contracts/queues.ts';
import { scanBody } from '../../../src/contracts/scan-body.ts';
import { fc } from '../../support/properties.ts';
import { bytes, DOCUMENTED, LIVE, NO_STRING, someString } from './messages.ts';

// Seconds of work on an idle machine, more on a busy one.
vi.setConfig({ testTimeout: 60_000 });

const idempotencyKey = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 255 })
  .filter((text) => !text.includes('\0'));

const occurredAt = fc
  .record({
    instant: fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    }),
    fraction: fc.stringMatching(/^(\.[0-9]{1,9})?$/),
    zone: fc.constantFrom('Z', '+00:00', '-03:00', '+05:45'),
  })
  .map(({ instant, fraction, zone }) => `${instant.toISOString().slice(0, 19)}${fraction}${zone}`);

const command: fc.Arbitrary<TransactionCommand> = fc
  .record({
    kind: fc.constant('transaction' as const),
    shape: fc.constantFrom('live', 'documented'),
    transactionId: fc.uuid(),
    accountId: fc.uuid(),
    type: fc.constantFrom(...TRANSACTION_TYPES),
    amountCents: fc.bigInt(1n, 9007199254740991n),
    cardId: fc.option(fc.uuid()),
    originalId: fc.option(fc.uuid()),
    idempotencyKey,
    occurredAt,
  })
  .map((made) => ({ ...made, originalId: made.type === 'REFUND' ? made.originalId : null }));

const nullString = (value: string | null): unknown => (value === null ? NO_STRING : someString(value));

/** The amount is spliced in as digits: `JSON.stringify` knows no bigint. */
function encode(made: TransactionCommand, mixCase: boolean): Buffer {
  const shaped =
    made.shape === 'live'
      ? {
          id: made.transactionId,
          account_id: made.accountId,
          card_id: nullString(made.cardId),
          refund_transaction_id: nullString(made.originalId),
          amount_cents: '@',
          status: 'PENDING',
          type: made.type,
          idempotency_key: made.idempotencyKey,
          created_at: made.occurredAt,
        }
      : {
          transaction_id: made.transactionId.toUpperCase(),
          account_id: made.accountId,
          card_id: made.cardId,
          amount_cents: '@',
          transaction_type: mixCase ? made.type.toLowerCase() : made.type,
          idempotency_key: made.idempotencyKey,
          timestamp: made.occurredAt,
          ...(mixCase
            ? { metadata: { refund_transaction_id: made.originalId } }
            : { refund_transaction_id: made.originalId }),
        };
  return Buffer.from(
    JSON.stringify(shaped).replace('"amount_cents":"@"', `"amount_cents":${made.amountCents.toString()}`),
  );
}

describe('decoding', () => {
  it('gives back every valid message of both shapes', () => {
    fc.assert(
      fc.property(command, fc.boolean(), (made, mixCase) => {
        expect(decodeMessage('transactions_queue', encode(made, mixCase))).toEqual({
          ok: true,
          command: made,
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes over exactly the digits of an amount or nothing', () => {
    const number = fc.oneof(
      fc.bigInt(-(2n ** 70n), 2n ** 70n).map(String),
      fc.bigInt(2n ** 53n - 50n, 2n ** 53n + 50n).map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
      fc.stringMatching(/^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?$/),
    );
    fc.assert(
      fc.property(number, (digits) => {
        const body = Buffer.from(
          JSON.stringify(LIVE).replace('"amount_cents":10000', `"amount_cents":${digits}`),
        );
        const decoded = decodeMessage('transactions_queue', body);
        const isPlain = /^[1-9][0-9]*$/.test(digits) && BigInt(digits) <= 9007199254740991n;
        expect(decoded.ok).toBe(isPlain);
        if (decoded.ok) expect(decoded.command).toMatchObject({ amountCents: BigInt(digits) });
      }),
      { numRuns: 5_000 },
    );
  });

  it('survives 20,000 damaged bodies: a command with the bytes’ own amount, or a refusal', () => {
    const sources = [LIVE, DOCUMENTED, { account_id: LIVE['account_id'] }].map((message) => bytes(message));
    const damage = fc.array(
      fc.record({
        at: fc.nat(600),
        cut: fc.nat(4),
        insert: fc.oneof(
          fc.uint8Array({ maxLength: 4 }),
          fc
            .constantFrom(
              '"',
              '\\',
              '{',
              '}',
              '[',
              ':',
              ',',
              '0',
              '.',
              'e',
              '-',
              '"amount_cents":7,',
              '\\u0000',
            )
            .map((text) => Buffer.from(text)),
        ),
      }),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...sources),
        damage,
        fc.constantFrom(...INBOUND_QUEUES),
        (source, blows, queue) => {
          let body: Buffer = source;
          for (const { at, cut, insert } of blows) {
            body = Buffer.concat([body.subarray(0, at), insert, body.subarray(at + cut)]);
          }
          const decoded = decodeMessage(queue, body);
          if (!decoded.ok) {
            expect(decoded.refusal.issues.length).toBeGreaterThan(0);
          } else if (decoded.command.kind === 'transaction') {
            expect(body.toString()).toMatch(
              new RegExp(`"amount_cents"\\s*:\\s*${decoded.command.amountCents.toString()}\\s*[,}]`),
            );
          }
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it('survives any bytes and any JSON', () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
      fc.json({ stringUnit: 'binary' }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(body, fc.constantFrom(...INBOUND_QUEUES), (bytesOfBody, queue) => {
        expect(decodeMessage(queue, bytesOfBody).ok).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });

  it('gives reasons without a value of the message', () => {
    const secret = '4111-SECRET';
    const fields = [...Object.keys(LIVE), ...Object.keys(DOCUMENTED), 'force_recalculation', secret];
    const value = fc.constantFrom<unknown>(
      secret,
      [secret],
      { [secret]: secret },
      { String: secret, Valid: true },
      { String: 1, Valid: secret },
      { refund_transaction_id: secret },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(LIVE, DOCUMENTED, { ...DOCUMENTED, transaction_type: 'REFUND' }),
        fc.array(fc.tuple(fc.constantFrom(...fields), value), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.constantFrom(...INBOUND_QUEUES),
        (message, changes, isCut, queue) => {
          const whole = bytes({ ...message, ...Object.fromEntries(changes) });
          const decoded = decodeMessage(queue, isCut ? whole.subarray(0, -1) : whole);
          if (!decoded.ok) expect(JSON.stringify(decoded.refusal)).not.toContain('SECRET');
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

describe('the scan of a body', () => {
  it('finds the depth that the parsed value has', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null
        ? 1 + Math.max(0, ...Object.values(value).map((inner) => depthOf(inner)))
        : 0;
    fc.assert(
      fc.property(fc.json({ maxDepth: 6, stringUnit: 'binary' }), (text) => {
        expect(scanBody(text).depth).toBe(depthOf(JSON.parse(text)));
      }),
      { numRuns: 2_000 },
    );
  });
});
