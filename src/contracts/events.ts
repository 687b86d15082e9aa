import { z } from 'zod';
import { TRANSACTION_TYPES } from './command.ts';

/**
 * What the processor tells others: events on the topic exchange `paygate.events`, routing key = type. A message has one or more
 * events of its type, one a line.
 *
 * At least once: the same event published again has the same `id`. Order only by `seq`, within an account; events that
 * have no seq of their own carry the account's last. Money is integer cents.
 */

export const EVENTS_EXCHANGE = 'paygate.events';

/** Of a message: events as JSON, one a line. */
export const EVENTS_CONTENT_TYPE = 'application/x-ndjson';

export const EVENT_SCHEMA_VERSION = 1;

const cents = (what: string): z.ZodInt => z.int().describe(`${what}, in cents`);
const uuid = (what: string): z.ZodString =>
  z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    .describe(`${what} (UUID)`);

/** What every event has. */
const head = {
  id: uuid('the same whenever this event is published again'),
  schema_version: z.literal(EVENT_SCHEMA_VERSION),
  time: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/)
    .describe('when it was committed, RFC 3339, microseconds, UTC, by the clock of the database'),
  account_id: uuid('the account'),
};

const ownSeq = z
  .int()
  .min(1)
  .describe('the number of the journal row that this tells of, within its account');
const lastSeq = z
  .int()
  .min(0)
  .describe("the account's last seq when this was written; it is not this event's own");

/** What a decided transaction is, whichever way it went. */
const decided = {
  transaction_id: uuid('the transaction, or the order of an operator who adjusted the balance'),
  transaction_type: z.enum(TRANSACTION_TYPES),
  amount_cents: cents('what was asked for; of a refund of the whole original what was left of it').min(1),
  balance_cents: cents("the account's balance after it"),
  card_id: uuid('the card, as the message had it').nullable(),
  original_id: uuid('of a refund the refunded transaction, as the message had it').nullable(),
};

const code = (what: string): z.ZodString =>
  z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/)
    .describe(what);

export const EVENT_SCHEMAS = {
  'transaction.approved': z.object({
    ...head,
    type: z.literal('transaction.approved'),
    seq: ownSeq,
    ...decided,
    effect_cents: cents('what it added to the balance, signed'),
  }),
  'transaction.rejected': z.object({
    ...head,
    type: z.literal('transaction.rejected'),
    seq: ownSeq,
    ...decided,
    reason: code('why, for example INSUFFICIENT_FUNDS'),
  }),
  'transaction.failed': z.object({
    ...head,
    type: z.literal('transaction.failed'),
    seq: lastSeq,
    transaction_id: uuid('the transaction that was given up; an operator may still have it decided'),
    reason: code('why, as in the header x-reason of its dead letter'),
    attempts: z.int().min(0).describe('how often it was tried; 0: its message was lost'),
    dead_letter_id: z.int().min(1).describe('its number in processor.dead_letters'),
  }),
  'transaction.duplicate': z.object({
    ...head,
    type: z.literal('transaction.duplicate'),
    seq: lastSeq,
    transaction_id: uuid(
      'the transaction that repeats another one under the same idempotency key; it is not carried out',
    ),
    first_id: uuid('the transaction that has the key'),
  }),
  'transaction.retry_scheduled': z.object({
    ...head,
    type: z.literal('transaction.retry_scheduled'),
    seq: lastSeq,
    transaction_id: uuid('the transaction that is tried again later'),
    reason: code('what it waits for, for example ORIGINAL_UNDECIDED'),
    attempt: z.int().min(1).describe('1 = the first retry'),
    due_at: z.iso.datetime().describe('when it is tried again at the latest, RFC 3339'),
  }),
  'balance.updated': z.object({
    ...head,
    type: z.literal('balance.updated'),
    seq: ownSeq.describe('the last seq of the commit that moved the balance'),
    balance_cents: cents("the account's balance after it"),
  }),
  'account.quarantined': z.object({
    ...head,
    type: z.literal('account.quarantined'),
    seq: lastSeq,
    reason: z.string().describe('what is wrong with it, in words'),
  }),
  'risk.flagged': z.object({
    ...head,
    type: z.literal('risk.flagged'),
    seq: ownSeq,
    transaction_id: uuid('the transaction'),
    outcome: z.enum(['APPROVED', 'REJECTED']),
    flags: z
      .array(z.string().regex(/^(flag|reject):./))
      .min(1)
      .describe('the rules that matched, as flag:<rule> or reject:<rule>; shadow rules are not announced'),
    rules_version: z.int().min(1).nullable().describe('the rule set that was in force'),
  }),
} as const;

export type EventType = keyof typeof EVENT_SCHEMAS;

export const EVENT_TYPES = Object.keys(EVENT_SCHEMAS) as readonly EventType[];

/** Any event, as a consumer reads it. */
export const eventSchema = z.discriminatedUnion('type', [
  EVENT_SCHEMAS['transaction.approved'],
  EVENT_SCHEMAS['transaction.rejected'],
  EVENT_SCHEMAS['transaction.failed'],
  EVENT_SCHEMAS['transaction.duplicate'],
  EVENT_SCHEMAS['transaction.retry_scheduled'],
  EVENT_SCHEMAS['balance.updated'],
  EVENT_SCHEMAS['account.quarantined'],
  EVENT_SCHEMAS['risk.flagged'],
]);

export type PaygateEvent = z.infer<typeof eventSchema>;
export type EventOf<T extends EventType> = Extract<PaygateEvent, { type: T }>;

/** An event as we build it: integers that may exceed 2^53 are `bigint` until they are written as JSON. */
export type BuiltEvent<E extends PaygateEvent = PaygateEvent> = E extends PaygateEvent
  ? { readonly [K in keyof E]: E[K] extends number ? E[K] | bigint : E[K] }
  : never;

/** An event, written. */
export interface WrittenEvent {
  readonly id: string;
  readonly type: string;
  /** On one line, integers with all their digits. */
  readonly json: string;
  readonly traceparent?: string;
}

export function writeEvent(event: BuiltEvent): WrittenEvent {
  let json = '';
  for (const key in event) {
    const value = event[key as keyof BuiltEvent] as unknown;
    const text = typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
    json += `${json === '' ? '{' : ','}"${key}":${text}`;
  }
  return { id: event.id, type: event.type, json: `${json}}` };
}

/** The events of a message, each as JSON. The last line may have an end. */
export function eventsIn(body: Buffer): readonly string[] {
  return body.toString('utf8').replace(/\n$/, '').split('\n');
}
