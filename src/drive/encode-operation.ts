import type { BalanceCommand, TransactionCommand } from '../contracts/command.ts';
import type { Operation, SoundOperation } from './operation.ts';

/** The message of an operation as its producer writes it: field order, nullable fields and all. */
export function encodeOperation(operation: Operation): Buffer {
  return Buffer.from(operation.kind === 'poison' ? operation.text : JSON.stringify(messageOf(operation)));
}

function messageOf(operation: SoundOperation): object {
  if (operation.kind === 'balance-request') return balanceRequest(operation.command, operation.requestedAt);
  const { command, queue } = operation;
  return command.shape === 'live' ? liveTransaction(command) : documentedTransaction(command, queue);
}

/** Go's `encoding/json` of the API's struct. Drive's amounts are far below 2^53, so `Number` is exact. */
function liveTransaction(command: TransactionCommand): object {
  return {
    id: command.transactionId,
    account_id: command.accountId,
    card_id: nullString(command.cardId),
    refund_transaction_id: nullString(command.originalId),
    amount_cents: Number(command.amountCents),
    status: 'PENDING',
    type: command.type,
    idempotency_key: command.idempotencyKey,
    created_at: command.occurredAt,
  };
}

/** Refunds name their original in both documented ways: at the top on `refund_queue`, in the metadata elsewhere. */
function documentedTransaction(command: TransactionCommand, queue: string): object {
  const isOnRefundQueue = queue === 'refund_queue';
  const inMetadata = command.originalId === null ? {} : { refund_transaction_id: command.originalId };
  return {
    transaction_id: command.transactionId,
    account_id: command.accountId,
    card_id: command.cardId,
    amount_cents: Number(command.amountCents),
    transaction_type: command.type.toLowerCase(),
    ...(isOnRefundQueue ? inMetadata : {}),
    idempotency_key: command.idempotencyKey,
    timestamp: command.occurredAt,
    metadata: { source: 'drive', ...(isOnRefundQueue ? {} : inMetadata) },
  };
}

function balanceRequest(command: BalanceCommand, requestedAt: string): object {
  if (command.shape === 'live') return { account_id: command.accountId };
  return {
    account_id: command.accountId,
    card_id: command.cardId,
    force_recalculation: command.forceRecalculation,
    timestamp: requestedAt,
  };
}

function nullString(text: string | null): object {
  return text === null ? { String: '', Valid: false } : { String: text, Valid: true };
}
