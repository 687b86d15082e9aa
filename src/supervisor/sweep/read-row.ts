import type { TransactionCommand } from '../../contracts/command.ts';
import { decodeMessage } from '../../contracts/decode.ts';
import { liveBodyOf } from '../../contracts/live-body.ts';
import type { PendingRow } from '../../contracts/live-body.ts';
import type { InboundQueue } from '../../contracts/queues.ts';

/** The queue that a row's message would have come by. */
export const SWEPT_QUEUE: InboundQueue = 'transactions_queue';

/** What can be done about a row without its message. `body`: the message that stands for it. */
export type ReadRow =
  | { readonly kind: 'command'; readonly command: TransactionCommand; readonly body: Buffer }
  /** A refund whose row does not say what it refunds: only its message did. */
  | { readonly kind: 'target-unknown'; readonly body: Buffer }
  | { readonly kind: 'invalid'; readonly body: Buffer; readonly detail: string };

/** Through the decoder of all messages, so that a row is a command exactly where its message would have been one. */
export function readRow(row: PendingRow): ReadRow {
  const body = liveBodyOf(row);
  const decoded = decodeMessage(SWEPT_QUEUE, body);
  if (!decoded.ok) {
    const detail = decoded.refusal.issues.map(({ path, expected }) => `${path}: ${expected}`).join('; ');
    return { kind: 'invalid', body, detail };
  }
  const { command } = decoded;
  if (command.kind !== 'transaction') throw new Error(`a row became a ${command.kind} request`);
  if (command.type === 'REFUND' && command.originalId === null) return { kind: 'target-unknown', body };
  return { kind: 'command', command, body };
}
