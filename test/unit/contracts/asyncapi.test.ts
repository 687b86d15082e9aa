/** Without this: tools refuse our AsyncAPI document, or it describes other messages than the decoder takes. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { deadLetterHeaders } from '../../../scripts/documents/asyncapi.ts';
import { decodeMessage } from '../../../src/contracts/decode.ts';
import { jsonSchemaOf, MESSAGE_SCHEMAS } from '../../../src/contracts/json-schemas.ts';
import type { MessageSchemaName } from '../../../src/contracts/json-schemas.ts';
import type { InboundQueue } from '../../../src/contracts/queues.ts';
import { encodeOperation } from '../../../src/drive/encode-operation.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../../../src/drive/traffic.ts';
import { messageOf, refusedLetter } from '../../../src/supervisor/dead-letter.ts';
import { fc } from '../../support/properties.ts';
import { CARD, documented, ID, live, someString } from './messages.ts';

// Both are CommonJS, whose types promise a default export that Node does not give.
const addFormats = createRequire(import.meta.url)('ajv-formats') as (ajv: Ajv) => Ajv;

const contract = (name: string): object =>
  JSON.parse(readFileSync(new URL(`../../../contract/${name}`, import.meta.url), 'utf8')) as object;

function validatorOf(schema: object): ValidateFunction {
  return addFormats(new Ajv({ strict: false, allErrors: true })).compile(schema);
}

const isValid = (validate: ValidateFunction, message: unknown): boolean => validate(message);

describe('asyncapi.json', () => {
  const document = contract('asyncapi.json');

  it('is AsyncAPI 3', () => {
    const validate = validatorOf(specs.schemasWithoutId['3.0.0']);
    expect(isValid(validate, document), JSON.stringify(validate.errors?.slice(0, 5), null, 1)).toBe(true);
    // The check is one: the meta schema is not just any.
    expect(isValid(validate, { ...document, channels: { queue: { adress: 'x' } } })).toBe(false);
  });

  it('refers only to what is in it', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(30);
    for (const [, path = ''] of references) {
      const found = path
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document);
      expect(found, path).toBeTypeOf('object');
    }
  });

  it('tells of the headers that dead letters have', () => {
    const origin = {
      queue: 'retry_queue',
      body: Buffer.from('x'),
      redelivered: false,
      ack: () => undefined,
    } as const;
    const refusal = {
      code: 'BODY_NOT_JSON',
      deadLetterQueue: 'system_dlq',
      issues: [{ path: '$', expected: 'JSON' }],
    } as const;
    const { headers } = messageOf(refusedLetter(origin, refusal, 0));
    expect(isValid(validatorOf(jsonSchemaOf(deadLetterHeaders)), headers)).toBe(true);
    expect(Object.keys(deadLetterHeaders.shape)).toEqual(expect.arrayContaining(Object.keys(headers)));
  });
});

interface Sample {
  readonly name: MessageSchemaName;
  readonly queue: InboundQueue;
  readonly message: Readonly<Record<string, unknown>>;
}

const SAMPLES: readonly Sample[] = [
  { name: 'transaction-live', queue: 'transactions_queue', message: live({ card_id: someString(CARD) }) },
  { name: 'transaction-documented', queue: 'transactions_queue', message: documented({ card_id: CARD }) },
  {
    name: 'balance-request',
    queue: 'calculate_balance_queue',
    message: { account_id: ID, card_id: CARD, force_recalculation: true, timestamp: '2026-11-22T10:40:00Z' },
  },
];

const VALIDATORS = Object.fromEntries(
  Object.keys(MESSAGE_SCHEMAS).map((name) => [name, validatorOf(contract(`${name}.schema.json`))]),
) as Record<MessageSchemaName, ValidateFunction>;

describe('the JSON Schemas of messages', () => {
  it('accept what producers send', () => {
    const options = { ...TRAFFIC_DEFAULTS, seed: 'schemas', run: 'run', accounts: 20, documentedShare: 0.5 };
    const traffic = new Traffic({ ...options, balanceRequestsShare: 0.1 });
    let checked = 0;
    while (checked < 1_000) {
      for (const operation of traffic.next(0)) {
        if (operation.kind === 'poison') continue;
        const name =
          operation.kind === 'balance-request' ? 'balance-request' : nameOf(operation.command.shape);
        expect(isValid(VALIDATORS[name], JSON.parse(encodeOperation(operation).toString()))).toBe(true);
        checked += 1;
      }
    }
  });

  it.each(SAMPLES)('$name: what the decoder refuses for one field, the schema refuses', (sample) => {
    const { name, queue, message } = sample;
    const field = fc.constantFrom(...Object.keys(message));
    fc.assert(
      fc.property(field, fc.option(damage, { nil: undefined }), (key, value) => {
        // JSON has no undefined: the field is left out.
        const text = JSON.stringify({ ...message, [key]: value });
        const decoded = decodeMessage(queue, Buffer.from(text));
        expect(isValid(VALIDATORS[name], JSON.parse(text)), text).toBe(decoded.ok);
      }),
      { numRuns: 2_000 },
    );
  });
});

const nameOf = (shape: 'live' | 'documented'): MessageSchemaName => `transaction-${shape}`;

/** Values of any kind, many of them nearly right. */
const damage = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.uuid(),
  fc.integer(),
  fc.constantFrom(
    null,
    '',
    '  ',
    0,
    1,
    1.5,
    -1,
    9007199254740991,
    9007199254740992,
    'REFUND',
    'purchase',
    true,
  ),
  fc.constantFrom(
    { Valid: true },
    { Valid: false },
    { String: ID, Valid: true },
    { String: 'x', Valid: true },
  ),
  fc.constantFrom(
    '2026-11-22T10:40:00Z',
    '2026-11-22 10:40:00Z',
    '2026-11-22T10:40:00+25:00',
    'x'.repeat(256),
  ),
);
