/**
 * What comes out of a queue. Without this: one body stops a reader, takes a second of its time, ends in a queue where nobody
 * looks for it, or becomes a payment that nobody has sent.
 */
import { expect, it, vi } from 'vitest';
import { decodeMessage, type Decoded } from '../../../src/contracts/decode.ts';
import { DECODE_LIMITS } from '../../../src/contracts/decode-limits.ts';
import {
  decodeOrder,
  decodeOrderAnswer,
  encodeOrder,
  encodeOrderAnswer,
} from '../../../src/contracts/order-mail.ts';
import { INBOUND_QUEUES, QUEUE_KIND } from '../../../src/contracts/queues.ts';
import { CATEGORY_OF_CODE, ROAD_OF_CATEGORY } from '../../../src/domain/error-category.ts';
import { decodeBatch, encodeAnswers, encodeForwards } from '../../../src/supervisor/cluster/forward-codec.ts';
import {
  ACCOUNT,
  bytes,
  CARD,
  DOCUMENTED,
  ID,
  LIVE,
  live,
  ORIGINAL,
  someString,
  withAmountText,
} from '../contracts/messages.ts';
import { fc } from '../../support/properties.ts';
import { cpuSecondsOf, damaged, INPUTS, noise, twisted } from './hostile.ts';

vi.setConfig({ testTimeout: 300_000 });

const queue = fc.constantFrom(...INBOUND_QUEUES);
const BALANCE = {
  account_id: ACCOUNT,
  card_id: CARD,
  force_recalculation: true,
  timestamp: '2026-11-22T10:40:00Z',
};
const SOUND = [
  LIVE,
  DOCUMENTED,
  live({ type: 'REFUND', refund_transaction_id: someString(ORIGINAL), card_id: someString(CARD) }),
  BALANCE,
  { account_id: ACCOUNT },
] as const;

/** Numbers that `JSON.parse` makes others of. */
const amountText = fc
  .tuple(
    fc.constantFrom('', '-', '+', '0', ' '),
    fc.oneof(fc.bigInt(0n, 2n ** 54n).map(String), fc.nat(500).map(String)),
    fc.constantFrom('', '.0', '.00', '.6', 'e0', 'E1', 'e-1', 'n', '_0', '"', ',"amount_cents":7'),
  )
  .map((parts) => parts.join(''));

/** What the contract says of these bytes, by other means than the decoder's. */
function expectedQueue(kind: 'transaction' | 'balance', body: Buffer): string {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return 'system_dlq';
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject || body.length > DECODE_LIMITS.bodyBytesMax) return 'system_dlq';
  return kind === 'transaction' ? 'transactions_dlq' : 'balance_dlq';
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function check(from: (typeof INBOUND_QUEUES)[number], body: Buffer, decoded: Decoded): void {
  if (!decoded.ok) {
    const { code, deadLetterQueue, issues } = decoded.refusal;
    const category = CATEGORY_OF_CODE[code];
    if (category !== 'validation' || ROAD_OF_CATEGORY[category].ends !== 'dead letter')
      throw new Error(`category of ${code}`);
    const isDeep = code === 'BODY_TOO_DEEP' && deadLetterQueue === 'system_dlq';
    const wanted = expectedQueue(QUEUE_KIND[from], body);
    if (deadLetterQueue !== wanted && !isDeep)
      throw new Error(`${code} goes to ${deadLetterQueue}, not ${wanted}`);
    if (issues.length === 0 || issues.length > DECODE_LIMITS.refusalIssuesMax) throw new Error('issues');
    return;
  }
  const { command } = decoded;
  if (!UUID.test(command.accountId)) throw new Error('an account that is none');
  if (command.kind !== 'transaction') return;
  if (command.amountCents < 1n || command.amountCents > 2n ** 53n - 1n)
    throw new Error('an amount out of bounds');
  // A command's amount stands in the body, digit by digit: no fraction, no exponent, no more digits than it has.
  if (!new RegExp(`:\\s*${command.amountCents}\\s*[,}]`).test(body.toString('latin1')))
    throw new Error('an amount that nobody has sent');
  if (!UUID.test(command.transactionId) || command.idempotencyKey === '')
    throw new Error('a transaction that is none');
}

it('bodies: a command with the bytes’ own values, or the dead-letter queue that the contract names', () => {
  const body = fc.oneof(
    { weight: 6, arbitrary: damaged(...SOUND.map((message) => bytes(message))) },
    { weight: 3, arbitrary: fc.oneof(...SOUND.map(twisted)).map((value) => bytes(value)) },
    { weight: 1, arbitrary: amountText.map(withAmountText) },
    { weight: 1, arbitrary: noise },
    { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
  );
  let seen = 0;
  const codes = new Set<string>();
  fc.assert(
    fc.property(queue, body, (from, given) => {
      seen += 1;
      const decoded = decodeMessage(from, given);
      codes.add(decoded.ok ? 'command' : decoded.refusal.code);
      check(from, given, decoded);
    }),
    { numRuns: INPUTS.bodies },
  );
  expect(seen).toBeGreaterThanOrEqual(INPUTS.bodies);
  // The inputs reach all doors, not only the first.
  expect([...codes].sort()).toEqual(
    ['command', 'BODY_EMPTY', 'BODY_NOT_JSON', 'BODY_NOT_OBJECT', 'BODY_NOT_UTF8', 'MESSAGE_INVALID'].sort(),
  );
});

it('bodies that are made to be slow are not', () => {
  const size = DECODE_LIMITS.bodyBytesMax - 2_000;
  const start = JSON.stringify(LIVE).slice(0, -1);
  const slow: Readonly<Record<string, string>> = {
    depth: '['.repeat(size),
    objects: '{"a":'.repeat(size / 5),
    'many keys': `${start}${Array.from({ length: size / 12 }, (_, n) => `,"k${n}":0`).join('')}}`,
    'one key again and again': `${start}${',"amount_cents":1'.repeat(size / 17)}}`,
    'a long number': JSON.stringify(LIVE).replace('10000', '9'.repeat(size)),
    'a long text': JSON.stringify({ ...LIVE, idempotency_key: 'x'.repeat(size) }),
    backslashes: `${start},"x":"${'\\\\'.repeat(size / 2)}"}`,
    quotes: '"'.repeat(size),
    'a timestamp without end': JSON.stringify({
      ...LIVE,
      created_at: `2026-11-22T10:40:00.${'1'.repeat(size)}`,
    }),
    blanks: `${start}${' '.repeat(size)}}`,
  };
  for (const [name, text] of Object.entries(slow)) {
    const body = Buffer.from(text);
    expect(body.length, name).toBeLessThanOrEqual(DECODE_LIMITS.bodyBytesMax);
    const seconds = cpuSecondsOf(() => void decodeMessage('transactions_queue', body));
    // Some ten milliseconds where it is linear, minutes where it is not.
    expect(seconds, name).toBeLessThan(2);
  }
});

it('mail between nodes: what it says, or malformed', () => {
  const from = 'node-a';
  const replyTo = `inbox.node-a.${ID}`;
  const order = {
    orderId: ID,
    replyTo,
    order: {
      kind: 'account' as const,
      accountId: ACCOUNT,
      action: { kind: 'freeze' as const },
      operator: 'x',
      why: 'y',
    },
  };
  const sound = [
    encodeForwards({ from, replyTo, forwards: [] }),
    encodeAnswers({ from, answers: [] }),
    Buffer.concat([encodeForwards({ from, replyTo, forwards: [] }), Buffer.alloc(40, 1)]),
    Buffer.concat([Buffer.from([1, 3]), Buffer.from(JSON.stringify(order))]),
    Buffer.concat([
      Buffer.from([1, 4]),
      Buffer.from(JSON.stringify({ orderId: ID, from, answer: { kind: 'accepted' } })),
    ]),
  ];
  let seen = 0;
  fc.assert(
    fc.property(
      fc.oneof({ weight: 4, arbitrary: damaged(...sound) }, { weight: 1, arbitrary: noise }),
      (given) => {
        seen += 1;
        const kinds = [decodeBatch(given).kind, decodeOrder(given).kind, decodeOrderAnswer(given).kind];
        if (kinds.some((kind) => typeof kind !== 'string')) throw new Error('no answer');
      },
    ),
    { numRuns: INPUTS.mailBetweenNodes },
  );
  expect(seen).toBeGreaterThanOrEqual(INPUTS.mailBetweenNodes);
  expect([encodeOrder, encodeOrderAnswer]).toHaveLength(2);
});
