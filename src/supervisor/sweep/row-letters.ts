import type { PendingRow } from '../../contracts/live-body.ts';
import { CATEGORY_OF_CODE } from '../../domain/error-category.ts';
import { LIMITS } from '../../limits.ts';
import type { DeadLetter } from '../../ports/stores.ts';
import type { Letter } from '../dead-letter.ts';
import { SWEPT_QUEUE } from './read-row.ts';

/** The row stays `PENDING`: it is mended by whoever knows what it refunds. */
export function targetUnknownLetter(row: PendingRow, body: Buffer): Letter {
  const detail =
    'its message was lost, and its row does not say what it refunds: ' +
    'replay this letter with --refund-of <transaction id>';
  return {
    category: CATEGORY_OF_CODE.REFUND_TARGET_UNKNOWN,
    letter: { ...letterOf(row, body, detail), code: 'REFUND_TARGET_UNKNOWN', marksError: false },
  };
}

/** The row becomes `ERROR` in the commit that records the letter. */
export function invalidRowLetter(row: PendingRow, body: Buffer, detail: string): Letter {
  return {
    category: CATEGORY_OF_CODE.ROW_INVALID,
    letter: {
      ...letterOf(row, body, `its row is no transaction: ${detail}`),
      code: 'ROW_INVALID',
      marksError: true,
    },
  };
}

function letterOf(row: PendingRow, body: Buffer, detail: string): Omit<DeadLetter, 'code' | 'marksError'> {
  return {
    queue: SWEPT_QUEUE,
    deadLetterQueue: 'transactions_dlq',
    detail: detail.slice(0, LIMITS.detailCharsMax),
    transactionId: row.id,
    accountId: row.accountId,
    body,
    attempts: 0,
    firstSeenAt: row.createdAt,
    // The same letter may have been recorded by a sweeper that died before it was published: one is enough.
    redelivered: true,
  };
}
