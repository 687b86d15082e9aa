import type { TransactionType } from '../contracts/command.ts';
import { decodeMessage } from '../contracts/decode.ts';
import { QUEUE_KIND } from '../contracts/queues.ts';
import type { InboundQueue } from '../contracts/queues.ts';
import type { LetterCode } from './error-category.ts';

/** A dead letter as far as its replay is concerned. */
export interface ReplayableLetter {
  readonly code: LetterCode;
  /** Queue it was read from. */
  readonly queue: InboundQueue;
  readonly accountId: string | null;
  /** As it was kept. */
  readonly body: Buffer;
  /** Of the whole message. */
  readonly bodyBytes: number;
  readonly deadLetterQueue: string;
}

/** What a refund is to be a refund of, as the ledger has it; `found: false`: there is no such transaction. */
export type RefundTarget =
  | { readonly transactionId: string; readonly found: false }
  | {
      readonly transactionId: string;
      readonly found: true;
      readonly accountId: string | null;
      readonly type: TransactionType;
    };

export type Replay =
  | { readonly kind: 'message'; readonly queue: InboundQueue; readonly body: Buffer }
  /** `why` says what to do instead. */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * The message by which a dead letter comes back: transactions by `retry_queue`, whose messages may decide a row in `ERROR`,
 * balance requests by the queue they came from.
 *
 * @param target what an operator says it refunds; null: nothing was said.
 */
export function replayOf(letter: ReplayableLetter, target: RefundTarget | null): Replay {
  const { queue, body, bodyBytes, deadLetterQueue } = letter;
  if (body.length < bodyBytes) {
    return refused(
      `only the first ${body.length} of its ${bodyBytes} bytes are kept here, and no message of that size is ever processed; ` +
        `the whole message is in ${deadLetterQueue}: have its sender send a smaller one, then discard the letter`,
    );
  }
  if (letter.code === 'REFUND_TARGET_UNKNOWN') return mended(letter, target);
  if (target !== null)
    return refused(`--refund-of is for letters of code REFUND_TARGET_UNKNOWN; this one is ${letter.code}`);
  return { kind: 'message', queue: QUEUE_KIND[queue] === 'transaction' ? 'retry_queue' : queue, body };
}

/** The row of a refund never says what it refunds, and without its message nobody knows but the operator. */
function mended(letter: ReplayableLetter, target: RefundTarget | null): Replay {
  if (target === null)
    return refused('nobody knows what it refunds: say so with --refund-of <transaction id>, or discard it');
  const obstacle = targetObstacle(letter, target);
  if (obstacle !== null) return refused(`--refund-of ${target.transactionId}: ${obstacle}`);
  const decoded = decodeMessage('retry_queue', letter.body);
  if (!decoded.ok || decoded.command.kind !== 'transaction' || decoded.command.type !== 'REFUND')
    return refused('its body is no refund that could be sent');
  const message: unknown = JSON.parse(letter.body.toString('utf8'));
  const named = {
    ...(message as object),
    refund_transaction_id: { String: target.transactionId, Valid: true },
  };
  return { kind: 'message', queue: 'retry_queue', body: Buffer.from(JSON.stringify(named)) };
}

function targetObstacle(letter: ReplayableLetter, target: RefundTarget): string | null {
  if (!target.found) return 'there is no such transaction';
  if (target.accountId !== letter.accountId) return 'it belongs to another account';
  return target.type === 'REFUND' ? 'it is a refund itself' : null;
}

function refused(why: string): Replay {
  return { kind: 'refused', why };
}
