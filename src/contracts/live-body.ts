/** A row of `transactions` that waits for its decision, as it stands: none of it needs to make sense. */
export interface PendingRow {
  readonly id: string;
  readonly accountId: string | null;
  readonly cardId: string | null;
  readonly amountCents: bigint;
  readonly type: string;
  readonly idempotencyKey: string | null;
  /** The refunded transaction. The Go API leaves it out: null as a rule, also for a refund. */
  readonly originalId: string | null;
  /** RFC 3339 in UTC, microseconds. */
  readonly createdAt: string;
}

/**
 * The message that the Go API would send for a row (contract section 2.1), so that whatever has no message any more can go
 * the road of all others: be forwarded, kept for a retry, parked, dead-lettered, replayed.
 *
 * @param originalId what a refund refunds, where somebody knows it better than the row.
 */
export function liveBodyOf(row: PendingRow, originalId: string | null = row.originalId): Buffer {
  const fields: readonly (readonly [name: string, json: string])[] = [
    ['id', JSON.stringify(row.id)],
    ['account_id', JSON.stringify(row.accountId)],
    ['card_id', nullString(row.cardId)],
    ['refund_transaction_id', nullString(originalId)],
    // Digits, since a number would round beyond 2^53.
    ['amount_cents', row.amountCents.toString()],
    ['status', '"PENDING"'],
    ['type', JSON.stringify(row.type)],
    ['idempotency_key', JSON.stringify(row.idempotencyKey)],
    ['created_at', JSON.stringify(row.createdAt)],
  ];
  return Buffer.from(`{${fields.map(([name, json]) => `"${name}":${json}`).join(',')}}`);
}

function nullString(value: string | null): string {
  return JSON.stringify({ String: value ?? '', Valid: value !== null });
}
