import { randomUUID } from 'node:crypto';
import type { TransactionType } from '../contracts/command.ts';
import { decodeMessage } from '../contracts/decode.ts';
import type { InboundQueue } from '../contracts/queues.ts';
import type { RefusalIssue } from '../contracts/refusal.ts';

/** What a producer has to say, and the messages that come of it: the documented shape of the contract. */

interface Payment {
  /** UUID. Without it a new one. */
  readonly transactionId?: string;
  /** UUID. */
  readonly accountId: string;
  /** 1 … 2^53 − 1. */
  readonly amountCents: bigint | number;
  /** 1 to 255 characters, unique over all accounts. The same payment published again has the same one. */
  readonly idempotencyKey: string;
  /** RFC 3339 as text, with all its digits. Without it: now. */
  readonly occurredAt?: Date | string;
  /** Any JSON; kept nowhere. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface TransactionToPublish extends Payment {
  readonly type: Exclude<TransactionType, 'REFUND'>;
  /** UUID of a card of the account. */
  readonly cardId?: string | null;
}

export interface RefundToPublish extends Payment {
  /** UUID of the transaction that is refunded, in whole or in part. */
  readonly originalId: string;
}

export interface BalanceToRequest {
  /** UUID. Its balance is written to Redis, at `balance:<account id>`. */
  readonly accountId: string;
  /** UUID. Its total is written to `balance:card:<card id>`. */
  readonly cardId?: string | null;
  /** Compare the balance with the sum of its journal first. */
  readonly forceRecalculation?: boolean;
}

/** The message is not one that the processor would take; it was not sent. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
  readonly issues: readonly RefusalIssue[];

  constructor(issues: readonly RefusalIssue[]) {
    super(issues.map(({ path, expected }) => `${path}: expected ${expected}`).join('; '));
    this.issues = issues;
  }
}

export interface OutgoingTransaction {
  readonly transactionId: string;
  readonly body: Buffer;
}

/** Throws `MessageError`. */
export function transactionMessage(payment: TransactionToPublish | RefundToPublish): OutgoingTransaction {
  const transactionId = payment.transactionId ?? randomUUID();
  const isRefund = 'originalId' in payment;
  const fields: Readonly<Record<string, unknown>> = {
    transaction_id: transactionId,
    account_id: payment.accountId,
    card_id: isRefund ? null : (payment.cardId ?? null),
    ...(isRefund ? { refund_transaction_id: payment.originalId } : {}),
    amount_cents: payment.amountCents,
    transaction_type: isRefund ? 'REFUND' : payment.type,
    idempotency_key: payment.idempotencyKey,
    timestamp: timeOf(payment.occurredAt),
    metadata: payment.metadata ?? null,
  };
  return { transactionId, body: checked('transactions_queue', fields) };
}

/** Throws `MessageError`. */
export function balanceMessage(request: BalanceToRequest): Buffer {
  return checked('balance_calculation_queue', {
    account_id: request.accountId,
    card_id: request.cardId ?? null,
    force_recalculation: request.forceRecalculation ?? false,
    timestamp: timeOf(undefined),
  });
}

function timeOf(occurredAt: Date | string | undefined): string {
  if (typeof occurredAt === 'string') return occurredAt;
  return (occurredAt ?? new Date()).toISOString();
}

/** The bytes, once the processor's own decoder has taken them. */
function checked(queue: InboundQueue, fields: Readonly<Record<string, unknown>>): Buffer {
  const members = Object.entries(fields).map(([name, value]) => `"${name}":${jsonOf(value)}`);
  const body = Buffer.from(`{${members.join(',')}}`);
  const decoded = decodeMessage(queue, body);
  if (!decoded.ok) throw new MessageError(decoded.refusal.issues);
  return body;
}

/** `JSON.stringify` knows no bigint. */
function jsonOf(value: unknown): string {
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}
