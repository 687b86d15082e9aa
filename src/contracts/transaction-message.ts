import { z } from 'zod';
import { TRANSACTION_TYPES, type TransactionCommand, type TransactionType } from './command.ts';
import {
  amountCents,
  idempotencyKey,
  nullString,
  optionalUuid,
  timestamp,
  uuid,
  type NullString,
} from './fields.ts';

const TYPES_LISTED = TRANSACTION_TYPES.join(', ');

// For the JSON Schema: what it cannot say itself.
const AMOUNT_MEANING =
  'in cents, written in plain digits: neither fraction nor exponent. It is never rounded: whoever reads JSON numbers as doubles must not exceed the maximum';
const KEY_MEANING =
  'unique over all accounts; characters are code points, U+0000 and lone surrogates are refused';
const TIME_MEANING =
  'when it happened, RFC 3339, 0 to 9 fractional digits; the day must exist in the calendar';

/** What the Go API really sends. Extra fields, `status` among them, are ignored. */
export const liveTransaction = z.object({
  id: uuid.describe('the transaction; its row is there and PENDING before the message is published'),
  account_id: uuid.describe('the account'),
  card_id: nullString.describe('the card'),
  refund_transaction_id: nullString.describe(
    'of a refund the refunded transaction; ignored of every other type',
  ),
  amount_cents: amountCents.describe(AMOUNT_MEANING),
  type: z.enum(TRANSACTION_TYPES, { error: `one of ${TYPES_LISTED}` }),
  idempotency_key: idempotencyKey.describe(KEY_MEANING),
  created_at: timestamp.describe(TIME_MEANING),
});
export type LiveTransaction = z.infer<typeof liveTransaction>;

const anyCase = (word: string): string =>
  word.replace(/[A-Z]/g, (letter) => `[${letter}${letter.toLowerCase()}]`);
const TYPE_IN_ANY_CASE = new RegExp(`^(?:${TRANSACTION_TYPES.map(anyCase).join('|')})$`);

/** `TransactionMessage` of the documentation: there is no row in `transactions` for it yet. */
export const documentedTransaction = z
  .object({
    transaction_id: uuid.describe('the transaction, chosen by its producer'),
    account_id: uuid.describe('the account'),
    card_id: optionalUuid.describe('the card'),
    refund_transaction_id: optionalUuid.describe(
      'of a refund the refunded transaction; metadata.refund_transaction_id is taken as well, and must not differ',
    ),
    amount_cents: amountCents.describe(AMOUNT_MEANING),
    transaction_type: z
      .string({ error: `one of ${TYPES_LISTED}, in any letter case` })
      .regex(TYPE_IN_ANY_CASE, { error: `one of ${TYPES_LISTED}, in any letter case` })
      .describe(`${TYPES_LISTED}, in any letter case`),
    idempotency_key: idempotencyKey.describe(KEY_MEANING),
    timestamp: timestamp.describe(TIME_MEANING),
    metadata: z
      .unknown()
      .optional()
      .describe('any JSON; only refund_transaction_id is read, and only of a refund'),
  })
  .superRefine((message, context) => {
    if (message.transaction_type.toUpperCase() !== 'REFUND') return;
    const expected = metadataExpectation(message.refund_transaction_id, message.metadata);
    if (expected === null) return;
    context.addIssue({ code: 'custom', path: ['metadata', 'refund_transaction_id'], message: expected });
  });
export type DocumentedTransaction = z.infer<typeof documentedTransaction>;

export function commandOfLive(message: LiveTransaction): TransactionCommand {
  return {
    kind: 'transaction',
    shape: 'live',
    transactionId: message.id.toLowerCase(),
    accountId: message.account_id.toLowerCase(),
    type: message.type,
    amountCents: BigInt(message.amount_cents),
    cardId: valueOf(message.card_id),
    originalId: message.type === 'REFUND' ? valueOf(message.refund_transaction_id) : null,
    idempotencyKey: message.idempotency_key,
    occurredAt: message.created_at,
  };
}

export function commandOfDocumented(message: DocumentedTransaction): TransactionCommand {
  const type = typeOf(message.transaction_type);
  const originalId = message.refund_transaction_id ?? refundInMetadata(message.metadata);
  return {
    kind: 'transaction',
    shape: 'documented',
    transactionId: message.transaction_id.toLowerCase(),
    accountId: message.account_id.toLowerCase(),
    type,
    amountCents: BigInt(message.amount_cents),
    cardId: message.card_id?.toLowerCase() ?? null,
    originalId: type === 'REFUND' && typeof originalId === 'string' ? originalId.toLowerCase() : null,
    idempotencyKey: message.idempotency_key,
    occurredAt: message.timestamp,
  };
}

function valueOf(nullable: NullString): string | null {
  return nullable.Valid ? nullable.String.toLowerCase() : null;
}

/** The schema has let nothing else through. */
function typeOf(written: string): TransactionType {
  return written.toUpperCase() as TransactionType;
}

function refundInMetadata(metadata: unknown): unknown {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return null;
  return Object.hasOwn(metadata, 'refund_transaction_id')
    ? (metadata as { refund_transaction_id: unknown }).refund_transaction_id
    : null;
}

/** Metadata is anybody's JSON: it is looked at only for the refunded transaction of a refund. */
function metadataExpectation(named: string | null | undefined, metadata: unknown): string | null {
  const found = optionalUuid.safeParse(refundInMetadata(metadata));
  if (!found.success) return found.error.issues[0]?.message ?? 'a UUID';
  if (found.data == null || named == null) return null;
  return found.data.toLowerCase() === named.toLowerCase() ? null : 'the same id as $.refund_transaction_id';
}
