/**
 * Without these: a message that the quick road reads as something else than the schemas do, and money that nobody sent; the same road left by
 * every message after a change of the generator or of the shape, and nobody notices but the benchmark; commands that keep the text of
 * their messages alive until they are answered.
 */
import { describe, expect, it, vi } from 'vitest';
import { TRANSACTION_TYPES } from '../../../src/contracts/command.ts';
import { decodeBySchema } from '../../../src/contracts/decode.ts';
import { DECODE_LIMITS } from '../../../src/contracts/decode-limits.ts';
import { liveBodyOf } from '../../../src/contracts/live-body.ts';
import { quickLive } from '../../../src/contracts/quick-live.ts';
import { encodeOperation } from '../../../src/drive/encode-operation.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../../../src/drive/traffic.ts';
import { keptBytesEach } from '../../support/kept-bytes.ts';
import { fc } from '../../support/properties.ts';
import { bytes, CARD, live, LIVE, NO_STRING, ORIGINAL, someString } from './messages.ts';

// Seconds of work on an idle machine, more on a busy one.
vi.setConfig({ testTimeout: 60_000 });

/** The quick road answers like the schemas, or not at all. Returns whether it answered. */
function agrees(body: Buffer): boolean {
  const command = quickLive(body);
  if (command === null) return false;
  expect(decodeBySchema('transactions_queue', body)).toEqual({ ok: true, command });
  return true;
}

const TEXT = JSON.stringify(LIVE);
const AMOUNT_TEXT = '"amount_cents":10000';

const validLive = fc
  .record({
    id: fc.uuid(),
    account_id: fc.uuid(),
    card_id: fc.option(fc.uuid()).map((id) => (id === null ? NO_STRING : someString(id))),
    refund_transaction_id: fc.option(fc.uuid()).map((id) => (id === null ? NO_STRING : someString(id))),
    amount_cents: fc.integer({ min: 1, max: 999_999_999_999_999 }),
    status: fc.constant('PENDING'),
    type: fc.constantFrom(...TRANSACTION_TYPES),
    idempotency_key: fc.stringMatching(/^[ !#-[\]-~]{1,255}$/),
    created_at: fc
      .tuple(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        fc.stringMatching(/^(\.[0-9]{1,9})?$/),
      )
      .map(([date, fraction]) => `${date.toISOString().slice(0, 19)}${fraction}Z`),
  })
  .map((message) => JSON.stringify(message));

describe('the quick road is taken', () => {
  it('by every live message that drive sends', () => {
    const traffic = new Traffic({
      ...TRAFFIC_DEFAULTS,
      seed: 's',
      run: 'r',
      accounts: 50,
      documentedShare: 0,
    });
    const operations = Array.from({ length: 4_000 }, (_, at) =>
      traffic.next(1_795_000_000_000_000 + at),
    ).flat();
    const types = new Set<string>();
    for (const operation of operations) {
      if (operation.kind !== 'transaction' || operation.command.shape !== 'live') continue;
      expect(quickLive(encodeOperation(operation))).toEqual(operation.command);
      types.add(operation.command.type);
    }
    expect([...types].sort()).toEqual([...TRANSACTION_TYPES].sort());
  });

  it('by the message that stands for a row', () => {
    const ids = { id: CARD, accountId: ORIGINAL, cardId: CARD, originalId: ORIGINAL };
    const row = {
      ...ids,
      amountCents: 7n,
      type: 'REFUND',
      idempotencyKey: 'k',
      createdAt: '2026-11-30T10:40:00Z',
    };
    expect(quickLive(liveBodyOf(row))).toMatchObject({ cardId: CARD, originalId: ORIGINAL, amountCents: 7n });
  });

  it('by whatever the Go API can write without escapes, and with what the schemas make of it', () => {
    fc.assert(
      fc.property(validLive, (text) => {
        const isLeapDay = text.includes('-02-29T');
        expect(agrees(Buffer.from(text))).toBe(!isLeapDay);
      }),
      { numRuns: 2_000 },
    );
  });

  it('by the longest message of the shape: what is longer need not be looked at', () => {
    const longest = {
      ...live({ card_id: someString(CARD), refund_transaction_id: someString(ORIGINAL), type: 'PURCHASE' }),
      amount_cents: 999_999_999_999_999,
      idempotency_key: 'k'.repeat(255),
      created_at: '2026-11-22T10:40:00.123456789Z',
    };
    expect(agrees(bytes(longest))).toBe(true);
    expect(bytes(longest).length).toBeLessThan(DECODE_LIMITS.bodyBytesMax);
  });

  it('on every day of the calendar but 29 February, and on no other day', () => {
    const taken = new Map<string, number>();
    for (const year of ['0000', '0001', '1900', '2000', '2026', '2028'])
      for (let month = 0; month <= 13; month += 1)
        for (let day = 0; day <= 32; day += 1) {
          const date = [year, month, day].map((part) => String(part).padStart(2, '0')).join('-');
          const body = Buffer.from(TEXT.replace('2026-11-22T', `${date}T`));
          if (agrees(body)) taken.set(year, (taken.get(year) ?? 0) + 1);
        }
    expect(Object.fromEntries(taken)).toEqual({ '0001': 365, 1900: 365, 2000: 365, 2026: 365, 2028: 365 });
  });
});

describe('the quick road says what the schemas say, or nothing', () => {
  it.each([
    ['an id in capitals', TEXT.replace('6f1c', '6F1C')],
    ['an amount beyond 15 digits', TEXT.replace(AMOUNT_TEXT, '"amount_cents":9007199254740993')],
    ['a fraction', TEXT.replace(AMOUNT_TEXT, '"amount_cents":10000.0')],
    ['an exponent', TEXT.replace(AMOUNT_TEXT, '"amount_cents":1e2')],
    ['no amount', TEXT.replace(AMOUNT_TEXT, '"amount_cents":0')],
    ['a leading zero', TEXT.replace(AMOUNT_TEXT, '"amount_cents":010000')],
    ['an escape in the key', TEXT.replace('2026-11-22-10', '\\u0000')],
    ['a key with a letter beyond ASCII', TEXT.replace('2026-11-22-10', 'Ü')],
    ['no key', JSON.stringify(live({ idempotency_key: '' }))],
    ['a key that is too long', JSON.stringify(live({ idempotency_key: 'k'.repeat(256) }))],
    ['a card that is not valid but has a text', TEXT.replace('{"String":""', `{"String":"${CARD}"`)],
    ['a card without text', TEXT.replace('{"String":"","Valid":false}', '{"String":"","Valid":true}')],
    ['another status', JSON.stringify(live({ status: 'APPROVED' }))],
    ['a field more', TEXT.replace('"status"', '"x":1,"status"')],
    ['a field twice', TEXT.replace(AMOUNT_TEXT, `${AMOUNT_TEXT},${AMOUNT_TEXT}`)],
    ['a field twice at the end', TEXT.replace(/\}$/, `,${AMOUNT_TEXT}}`)],
    ['an offset', TEXT.replace('456Z', '456+00:00')],
    ['second 60', TEXT.replace('10:40:00.1', '10:40:60.1')],
    ['something behind it', `${TEXT}x`],
    ['a line end behind it', `${TEXT}\n`],
    ['something before it', ` ${TEXT}`],
    ['an end that is missing', TEXT.slice(0, -1)],
    ['nothing', ''],
  ])('nothing of %s', (_name, text) => {
    expect(quickLive(Buffer.from(text))).toBeNull();
  });

  it('whatever bytes are changed, put in or taken out of a message', () => {
    const token = fc.constantFrom(
      ...[
        '"',
        '\\',
        '{',
        '}',
        ',',
        ':',
        '0',
        '9',
        '-',
        '.',
        'e',
        'Z',
        'T',
        '+00:00',
        'true',
        'false',
        'null',
        '\n',
        '\0',
      ],
      ...[
        '"card_id":{"String":"","Valid":false},',
        `${AMOUNT_TEXT},`,
        'REFUND',
        CARD,
        CARD.toUpperCase(),
        'Ü',
      ],
    );
    const piece = fc.oneof(
      token.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 3 }),
    );
    const blow = fc.record({ at: fc.nat(800), cut: fc.nat(5), piece });
    fc.assert(
      fc.property(validLive, fc.array(blow, { minLength: 1, maxLength: 2 }), (text, blows) => {
        let body = Buffer.from(text);
        for (const { at, cut, piece: inserted } of blows) {
          const place = at % body.length;
          body = Buffer.concat([body.subarray(0, place), inserted, body.subarray(place + cut)]);
        }
        agrees(body);
      }),
      { numRuns: 10_000 },
    );
  });

  it('every byte of a message in every other value', () => {
    const body = bytes(live({ type: 'REFUND', refund_transaction_id: someString(ORIGINAL) }));
    let answered = 0;
    for (let at = 0; at < body.length; at += 1) {
      const before = body[at] ?? 0;
      for (let value = 0; value < 256; value += 1) {
        body[at] = value;
        if (agrees(body)) answered += 1;
      }
      body[at] = before;
    }
    // Other digits, letters of the key and the like.
    expect(answered).toBeGreaterThan(body.length);
  });
});

describe('what is kept of a message', () => {
  it('no more than the command says', () => {
    const bodies = Array.from({ length: 5_000 }, (_, at) => bytes(live({ idempotency_key: `key ${at}` })));
    // The text alone is 400; the strings, the amount and the object are 330.
    expect(keptBytesEach(bodies, quickLive)).toBeLessThan(400);
  });
});
