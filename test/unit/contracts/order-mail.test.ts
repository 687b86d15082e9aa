/** Without these, an order that was mangled on its way would be carried out, or money in it would be rounded. */
import { describe, expect, it } from 'vitest';
import type { OperatorAction } from '../../../src/contracts/command.ts';
import {
  decodeOrder,
  decodeOrderAnswer,
  encodeOrder,
  encodeOrderAnswer,
  orderKind,
  type Order,
  type OrderAnswer,
} from '../../../src/contracts/order-mail.ts';
import { ACCOUNT_STATUSES } from '../../../src/domain/codes.ts';
import { fc } from '../../support/properties.ts';

const SAFE_MAX = 2n ** 53n - 1n;

const orderId = fc.uuid();
const money = fc.bigInt({ min: -SAFE_MAX, max: SAFE_MAX });
const text = (maxLength: number) =>
  fc
    .string({ minLength: 1, maxLength, unit: 'binary' })
    .filter((value) => /^[^\0\p{Surrogate}]+$/u.test(value));

const action: fc.Arbitrary<OperatorAction> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('freeze' as const, 'unfreeze' as const, 'close' as const, 'release' as const),
  }),
  fc.record({
    kind: fc.constant('overdraft' as const),
    overdraftCents: fc.bigInt({ min: 0n, max: SAFE_MAX }),
  }),
  fc.record({ kind: fc.constant('adjust' as const), amountCents: money.filter((cents) => cents !== 0n) }),
);

const order = (id: string): fc.Arbitrary<Order> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('account' as const),
      command: fc.record({
        kind: fc.constant('operator' as const),
        orderId: fc.constant(id),
        accountId: fc.uuid(),
        action,
        operator: text(100),
        why: text(500),
      }),
    }),
    fc.record({ kind: fc.constant('drain' as const) }),
  );

const answer: fc.Arbitrary<OrderAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant('result' as const),
    result: fc.oneof(
      fc.record({
        kind: fc.constant('done' as const),
        seq: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        balanceCents: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        overdraftCents: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        status: fc.constantFrom(...ACCOUNT_STATUSES),
      }),
      fc.record({ kind: fc.constant('refused' as const), detail: fc.string() }),
    ),
  }),
  fc.record({ kind: fc.constantFrom('not-owner' as const, 'accepted' as const) }),
  fc.record({ kind: fc.constant('unreadable' as const), detail: fc.string() }),
);

const ORDER_ID = '33333333-0000-4000-8000-000000000001';
const ACCOUNT_ID = '00000000-0000-4000-8000-000000000001';

function orderWith(fields: object, action: object = { kind: 'freeze' }): Buffer {
  const command = {
    kind: 'operator',
    orderId: ORDER_ID,
    accountId: ACCOUNT_ID,
    action,
    operator: 'ann',
    why: 'x',
  };
  const mail = {
    orderId: ORDER_ID,
    replyTo: 'reply',
    order: { kind: 'account', command: { ...command, ...fields } },
  };
  return Buffer.concat([Buffer.from([1, 3]), Buffer.from(JSON.stringify(mail))]);
}

describe('an order', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(
        orderId.chain((id) => fc.tuple(fc.constant(id), order(id))),
        text(60),
        ([id, sent], replyTo) => {
          const mail = { orderId: id, replyTo, order: sent };
          const bytes = encodeOrder(mail);
          expect(orderKind(bytes)).toBe('order');
          expect(decodeOrder(bytes)).toEqual({ kind: 'order', mail });
        },
      ),
    );
  });

  it.each([
    ['an action nobody knows', orderWith({}, { kind: 'delete' })],
    ['an adjustment by nothing', orderWith({}, { kind: 'adjust', amountCents: '0' })],
    ['an adjustment that is not whole', orderWith({}, { kind: 'adjust', amountCents: '1.5' })],
    ['an adjustment as a JSON number', orderWith({}, { kind: 'adjust', amountCents: 100 })],
    ['an adjustment beyond 2^53', orderWith({}, { kind: 'adjust', amountCents: '-9007199254740992' })],
    ['a negative overdraft', orderWith({}, { kind: 'overdraft', overdraftCents: '-1' })],
    ['no reason', orderWith({ why: '' })],
    ['a reason that PostgreSQL refuses', orderWith({ why: 'a\0b' })],
    ['too long an operator', orderWith({ operator: 'x'.repeat(101) })],
    ['two ids', orderWith({ orderId: ACCOUNT_ID })],
    ['another version', Buffer.from([9, ...orderWith({}).subarray(1)])],
  ])('with %s is refused, and its sender can be told', (_name, bytes) => {
    expect(decodeOrder(bytes)).toMatchObject({ kind: 'unreadable', orderId: ORDER_ID, replyTo: 'reply' });
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decodeOrder(Buffer.from([1, 3, ...bytes])).kind).toBe('malformed');
        expect(decodeOrderAnswer(Buffer.from([1, 4, ...bytes])).kind).toBe('malformed');
      }),
    );
    for (const bytes of [Buffer.alloc(0), Buffer.from([1]), Buffer.from([1, 1])]) {
      expect(orderKind(bytes)).toBeNull();
      expect(decodeOrderAnswer(bytes).kind).toBe('malformed');
    }
  });
});

describe('an answer', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(orderId, fc.string(), answer, (id, from, sent) => {
        const mail = { orderId: id, from, answer: sent };
        const bytes = encodeOrderAnswer(mail);
        expect(orderKind(bytes)).toBe('order-answer');
        expect(decodeOrderAnswer(bytes)).toEqual({ kind: 'order-answer', mail });
      }),
    );
  });

  it('of another version is not guessed at', () => {
    const bytes = encodeOrderAnswer({ orderId: ORDER_ID, from: 'a', answer: { kind: 'accepted' } });
    bytes[0] = 9;
    expect(decodeOrderAnswer(bytes)).toMatchObject({ kind: 'malformed' });
  });
});
