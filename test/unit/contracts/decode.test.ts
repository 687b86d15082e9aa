/**
 * Decoding by example. Without these, a message of a shape that the contract allows could be dead-lettered, or one
 * that it forbids could become money: with a rounded amount, with the second of two ids, with a text that
 * PostgreSQL refuses in the middle of a commit.
 */
import { describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../../src/contracts/command.ts';
import { decodeBySchema, decodeMessage } from '../../../src/contracts/decode.ts';
import { INBOUND_QUEUES, type InboundQueue } from '../../../src/contracts/queues.ts';
import type { Refusal } from '../../../src/contracts/refusal.ts';
import {
  ACCOUNT,
  bytes,
  CARD,
  documented,
  DOCUMENTED,
  ID,
  LIVE,
  live,
  NO_STRING,
  opened,
  ORIGINAL,
  someString,
  withAmountText,
  without,
} from './messages.ts';

function commandOf(message: unknown, queue: InboundQueue = 'transactions_queue'): unknown {
  const decoded = decodeMessage(queue, bytes(message));
  return decoded.ok ? decoded.command : decoded.refusal;
}

function refusalOf(body: Buffer, queue: InboundQueue = 'transactions_queue'): Refusal {
  const decoded = decodeMessage(queue, body);
  if (decoded.ok) throw new Error('expected a refusal');
  return decoded.refusal;
}

const LIVE_COMMAND: TransactionCommand = {
  kind: 'transaction',
  shape: 'live',
  transactionId: ID,
  accountId: ACCOUNT,
  type: 'DEPOSIT',
  amountCents: 10000n,
  cardId: null,
  originalId: null,
  idempotencyKey: `2026-11-22-10:40:00.000:${ACCOUNT}:DEPOSIT:10000`,
  occurredAt: '2026-11-22T10:40:00.123456Z',
};

const DOCUMENTED_COMMAND: TransactionCommand = {
  ...LIVE_COMMAND,
  shape: 'documented',
  type: 'PURCHASE',
  idempotencyKey: 'order 17',
  occurredAt: '2026-11-22T10:40:00Z',
};

describe('the live shape', () => {
  it.each([
    ['as the Go API sends it', {}, {}],
    ['a card', { type: 'PURCHASE', card_id: someString(CARD) }, { type: 'PURCHASE', cardId: CARD }],
    ['a charge', { type: 'CHARGE' }, { type: 'CHARGE' }],
    ['a card that is not valid, whatever its String says', { card_id: { String: 'none', Valid: false } }, {}],
    [
      'a refund',
      { type: 'REFUND', refund_transaction_id: someString(ORIGINAL) },
      { type: 'REFUND', originalId: ORIGINAL },
    ],
    ['a refund that names nothing', { type: 'REFUND' }, { type: 'REFUND' }],
    [
      'a deposit that names an original: not its business',
      { refund_transaction_id: someString(ORIGINAL) },
      {},
    ],
    ['upper-case ids', { id: ID.toUpperCase(), account_id: ACCOUNT.toUpperCase() }, {}],
    ['the largest amount', { amount_cents: Number.MAX_SAFE_INTEGER }, { amountCents: 9007199254740991n }],
    ['one cent', { amount_cents: 1 }, { amountCents: 1n }],
    ['extra fields', { status: 5, note: { deep: [1] }, metadata: 'x', toString: 1 }, {}],
    [
      'a key of 255 characters of four bytes each',
      { idempotency_key: '😀'.repeat(255) },
      { idempotencyKey: '😀'.repeat(255) },
    ],
  ])('%s', (_, changes, expected) => {
    expect(commandOf(live(changes))).toEqual({ ...LIVE_COMMAND, ...expected });
  });

  it('is read on every transaction queue', () => {
    for (const queue of ['transactions_queue', 'refund_queue', 'retry_queue'] as const) {
      expect(commandOf(LIVE, queue)).toEqual(LIVE_COMMAND);
    }
  });

  it.each([
    '2026-11-22T10:40:00Z',
    '2026-11-22T10:40:00.1Z',
    '2026-11-22T10:40:00.123456789Z',
    '2026-11-22T10:40:00+00:00',
    '2026-11-22T10:40:00.5-03:00',
    '2024-02-29T23:59:59Z',
    '2000-02-29T00:00:00+15:59',
    '0001-01-01T00:00:00Z',
  ])('keeps the time %s as it is written', (text) => {
    expect(commandOf(live({ created_at: text }))).toEqual({ ...LIVE_COMMAND, occurredAt: text });
  });

  it('is read with blanks and escapes in its text', () => {
    const spaced = JSON.stringify(LIVE, null, '\t').replace('amount_cents', 'amount\\u005fcents');
    const decoded = decodeMessage('transactions_queue', Buffer.from(` \r\n${spaced}\n`));
    expect(decoded).toEqual({ ok: true, command: LIVE_COMMAND });
  });
});

describe('the documented shape', () => {
  it.each([
    ['as documented', {}, {}],
    ['lower-case type', { transaction_type: 'purchase' }, {}],
    ['mixed-case type', { transaction_type: 'dEpOsIt' }, { type: 'DEPOSIT' }],
    ['a card', { card_id: CARD.toUpperCase() }, { cardId: CARD }],
    ['no metadata', { metadata: null }, {}],
    ['a refund', { transaction_type: 'Refund', refund_transaction_id: ORIGINAL }, REFUND()],
    [
      'a refund by its metadata',
      { transaction_type: 'REFUND', metadata: { refund_transaction_id: ORIGINAL.toUpperCase() } },
      REFUND(),
    ],
    [
      'a refund by both',
      {
        transaction_type: 'REFUND',
        refund_transaction_id: ORIGINAL,
        metadata: { refund_transaction_id: ORIGINAL },
      },
      REFUND(),
    ],
    [
      'a refund by its metadata beside a null',
      {
        transaction_type: 'REFUND',
        refund_transaction_id: null,
        metadata: { refund_transaction_id: ORIGINAL },
      },
      REFUND(),
    ],
    [
      'a refund with metadata that is a list',
      { transaction_type: 'REFUND', metadata: [1] },
      { type: 'REFUND' },
    ],
    [
      'a purchase whose metadata has anything under that name',
      { metadata: { refund_transaction_id: 7 } },
      {},
    ],
    [
      'the same name again deeper down',
      {
        transaction_type: 'REFUND',
        metadata: { a: { refund_transaction_id: 1 }, refund_transaction_id: ORIGINAL },
      },
      REFUND(),
    ],
    ['an amount hidden in the metadata', { metadata: { amount_cents: '1e9', id: 'x' } }, {}],
  ])('%s', (_, changes, expected) => {
    expect(commandOf(documented(changes), 'refund_queue')).toEqual({ ...DOCUMENTED_COMMAND, ...expected });
  });

  it('needs neither card nor metadata', () => {
    expect(commandOf(without(without(DOCUMENTED, 'card_id'), 'metadata'))).toEqual(DOCUMENTED_COMMAND);
  });

  function REFUND(): Partial<TransactionCommand> {
    return { type: 'REFUND', originalId: ORIGINAL };
  }
});

describe('balance requests', () => {
  const command = { kind: 'balance', accountId: ACCOUNT, cardId: null, forceRecalculation: false };
  it.each([
    ['live', { account_id: ACCOUNT.toUpperCase() }, { ...command, shape: 'live' }],
    [
      'documented',
      { account_id: ACCOUNT, card_id: CARD, force_recalculation: true, timestamp: '2026-11-22T10:40:00Z' },
      { ...command, shape: 'documented', cardId: CARD, forceRecalculation: true },
    ],
    [
      'documented with nulls',
      { account_id: ACCOUNT, card_id: null, force_recalculation: null, timestamp: null },
      { ...command, shape: 'documented' },
    ],
  ])('%s, on both queues', (_, message, expected) => {
    expect(commandOf(message, 'calculate_balance_queue')).toEqual(expected);
    expect(commandOf(message, 'balance_calculation_queue')).toEqual(expected);
  });

  it.each([
    ['$.account_id', {}],
    ['$.account_id', { account_id: 5 }],
    ['$.card_id', { account_id: ACCOUNT, card_id: 'visa' }],
    ['$.force_recalculation', { account_id: ACCOUNT, force_recalculation: 'yes' }],
    ['$.timestamp', { account_id: ACCOUNT, timestamp: 'now' }],
  ])('a wrong %s goes to balance_dlq', (path, message) => {
    const refusal = refusalOf(bytes(message), 'calculate_balance_queue');
    expect(refusal).toMatchObject({ code: 'MESSAGE_INVALID', deadLetterQueue: 'balance_dlq' });
    expect(refusal.issues.map((issue) => issue.path)).toEqual([path]);
  });

  it('are no transactions', () => {
    const refusal = refusalOf(bytes({ account_id: ACCOUNT }), 'retry_queue');
    expect(refusal).toMatchObject({ code: 'MESSAGE_INVALID', deadLetterQueue: 'transactions_dlq' });
  });
});

describe('bodies that are no JSON object go to system_dlq', () => {
  const deep = (levels: number): Buffer =>
    Buffer.from(`{"metadata":${'['.repeat(levels)}${']'.repeat(levels)}}`);
  it.each([
    ['BODY_EMPTY', Buffer.alloc(0)],
    ['BODY_TOO_LARGE', Buffer.alloc(1024 * 1024 + 1, 0x20)],
    ['BODY_NOT_UTF8', Buffer.from([0x7b, 0xc3, 0x28, 0x7d])],
    ['BODY_NOT_UTF8', Buffer.from('\uFEFF{}', 'utf16le')],
    ['BODY_NOT_UTF8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['BODY_NOT_JSON', Buffer.from(JSON.stringify(LIVE), 'utf16le')],
    ['BODY_NOT_JSON', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes(LIVE)])],
    ['BODY_NOT_JSON', Buffer.from('   ')],
    ['BODY_NOT_JSON', Buffer.from('{"id":')],
    ['BODY_NOT_JSON', bytes(LIVE).subarray(0, -1)],
    ['BODY_NOT_JSON', Buffer.from("{'id':1}")],
    ['BODY_NOT_JSON', Buffer.from('{"amount_cents":0x10}')],
    ['BODY_NOT_JSON', Buffer.from('{"amount_cents":NaN}')],
    ['BODY_NOT_JSON', Buffer.from('{"a":"unended')],
    ['BODY_NOT_JSON', Buffer.from('{"a\\":1}')],
    ['BODY_NOT_JSON', Buffer.from('{"a\\x":1}')],
    ['BODY_NOT_OBJECT', Buffer.from('null')],
    ['BODY_NOT_OBJECT', Buffer.from('[{}]')],
    ['BODY_NOT_OBJECT', Buffer.from('"{}"')],
    ['BODY_NOT_OBJECT', Buffer.from('42')],
    ['BODY_TOO_DEEP', deep(32)],
    ['BODY_TOO_DEEP', Buffer.from('['.repeat(1_000_000))],
    ['BODY_TOO_DEEP', Buffer.from('{"a":'.repeat(200_000))],
  ] as const)('%s', (code, body) => {
    for (const queue of INBOUND_QUEUES) {
      expect(refusalOf(body, queue)).toMatchObject({ code, deadLetterQueue: 'system_dlq' });
    }
  });

  it('counts brackets inside strings as text', () => {
    expect(commandOf(live({ note: '[{'.repeat(100) }))).toEqual(LIVE_COMMAND);
    expect(commandOf(live({ note: `"\\${'['.repeat(100)}` }))).toEqual(LIVE_COMMAND);
  });

  it('takes the deepest allowed nesting and the limits it is told', () => {
    expect(refusalOf(deep(31)).code).toBe('MESSAGE_INVALID');
    const limits = { bodyBytesMax: 10, bodyDepthMax: 1, refusalIssuesMax: 2 };
    expect(decodeBySchema('transactions_queue', bytes(LIVE), limits)).toMatchObject({
      refusal: { code: 'BODY_TOO_LARGE', issues: [{ path: '$', expected: 'at most 10 bytes' }] },
    });
    expect(decodeBySchema('transactions_queue', bytes({ id: 1 }), limits)).toMatchObject({
      refusal: { code: 'MESSAGE_INVALID', issues: { length: 2 } },
    });
  });

  it('says where JSON breaks', () => {
    expect(refusalOf(Buffer.from('{"id":1,}')).issues[0]?.expected).toBe('JSON; it breaks at position 8');
  });
});

describe('amounts are exact or refused', () => {
  it.each([
    ['0', /this is less$/],
    ['-0', /this is less$/],
    ['-1', /this is less$/],
    ['9007199254740992', /this is more$/],
    ['9007199254740993', /this is more$/],
    ['9999999999999999', /this is more$/],
    ['10000000000000000', /this is more$/],
    ['1234567890123456789012345', /this is more$/],
    ['10.5', /without fraction or exponent$/],
    ['10.0', /without fraction or exponent$/],
    ['9007199254740990.6', /without fraction or exponent$/],
    ['0.1', /without fraction or exponent$/],
    ['1e2', /without fraction or exponent$/],
    ['1E+2', /without fraction or exponent$/],
    ['100e-2', /without fraction or exponent$/],
    ['1e400', /without fraction or exponent$/],
    ['"10000"', /not as a string$/],
    ['" 1"', /not as a string$/],
    ['null', /^a whole number of cents from 1 to 9007199254740991$/],
    ['true', /^a whole number of cents/],
    ['[10000]', /^a whole number of cents/],
    ['{"String":"1"}', /^a whole number of cents/],
  ])('%s', (text, expected) => {
    const refusal = refusalOf(withAmountText(text));
    expect(refusal).toMatchObject({ code: 'MESSAGE_INVALID', deadLetterQueue: 'transactions_dlq' });
    expect(refusal.issues).toEqual([
      { path: '$.amount_cents', expected: expect.stringMatching(expected) as string },
    ]);
  });

  it.each(['  10000', '\n\t10000 ', '10000\r'])('blanks around it do not matter', (text) => {
    expect(decodeMessage('transactions_queue', withAmountText(text)).ok).toBe(true);
  });

  it('missing', () => {
    expect(refusalOf(bytes(without(LIVE, 'amount_cents'))).issues).toEqual([
      { path: '$.amount_cents', expected: 'a whole number of cents from 1 to 9007199254740991' },
    ]);
  });
});

describe('fields given twice are refused, not chosen between', () => {
  it.each([
    ['$.amount_cents', '"amount_cents":1,'],
    ['$.amount_cents', '"amount_cents":10000,'],
    ['$.amount_cents', '"amount\\u005fcents":1,'],
    ['$.amount_cents', '"\\u0061mount_cents" : 1,'],
    ['$.id', `"id":"${ORIGINAL}",`],
    ['$.account_id', `"account_id":"${ORIGINAL}",`],
    ['$.type', '"type":"CHARGE",'],
    ['$.idempotency_key', '"idempotency_key":"k",'],
    ['$.created_at', '"created_at":"x",'],
    ['$.card_id', '"card_id":{"String":"","Valid":false},'],
  ])('%s', (path, text) => {
    expect(refusalOf(opened(LIVE, text))).toMatchObject({
      code: 'MESSAGE_INVALID',
      issues: [{ path, expected: 'exactly one field of this name' }],
    });
  });

  it('also inside a nullable field and inside metadata', () => {
    const twice = JSON.stringify(live({ card_id: someString(CARD) })).replace(
      '"Valid":true',
      '"Valid":false,"Valid":true',
    );
    expect(refusalOf(Buffer.from(twice)).issues[0]?.path).toBe('$.card_id.Valid');

    const metadata = `"metadata":{"refund_transaction_id":"${ID}","refund_transaction_id":"${ORIGINAL}"},`;
    const refund = without(documented({ transaction_type: 'REFUND' }), 'metadata');
    expect(refusalOf(opened(refund, metadata)).issues[0]?.path).toBe('$.metadata.refund_transaction_id');
  });

  it.each([
    ['a field that nobody reads', '"status":"X",'],
    ['the name inside another field', '"note":{"amount_cents":1,"id":2,"amount_cents":3},'],
    ['the name as a text', '"note":"\\"amount_cents\\":1","list":["amount_cents","amount_cents"],'],
    ['the name in another letter case', '"Amount_Cents":1,"ID":2,'],
    ['names of prototypes', '"__proto__":{"id":"x"},"constructor":{"prototype":1},"hasOwnProperty":1,'],
  ])('%s does no harm', (_, text) => {
    expect(decodeMessage('transactions_queue', opened(LIVE, text))).toEqual({
      ok: true,
      command: LIVE_COMMAND,
    });
    expect(({} as Record<string, unknown>)['id']).toBeUndefined();
  });
});

describe('objects that are no command go to the queue of their kind, with every reason', () => {
  it.each([
    ['$', { ...LIVE, transaction_id: ID }],
    ['$', { ...DOCUMENTED, id: null }],
    ['$', {}],
    ['$', { toString: 1 }],
    ['$.id', live({ id: 'x' })],
    ['$.id', live({ id: `{${ID}}` })],
    ['$.id', live({ id: `${ID}\n` })],
    ['$.id', live({ id: ID.replaceAll('-', '') })],
    ['$.id', live({ id: `${ID.slice(0, -1)}g` })],
    ['$.id', live({ id: null })],
    ['$.account_id', live({ account_id: '' })],
    ['$.account_id', without(LIVE, 'account_id')],
    ['$.card_id', live({ card_id: null })],
    ['$.card_id', live({ card_id: CARD })],
    ['$.card_id.Valid', live({ card_id: { String: CARD } })],
    ['$.card_id.Valid', live({ card_id: { String: CARD, Valid: 'true' } })],
    ['$.card_id', without(LIVE, 'card_id')],
    ['$.card_id.String', live({ card_id: someString('4111 1111') })],
    ['$.card_id.String', live({ card_id: { Valid: true } })],
    ['$.refund_transaction_id.String', live({ refund_transaction_id: someString('') })],
    ['$.type', live({ type: 'deposit' })],
    ['$.type', live({ type: 'TRANSFER' })],
    ['$.type', live({ type: ['DEPOSIT'] })],
    ['$.type', live({ type: 'toString' })],
    ['$.idempotency_key', live({ idempotency_key: '' })],
    ['$.idempotency_key', live({ idempotency_key: 'k'.repeat(256) })],
    ['$.idempotency_key', live({ idempotency_key: 'a\0b' })],
    ['$.idempotency_key', live({ idempotency_key: 'a\ud800b' })],
    ['$.idempotency_key', live({ idempotency_key: '\udc00\ud800' })],
    ['$.idempotency_key', live({ idempotency_key: null })],
    ['$.created_at', live({ created_at: '2026-11-22' })],
    ['$.created_at', live({ created_at: '2026-11-22 10:40:00Z' })],
    ['$.created_at', live({ created_at: '2026-11-22T10:40:00' })],
    ['$.created_at', live({ created_at: '2026-11-22T10:40Z' })],
    ['$.created_at', live({ created_at: '2026-11-22T10:40:00.Z' })],
    ['$.created_at', live({ created_at: '2026-11-22T10:40:00.1234567890Z' })],
    ['$.created_at', live({ created_at: '2026-11-22T24:00:00Z' })],
    ['$.created_at', live({ created_at: '2026-11-22T10:40:60Z' })],
    ['$.created_at', live({ created_at: '2026-11-22T10:40:00+16:00' })],
    ['$.created_at', live({ created_at: '2026-13-22T10:40:00Z' })],
    ['$.created_at', live({ created_at: '2026-02-29T10:40:00Z' })],
    ['$.created_at', live({ created_at: '1900-02-29T10:40:00Z' })],
    ['$.created_at', live({ created_at: '2026-04-31T10:40:00Z' })],
    ['$.created_at', live({ created_at: '2026-04-00T10:40:00Z' })],
    ['$.created_at', live({ created_at: '0000-01-01T10:40:00Z' })],
    ['$.created_at', live({ created_at: 1764000000 })],
    ['$.transaction_type', documented({ transaction_type: 'CHARGES' })],
    ['$.transaction_type', documented({ transaction_type: ' DEPOSIT' })],
    ['$.transaction_type', documented({ transaction_type: null })],
    ['$.card_id', documented({ card_id: NO_STRING })],
    ['$.refund_transaction_id', documented({ refund_transaction_id: 'x' })],
    [
      '$.metadata.refund_transaction_id',
      documented({ transaction_type: 'refund', metadata: { refund_transaction_id: 'x' } }),
    ],
    [
      '$.metadata.refund_transaction_id',
      documented({
        transaction_type: 'REFUND',
        refund_transaction_id: ORIGINAL,
        metadata: { refund_transaction_id: ID },
      }),
    ],
    ['$.timestamp', documented({ timestamp: 'yesterday' })],
  ])('%s', (path, message) => {
    const refusal = refusalOf(bytes(message));
    expect(refusal).toMatchObject({ code: 'MESSAGE_INVALID', deadLetterQueue: 'transactions_dlq' });
    expect(refusal.issues.map((issue) => issue.path)).toContain(path);
    if (path !== '$') expect(refusal.issues).toHaveLength(1);
  });

  it('names all that is wrong, in the words of the contract', () => {
    const { issues } = refusalOf(bytes(live({ id: 5, type: 'x', amount_cents: 1.5, idempotency_key: 7 })));
    expect(issues).toEqual([
      {
        path: '$.amount_cents',
        expected:
          'a whole number of cents from 1 to 9007199254740991 in plain digits, without fraction or exponent',
      },
      { path: '$.id', expected: 'a UUID (8-4-4-4-12 hexadecimal digits)' },
      { path: '$.type', expected: 'one of DEPOSIT, PURCHASE, CHARGE, REFUND' },
      { path: '$.idempotency_key', expected: 'a text of 1 to 255 characters' },
    ]);
  });
});
