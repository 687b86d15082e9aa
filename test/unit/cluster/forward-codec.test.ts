/** Without these: nodes misread each other, a broken message throws inside a consume callback, or forwarding costs more than deciding. */
import { describe, expect, it } from 'vitest';
import { ROADS } from '../../../src/contracts/command.ts';
import { INBOUND_QUEUES } from '../../../src/contracts/queues.ts';
import { DEFERRAL_CODES } from '../../../src/domain/codes.ts';
import { LIMITS } from '../../../src/limits.ts';
import { decodeBatch, encodeAnswers, encodeForwards } from '../../../src/supervisor/cluster/forward-codec.ts';
import { batchesOf } from '../../../src/supervisor/cluster/forward-batches.ts';
import type { Answer, Forward } from '../../../src/supervisor/cluster/forward.ts';
import { fc } from '../../support/properties.ts';

const shard = fc.nat({ max: 255 });
const stream = fc.nat({ max: 0xffff_ffff });
const number = fc.maxSafeNat();
const epoch = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const name = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme-ascii' });
const timeMs = fc.double({ min: 0, max: 2 ** 50, noNaN: true }).map(Math.abs);

const forward: fc.Arbitrary<Forward> = fc
  .record({
    shard,
    epoch,
    stream,
    n: number,
    back: fc.nat({ max: 9 }),
    queue: fc.constantFrom(...INBOUND_QUEUES),
    road: fc.constantFrom(...ROADS),
    attempt: fc.nat({ max: 0xffff }),
    deferredFor: fc.constantFrom(null, ...DEFERRAL_CODES),
    mayDecideError: fc.boolean(),
    redelivered: fc.boolean(),
    receivedAtMs: timeMs,
    firstSeenAtMs: timeMs,
    traceparent: fc.constantFrom(null, `00-${'3a'.repeat(16)}-00000000000000f1-01`),
    body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  })
  .map(({ back, traceparent, ...rest }) => ({
    ...rest,
    after: Math.max(-1, rest.n - 1 - back),
    ...(traceparent === null ? {} : { traceparent }),
  }));

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ kind: fc.constant('settled' as const), shard, stream, numbers: fc.array(number) }),
  fc.record({ kind: fc.constant('gap' as const), shard, stream, expected: number }),
  fc.record({
    kind: fc.constant('not-owner' as const),
    shard,
    stream,
    epoch: fc.option(epoch),
  }),
);

const example: Forward = {
  shard: 255,
  epoch: 2n ** 60n,
  stream: 9,
  n: 5,
  after: -1,
  queue: 'retry_queue',
  road: 'replay',
  attempt: 3,
  deferredFor: 'ROW_MISSING',
  mayDecideError: true,
  redelivered: true,
  receivedAtMs: 1.5,
  firstSeenAtMs: 1,
  body: Buffer.from('{"not": json'),
};
const encoded = encodeForwards({ from: 'f', replyTo: 'r', forwards: [example] });

const patched = (at: number, ...bytes: readonly number[]): Buffer => {
  const copy = Buffer.from(encoded);
  copy.set(bytes, at);
  return copy;
};

describe('the bytes', () => {
  it('bring back forwards', () => {
    fc.assert(
      fc.property(name, name, fc.array(forward, { maxLength: 20 }), (from, replyTo, forwards) => {
        const batch = { from, replyTo, forwards };
        expect(decodeBatch(encodeForwards(batch))).toEqual({ kind: 'forwards', batch });
      }),
    );
  });

  it('bring back answers', () => {
    fc.assert(
      fc.property(name, fc.array(answer, { maxLength: 20 }), (from, answers) => {
        const batch = { from, answers };
        expect(decodeBatch(encodeAnswers(batch))).toEqual({ kind: 'answers', batch });
      }),
    );
  });

  it('stay the same for ever under version 2', () => {
    expect(encoded.toString('hex')).toBe(
      `02010166017200` +
        `0100ff10000000000000000000000940140000000000` +
        `00bff0000000000000040302030003` +
        `3ff80000000000003ff00000000000000000000c` +
        Buffer.from('{"not": json').toString('hex'),
    );
    const traced = { ...example, traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` };
    expect(encodeForwards({ from: 'f', replyTo: 'r', forwards: [traced] }).toString('hex')).toContain(
      `040302070003` +
        `3ff80000000000003ff00000000000000000000c` +
        'ab'.repeat(16) +
        'cd'.repeat(8) +
        '017b22',
    );
    expect([INBOUND_QUEUES, ROADS, DEFERRAL_CODES]).toEqual([
      [
        'transactions_queue',
        'refund_queue',
        'calculate_balance_queue',
        'balance_calculation_queue',
        'retry_queue',
      ],
      ['delivery', 'retry', 'sweep', 'replay', 'operator'],
      ['ORIGINAL_UNDECIDED', 'ROW_MISSING', 'ROW_LOCKED'],
    ]);
  });
});

describe('what is not a batch', () => {
  it('is never more than malformed, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, plausible) => {
        const start = plausible ? [2, 1 + (bytes.length % 2), 1, 65] : [];
        expect(['forwards', 'answers', 'malformed']).toContain(
          decodeBatch(Buffer.from([...start, ...bytes])).kind,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('is malformed when a byte is missing or too many', () => {
    for (let length = 0; length < encoded.length; length += 1)
      expect(decodeBatch(encoded.subarray(0, length)).kind).toBe('malformed');
    expect(decodeBatch(Buffer.concat([encoded, Buffer.from([0])]))).toMatchObject({
      detail: '1 bytes too many',
    });
  });

  it.each([
    ['another version', 0, [1], 'version 1'],
    ['another kind', 1, [6], 'kind 6'],
    ['an empty name', 2, [0], 'an empty name'],
    ['more entries than there is room for', 6, [255, 255], 'shorter than it says'],
    ['a shard that does not exist', 8, [1, 0], 'no shard 256'],
    ['an epoch beyond bigint', 10, [255], 'is no epoch'],
    ['a number that is none', 22, [0x7f, 0xf8], 'no such integer'],
    ['a predecessor that comes later', 30, [0x40, 0x14, 0, 0, 0, 0, 0, 0], '5 does not come after 5'],
    ['an unknown queue', 38, [5], 'not in a list of 5'],
    ['an unknown road', 39, [5], 'not in a list of 5'],
    ['an unknown deferral', 40, [4], 'not in a list of 3'],
    ['unknown flags', 41, [8], 'flags 8'],
    ['a time that is none', 44, [0xff], 'is no time'],
    ['a body beyond the bound', 60, [0x00, 0x10, 0x00, 0x01], 'a body of 1048577 bytes'],
  ])('says what is wrong with %s', (_, at, bytes, detail) => {
    const decoded = decodeBatch(patched(at, ...bytes));
    expect(decoded.kind === 'malformed' ? decoded.detail : decoded.kind).toContain(detail);
  });

  it('is not written either', () => {
    expect(() => encodeAnswers({ from: '', answers: [] })).toThrow('a name of 0 bytes');
    expect(() => encodeAnswers({ from: 'x'.repeat(256), answers: [] })).toThrow('a name of 256 bytes');
  });
});

describe('batches', () => {
  const sized = (bytes: number): Forward => ({ ...example, body: Buffer.alloc(bytes) });

  it('are cut by count, in order', () => {
    const forwards = Array.from({ length: 101 }, (_, n) => ({ ...example, n }));
    const batches = batchesOf(forwards);
    expect(batches.map((batch) => batch.length)).toEqual([50, 50, 1]);
    expect(batches.flat()).toEqual(forwards);
  });

  it('are cut by bytes, and a large body travels alone', () => {
    const half = LIMITS.forwardBatchBytesMax / 2 - 56;
    const sizes = [half, half, 1, LIMITS.bodyBytesMax, 1];
    expect(batchesOf(sizes.map(sized)).map((batch) => batch.length)).toEqual([2, 1, 1, 1]);
    expect(batchesOf([])).toEqual([]);
  });
});
