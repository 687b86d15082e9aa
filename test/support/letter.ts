import { randomUUID } from 'node:crypto';
import type { DeadLetter } from '../../src/ports/stores.ts';

/** A dead letter of a message that is not JSON, unlike any other. */
export function letter(change: Partial<DeadLetter> = {}): DeadLetter {
  return {
    queue: 'transactions_queue',
    deadLetterQueue: 'system_dlq',
    code: 'BODY_NOT_JSON',
    detail: 'expected a JSON object',
    transactionId: null,
    accountId: null,
    body: Buffer.from(randomUUID()),
    attempts: 0,
    firstSeenAt: '2026-11-22T10:40:00.123456Z',
    redelivered: false,
    marksError: false,
    ...change,
  };
}
