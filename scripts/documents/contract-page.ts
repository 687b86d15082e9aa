import { EVENT_SCHEMAS, EVENT_TYPES } from '../../src/contracts/events.ts';
import { jsonSchemaOf, MESSAGE_SCHEMAS } from '../../src/contracts/json-schemas.ts';
import type { JsonSchema, MessageSchema } from '../../src/contracts/json-schemas.ts';
import { DEAD_LETTER_QUEUES, INBOUND_QUEUES } from '../../src/contracts/queues.ts';
import { DEAD_LETTER_MEANING, deadLetterHeaders, INBOUND_MEANING } from './asyncapi.ts';
import { code, table } from './markdown.ts';

/** docs/CONTRACT.md: the schemas as tables, for people. */

interface Field {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly description?: string;
  readonly items?: Field;
  readonly anyOf?: readonly Field[];
  readonly oneOf?: readonly Field[];
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, Field>>;
  readonly required?: readonly string[];
}

function kindOf(field: Field): string {
  if (field.const !== undefined) return code(JSON.stringify(field.const));
  if (field.enum !== undefined) return field.enum.map((value) => code(String(value))).join(', ');
  if (field.anyOf !== undefined) return field.anyOf.map(kindOf).join(' or ');
  // The only choice between objects there is.
  if (field.oneOf !== undefined)
    return '`{"String": "<UUID>", "Valid": true}` or `{"String": "", "Valid": false}`';
  if (field.items !== undefined) return `list of ${kindOf(field.items)}`;
  if (field.format === 'uuid') return 'UUID';
  if (field.type === undefined) return 'anything';
  return `${[field.type].flat().join(' or ')}${boundsOf(field)}`;
}

function boundsOf({ minimum, maximum, minLength, maxLength }: Field): string {
  if (minLength !== undefined || maxLength !== undefined)
    return `, ${String(minLength ?? 0)} to ${String(maxLength)} characters`;
  if (minimum === undefined || maximum === undefined || minimum === -Number.MAX_SAFE_INTEGER) return '';
  return ` from ${String(minimum)} to ${maximum === Number.MAX_SAFE_INTEGER ? '2^53 − 1' : String(maximum)}`;
}

/** A field that may be null says what it means inside. */
function meaningOf(field: Field): string {
  return field.description ?? field.anyOf?.find((one) => one.description !== undefined)?.description ?? '';
}

function fieldTable(json: JsonSchema): string {
  const { properties, required = [] } = json as unknown as ObjectSchema;
  const rows = Object.entries(properties).map(([name, field]) => [
    code(name),
    required.includes(name) ? 'yes' : '',
    kindOf(field),
    meaningOf(field),
  ]);
  return table(['field', 'required', 'what', 'meaning'], rows);
}

function section(name: string, { title, description, schema }: MessageSchema): string {
  return `### ${title}

${description} Schema: [${name}.schema.json](../contract/${name}.schema.json).

${fieldTable(jsonSchemaOf(schema))}`;
}

function queueTable(): string {
  return table(
    ['queue', 'what is in it'],
    [
      ...INBOUND_QUEUES.map((queue) => [code(queue), INBOUND_MEANING[queue]]),
      ...DEAD_LETTER_QUEUES.map((queue) => [code(queue), DEAD_LETTER_MEANING[queue]]),
    ],
  );
}

export function contractPage(): string {
  const events = EVENT_TYPES.map((type) => `### ${type}\n\n${fieldTable(jsonSchemaOf(EVENT_SCHEMAS[type]))}`);
  return `<!-- Made by \`npm run contract\` from the schemas that the decoder uses (src/contracts). Not to be edited by hand. -->

# The contract

What crosses the wire, for those who write to the processor or listen to it. For programs the same is in
[contract/](../contract): [asyncapi.json](../contract/asyncapi.json) (AsyncAPI 3, all of it) and a JSON Schema (draft 7) per kind
of message. A TypeScript client is part of the package: [examples/payments.ts](../examples/payments.ts).

## Queues

All are durable, neither exclusive nor auto-delete, and declared **with no arguments**: a queue declared with any (a dead-letter exchange, a
type, a TTL) makes RabbitMQ refuse the other side's declaration. Publish to the default exchange, routing key = queue,
\`content_type\` \`application/json\`, persistent and with publisher confirms; \`traceparent\` is the only header that is read.

${queueTable()}

An account's transactions are decided in the order of *their* queue. There is no order between queues, so put what must keep
its order, refunds included, into \`transactions_queue\`.

## What makes a transaction the same

Its id. The same id with the same account, type, amount, card and refunded transaction is a repeat: acknowledged, nothing happens. With another of
these it is a dead letter, \`PAYLOAD_MISMATCH\`. An idempotency key that another id has already: with the same payload a repeat (event
\`transaction.duplicate\`), else \`PAYLOAD_MISMATCH\`. So whatever may not have arrived can be published again, unchanged.

## Messages to the processor

${section('transaction-live', MESSAGE_SCHEMAS['transaction-live'])}

${section('transaction-documented', MESSAGE_SCHEMAS['transaction-documented'])}

${section('balance-request', MESSAGE_SCHEMAS['balance-request'])}

The answer is in Redis: \`balance:<account id>\`, a decimal integer in cents, for 24 hours.

## Dead letters

The body is the bytes as they came. Reason and category: [ERRORS.md](ERRORS.md).

${fieldTable(jsonSchemaOf(deadLetterHeaders))}

## Events

On the topic exchange \`paygate.events\`, one or more of a type in a message, one a line, and the same over HTTP as webhooks, each by itself: what a consumer can rely on is in [EVENTS.md](EVENTS.md),
[WEBHOOKS.md](WEBHOOKS.md). One schema for all of them: [events.schema.json](../contract/events.schema.json).

${events.join('\n\n')}
`;
}
