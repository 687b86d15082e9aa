import { z } from 'zod';
import { balanceRequest } from './balance-message.ts';
import { eventSchema } from './events.ts';
import { idempotencyKey } from './fields.ts';
import { documentedTransaction, liveTransaction } from './transaction-message.ts';

/**
 * The JSON Schemas of everything that crosses the wire, made from the schemas that the decoder itself uses; `contract/` holds them
 * as files. Draft 7, which is the one that AsyncAPI 3 speaks.
 *
 * They accept whatever the decoder accepts, and a little more: that a day exists, that an amount is written in plain digits and
 * that a refund names one original are beyond them.
 */

export interface MessageSchema {
  readonly title: string;
  readonly description: string;
  readonly schema: z.ZodType;
}

export const MESSAGE_SCHEMAS = {
  'transaction-live': {
    title: 'Transaction, live shape',
    description:
      "What the Go API sends: Go's encoding/json of its row, with sql.NullString for what may be null. Unknown fields are ignored, status among them.",
    schema: liveTransaction,
  },
  'transaction-documented': {
    title: 'Transaction, documented shape (TransactionMessage)',
    description:
      'What other producers send. There is no row for it yet: the processor inserts it. Unknown fields are ignored; a message with both id and transaction_id is refused.',
    schema: documentedTransaction,
  },
  'balance-request': {
    title: 'Balance request, both shapes (BalanceUpdateMessage)',
    description: 'Asks for the balance of an account in Redis. The Go API sends the account alone.',
    schema: balanceRequest,
  },
  events: {
    title: 'PayGate events',
    description:
      'What the processor publishes to the topic exchange paygate.events, routing key = type: this is one line of a message.',
    schema: eventSchema,
  },
} as const satisfies Record<string, MessageSchema>;

export type MessageSchemaName = keyof typeof MESSAGE_SCHEMAS;

const DRAFT = 'http://json-schema.org/draft-07/schema#';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Only JavaScript knows the character classes of this one. */
const KEY_PATTERN = z.toJSONSchema(idempotencyKey).pattern;

/** A JSON Schema by itself, without `$schema`. As input: consumers must let pass what later versions add. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const json: z.core.JSONSchema.BaseSchema = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.pattern !== KEY_PATTERN) return;
      delete jsonSchema.pattern;
      Object.assign(jsonSchema, { minLength: 1, maxLength: 255 });
    },
  });
  delete json.$schema;
  return json;
}

/** As a document of its own. */
export function schemaText({ title, description, schema }: MessageSchema): string {
  const document = { $schema: DRAFT, title, description, ...jsonSchemaOf(schema) };
  return JSON.stringify(document, null, 2);
}
