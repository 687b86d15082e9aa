import { z } from 'zod';
import {
  EVENT_SCHEMA_VERSION,
  EVENT_SCHEMAS,
  EVENT_TYPES,
  EVENTS_CONTENT_TYPE,
  EVENTS_EXCHANGE,
} from '../../src/contracts/events.ts';
import { jsonSchemaOf, MESSAGE_SCHEMAS } from '../../src/contracts/json-schemas.ts';
import type { JsonSchema, MessageSchemaName } from '../../src/contracts/json-schemas.ts';
import { DEAD_LETTER_QUEUES, INBOUND_QUEUES, QUEUE_KIND } from '../../src/contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../../src/contracts/queues.ts';
import { REFUSAL_CODES } from '../../src/contracts/refusal.ts';
import { DEFERRAL_CODES, FAILURE_CODES } from '../../src/domain/codes.ts';
import { ERROR_CATEGORIES } from '../../src/domain/error-category.ts';

/** The AsyncAPI 3 document of everything that goes over RabbitMQ, as seen from the processor: it receives and it sends. */

const AMQP_BINDING_VERSION = '0.3.0';

/** Who writes a queue, and what. */
export const INBOUND_MEANING: Readonly<Record<InboundQueue, string>> = {
  transactions_queue:
    'Deposits, purchases, charges and refunds: the Go API in the live shape, other producers in either.',
  refund_queue: 'Refunds of other producers, in either shape.',
  calculate_balance_queue: 'Balance requests of the Go API.',
  balance_calculation_queue: 'Balance requests of other producers.',
  retry_queue:
    'Transactions and refunds to be tried again now. The only queue whose messages may decide a transaction in ERROR.',
};

export const DEAD_LETTER_MEANING: Readonly<Record<DeadLetterQueue, string>> = {
  transactions_dlq: 'Transactions and refunds that failed for good.',
  balance_dlq: 'Balance requests that failed for good.',
  system_dlq: 'What could not be read at all, or failed because something of ours is broken.',
};

/** What a dead letter has beside the original bytes. */
export const deadLetterHeaders = z.object({
  'x-reason': z
    .enum([...REFUSAL_CODES, ...DEFERRAL_CODES, ...FAILURE_CODES])
    .describe('why, as in ERRORS.md'),
  'x-category': z.enum(ERROR_CATEGORIES).describe('whose move it is, as in ERRORS.md'),
  'x-attempts': z.int().min(1).describe('how often it was tried'),
  'x-first-seen': z.iso.datetime().describe('when it was first received, RFC 3339'),
  'x-original-queue': z.enum(INBOUND_QUEUES).describe('the queue it came by'),
  'x-detail': z.string().describe('the reason in words, printable ASCII; never a value of the message'),
  traceparent: z.string().optional().describe('W3C Trace Context, where the message is traced'),
});

const MESSAGES_OF_KIND = {
  transaction: ['transaction-live', 'transaction-documented'],
  balance: ['balance-request'],
} as const satisfies Record<'transaction' | 'balance', readonly MessageSchemaName[]>;

const reference = (...path: readonly string[]): JsonSchema => ({
  $ref: `#/${path.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`,
});

const messagesNamed = (names: readonly string[]): JsonSchema =>
  Object.fromEntries(names.map((name) => [name, reference('components', 'messages', name)]));

function queueChannel(queue: string, description: string, messages: readonly string[]): JsonSchema {
  return {
    address: queue,
    description,
    messages: messagesNamed(messages),
    bindings: {
      amqp: {
        is: 'queue',
        queue: { name: queue, durable: true, exclusive: false, autoDelete: false },
        bindingVersion: AMQP_BINDING_VERSION,
      },
    },
  };
}

const EVENTS_CHANNEL: JsonSchema = {
  address: '{type}',
  description:
    'Topic exchange. Told at least once, persistent; the same event has the same id. Order only by seq, within an account.',
  parameters: { type: { description: "the event's type: its routing key", enum: EVENT_TYPES } },
  messages: messagesNamed(EVENT_TYPES),
  bindings: {
    amqp: {
      is: 'routingKey',
      exchange: { name: EVENTS_EXCHANGE, type: 'topic', durable: true, autoDelete: false },
      bindingVersion: AMQP_BINDING_VERSION,
    },
  },
};

function channels(): JsonSchema {
  const inbound = INBOUND_QUEUES.map((queue) => [
    queue,
    queueChannel(queue, INBOUND_MEANING[queue], MESSAGES_OF_KIND[QUEUE_KIND[queue]]),
  ]);
  const deadLetters = DEAD_LETTER_QUEUES.map((queue) => [
    queue,
    queueChannel(queue, DEAD_LETTER_MEANING[queue], ['dead-letter']),
  ]);
  return Object.fromEntries([...inbound, ...deadLetters, ['events', EVENTS_CHANNEL]]) as JsonSchema;
}

function operation(action: 'receive' | 'send', channel: string, summary: string): JsonSchema {
  const persistent = { amqp: { deliveryMode: 2, bindingVersion: AMQP_BINDING_VERSION } };
  return {
    action,
    channel: reference('channels', channel),
    summary,
    ...(action === 'send' ? { bindings: persistent } : {}),
  };
}

function operations(): JsonSchema {
  const inbound = INBOUND_QUEUES.map((queue) => [
    `receive-${queue}`,
    operation(
      'receive',
      queue,
      'Acknowledged when its outcome is committed. Publish persistent and with confirms: then nothing is lost.',
    ),
  ]);
  const deadLetters = DEAD_LETTER_QUEUES.map((queue) => [
    `send-${queue}`,
    operation('send', queue, 'Persistent, mandatory, confirmed; the same is kept in processor.dead_letters.'),
  ]);
  const events = [
    'send-events',
    operation('send', 'events', 'Persistent, confirmed, told after the commit.'),
  ];
  return Object.fromEntries([...inbound, ...deadLetters, events]) as JsonSchema;
}

const message = (name: string, title: string, summary: string, rest: JsonSchema): JsonSchema => ({
  name,
  title,
  summary,
  contentType: 'application/json',
  ...rest,
});

function messages(): JsonSchema {
  const inbound = [...MESSAGES_OF_KIND.transaction, ...MESSAGES_OF_KIND.balance].map((name) => {
    const { title, description } = MESSAGE_SCHEMAS[name];
    return [name, message(name, title, description, { payload: reference('components', 'schemas', name) })];
  });
  const events = EVENT_TYPES.map((type) => [
    type,
    message(type, type, 'One or more events of this type, one a line; see EVENTS.md.', {
      contentType: EVENTS_CONTENT_TYPE,
      payload: reference('components', 'schemas', type),
    }),
  ]);
  const deadLetter = message(
    'dead-letter',
    'Dead letter',
    'The bytes as they came, with the reason in headers.',
    {
      contentType: 'application/octet-stream',
      headers: reference('components', 'schemas', 'dead-letter-headers'),
    },
  );
  return Object.fromEntries([...inbound, ...events, ['dead-letter', deadLetter]]) as JsonSchema;
}

function schemas(): JsonSchema {
  const inbound = [...MESSAGES_OF_KIND.transaction, ...MESSAGES_OF_KIND.balance].map((name) => [
    name,
    jsonSchemaOf(MESSAGE_SCHEMAS[name].schema),
  ]);
  const events = EVENT_TYPES.map((type) => [type, jsonSchemaOf(EVENT_SCHEMAS[type])]);
  return Object.fromEntries([
    ...inbound,
    ...events,
    ['dead-letter-headers', jsonSchemaOf(deadLetterHeaders)],
  ]) as JsonSchema;
}

export function asyncApiDocument(): JsonSchema {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'PayGateway Processor',
      version: `${EVENT_SCHEMA_VERSION}.0.0`,
      description:
        'What goes over RabbitMQ. All queues are durable and declared with no arguments: any argument makes the declaration of one side fail.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      rabbitmq: {
        host: '127.0.0.1:5672',
        protocol: 'amqp',
        protocolVersion: '0.9.1',
        description: 'RABBITMQ_URL says where it is.',
      },
    },
    channels: channels(),
    operations: operations(),
    components: { messages: messages(), schemas: schemas() },
  };
}
