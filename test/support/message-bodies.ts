import type { TransactionCommand } from '../../src/contracts/command.ts';

const nullString = (text: string | null) => ({ String: text ?? '', Valid: text !== null });

/** The message of a command, in the command's shape. */
export function bodyOf(command: TransactionCommand): string {
  const common = {
    account_id: command.accountId,
    amount_cents: Number(command.amountCents),
    idempotency_key: command.idempotencyKey,
  };
  return command.shape === 'live'
    ? JSON.stringify({
        ...common,
        id: command.transactionId,
        card_id: nullString(command.cardId),
        refund_transaction_id: nullString(command.originalId),
        status: 'PENDING',
        type: command.type,
        created_at: command.occurredAt,
      })
    : JSON.stringify({
        ...common,
        transaction_id: command.transactionId,
        card_id: command.cardId,
        refund_transaction_id: command.originalId,
        transaction_type: command.type,
        timestamp: command.occurredAt,
      });
}
