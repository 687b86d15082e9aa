import { z } from 'zod';
import { ACCOUNT_STATUSES } from '../domain/codes.ts';
import type { OperatorResult } from '../domain/settlement.ts';
import type { OperatorCommand } from './command.ts';
import { AMOUNT_CENTS_MAX, uuid } from './fields.ts';
import { LOG_LEVELS } from './log-levels.ts';
import type { LogLevel } from './log-levels.ts';

/**
 * An operator's order to a node, and the node's answer, as bytes: version, kind, then JSON. They travel through the nodes'
 * inboxes beside the forwarded batches, whose kinds are 1 and 2. Money and numbers of the ledger are decimal text.
 */
const VERSION = 1;
const ORDER = 3;
const ORDER_ANSWER = 4;
const HEAD_BYTES = 2;

export const OPERATOR_CHARS_MAX = 100;
export const WHY_CHARS_MAX = 500;

export type Order =
  | { readonly kind: 'account'; readonly command: OperatorCommand }
  /** Give all roles away and stop, as after SIGTERM. */
  | { readonly kind: 'drain' }
  /** Until the node ends, or is told another. */
  | { readonly kind: 'log-level'; readonly level: LogLevel };

export interface OrderMail {
  /** UUID; the same order sent again has the same one. */
  readonly orderId: string;
  /** Queue for the answer. */
  readonly replyTo: string;
  readonly order: Order;
}

export type OrderAnswer =
  | { readonly kind: 'result'; readonly result: OperatorResult }
  /** Ask whoever owns the account's shard. */
  | { readonly kind: 'not-owner' }
  /** It has begun; it goes on by itself. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'unreadable'; readonly detail: string };

export interface OrderAnswerMail {
  readonly orderId: string;
  /** Name of the node that answers. */
  readonly from: string;
  readonly answer: OrderAnswer;
}

export type DecodedOrder =
  | { readonly kind: 'order'; readonly mail: OrderMail }
  /** Its sender can be told. */
  | {
      readonly kind: 'unreadable';
      readonly orderId: string;
      readonly replyTo: string;
      readonly detail: string;
    }
  | { readonly kind: 'malformed'; readonly detail: string };

export type DecodedOrderAnswer =
  | { readonly kind: 'order-answer'; readonly mail: OrderAnswerMail }
  | { readonly kind: 'malformed'; readonly detail: string };

const words = (charsMax: number) =>
  z
    .string()
    .regex(
      new RegExp(`^[^\\0\\p{Surrogate}]{1,${charsMax}}$`, 'u'),
      `1 to ${charsMax} characters, none of them U+0000 or a lone surrogate`,
    );

/** Who gives an order, and why: both are stored for ever. */
export const operatorName = words(OPERATOR_CHARS_MAX);
export const orderReason = words(WHY_CHARS_MAX);

const CENTS_MAX = BigInt(AMOUNT_CENTS_MAX);
const integer = z
  .string()
  .regex(/^-?\d{1,20}$/, 'a whole number')
  .transform(BigInt);
const cents = integer.refine(
  (value) => value >= -CENTS_MAX && value <= CENTS_MAX,
  `at most ${CENTS_MAX} cents`,
);

const ACTION = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('freeze') }),
  z.object({ kind: z.literal('unfreeze') }),
  z.object({ kind: z.literal('close') }),
  z.object({
    kind: z.literal('overdraft'),
    overdraftCents: cents.refine((value) => value >= 0n, '0 cents or more'),
  }),
  z.object({
    kind: z.literal('adjust'),
    amountCents: cents.refine((value) => value !== 0n, 'an amount that is not 0'),
  }),
  z.object({ kind: z.literal('release') }),
]);

const lowerCaseUuid = uuid.transform((id) => id.toLowerCase());

const COMMAND = z.object({
  kind: z.literal('operator'),
  orderId: lowerCaseUuid,
  accountId: lowerCaseUuid,
  action: ACTION,
  operator: operatorName,
  why: orderReason,
}) satisfies z.ZodType<OperatorCommand>;

const queueName = z.string().min(1).max(255);

/** What can be answered whatever the order itself is. */
const ADDRESS = z.object({ orderId: lowerCaseUuid, replyTo: queueName });

const MAIL = ADDRESS.extend({
  order: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('account'), command: COMMAND }),
    z.object({ kind: z.literal('drain') }),
    z.object({ kind: z.literal('log-level'), level: z.enum(LOG_LEVELS) }),
  ]),
}).refine(
  ({ orderId, order }) => order.kind !== 'account' || order.command.orderId === orderId,
  'one order id',
) satisfies z.ZodType<OrderMail>;

const RESULT = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('done'),
    seq: integer,
    balanceCents: integer,
    overdraftCents: integer,
    status: z.enum(ACCOUNT_STATUSES),
  }),
  z.object({ kind: z.literal('refused'), detail: z.string() }),
]) satisfies z.ZodType<OperatorResult>;

const ANSWER_MAIL = z.object({
  orderId: lowerCaseUuid,
  from: z.string(),
  answer: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('result'), result: RESULT }),
    z.object({ kind: z.literal('not-owner') }),
    z.object({ kind: z.literal('accepted') }),
    z.object({ kind: z.literal('unreadable'), detail: z.string() }),
  ]),
}) satisfies z.ZodType<OrderAnswerMail>;

/** What a message between nodes is, if it is one of ours; whatever version it has. */
export function orderKind(bytes: Buffer): 'order' | 'order-answer' | null {
  if (bytes[1] === ORDER) return 'order';
  return bytes[1] === ORDER_ANSWER ? 'order-answer' : null;
}

export function encodeOrder(mail: OrderMail): Buffer {
  return encode(ORDER, mail);
}

export function encodeOrderAnswer(mail: OrderAnswerMail): Buffer {
  return encode(ORDER_ANSWER, mail);
}

/** Never throws, whatever the bytes. */
export function decodeOrder(bytes: Buffer): DecodedOrder {
  const json = readJson(bytes);
  const address = ADDRESS.safeParse(json);
  if (!address.success) return { kind: 'malformed', detail: detailOf(address.error) };
  const refuse = (detail: string): DecodedOrder => ({ kind: 'unreadable', ...address.data, detail });
  if (bytes[0] !== VERSION)
    return refuse(`version ${bytes[0] ?? 0} of orders, and this node reads ${VERSION}`);
  const mail = MAIL.safeParse(json);
  return mail.success ? { kind: 'order', mail: mail.data } : refuse(detailOf(mail.error));
}

/** Never throws, whatever the bytes. */
export function decodeOrderAnswer(bytes: Buffer): DecodedOrderAnswer {
  if (orderKind(bytes) !== 'order-answer') return { kind: 'malformed', detail: 'not an answer to an order' };
  if (bytes[0] !== VERSION)
    return {
      kind: 'malformed',
      detail: `version ${bytes[0] ?? 0} of answers, and this program reads ${VERSION}`,
    };
  const mail = ANSWER_MAIL.safeParse(readJson(bytes));
  return mail.success
    ? { kind: 'order-answer', mail: mail.data }
    : { kind: 'malformed', detail: detailOf(mail.error) };
}

function encode(kind: number, mail: OrderMail | OrderAnswerMail): Buffer {
  const json = JSON.stringify(mail, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return Buffer.concat([Buffer.from([VERSION, kind]), Buffer.from(json)]);
}

/** undefined: it is no JSON. */
function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', HEAD_BYTES));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Names places and what was expected there, never what stood there. */
function detailOf({ issues }: z.ZodError): string {
  const [first] = issues;
  if (first === undefined) return 'not as expected';
  return `${first.path.join('.') || 'the whole'}: ${first.message}`;
}
