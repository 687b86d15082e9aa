import type { TransactionCommand, TransactionType } from '../contracts/command.ts';

/** What the database holds of a transaction, in its journal or its `transactions` row. */
export interface StoredTransaction {
  readonly transactionId: string;
  readonly accountId: string;
  readonly type: TransactionType;
  readonly amountCents: bigint;
  readonly cardId: string | null;
  /** `undefined`: not known here (a `transactions` row of a refund that is not decided yet has none). */
  readonly originalId: string | null | undefined;
  readonly idempotencyKey: string | null;
  readonly status: 'PENDING' | 'APPROVED' | 'REJECTED' | 'ERROR';
  /** Reason code of a rejection, where the journal has one. */
  readonly reason: string | null;
}

export type DifferingField = 'account' | 'type' | 'amount' | 'card' | 'original' | 'key';

export interface IdentityOptions {
  /** The key belongs to a row that waits for its message (contract 2.4, case 1), not to the payload. */
  readonly compareKey: boolean;
  /** False with `REFUND_AMOUNT=original`: a refund's amount is then decided here, whatever the message says. */
  readonly compareRefundAmount: boolean;
}

/**
 * Fields in which a command differs from what is stored under its id or key; empty = the same payload.
 *
 * The payload is (account, type, amount, card, refunded id), compared field by field, so that a refusal can name
 * what differs. A refunded id that the database does not know yet is left out of the comparison.
 */
export function differences(
  command: TransactionCommand,
  stored: StoredTransaction,
  options: IdentityOptions,
): readonly DifferingField[] {
  const amountCounts = options.compareRefundAmount || command.type !== 'REFUND';
  const fields: DifferingField[] = [];
  if (command.accountId !== stored.accountId) fields.push('account');
  if (command.type !== stored.type) fields.push('type');
  if (amountCounts && command.amountCents !== stored.amountCents) fields.push('amount');
  if (command.cardId !== stored.cardId) fields.push('card');
  if (stored.originalId !== undefined && command.originalId !== stored.originalId) fields.push('original');
  if (options.compareKey && command.idempotencyKey !== stored.idempotencyKey) fields.push('key');
  return fields;
}

/** "amount (stored 1000, message 1200)", amounts in cents: for the detail of a dead letter. */
export function describeDifferences(
  command: TransactionCommand,
  stored: StoredTransaction,
  fields: readonly DifferingField[],
): string {
  const said: Readonly<Record<DifferingField, readonly [stored: unknown, message: unknown]>> = {
    account: [stored.accountId, command.accountId],
    type: [stored.type, command.type],
    amount: [stored.amountCents, command.amountCents],
    card: [stored.cardId, command.cardId],
    original: [stored.originalId, command.originalId],
    key: [stored.idempotencyKey, command.idempotencyKey],
  };
  return fields
    .map((field) => `${field} (stored ${String(said[field][0])}, message ${String(said[field][1])})`)
    .join(', ');
}
