import { orderKind } from '../../contracts/order-mail.ts';
import type { Logger } from '../../ports/runtime.ts';
import { decodeBatch } from './forward-codec.ts';
import type { AnswerBatch, ForwardBatch } from './forward.ts';

export interface ForwardMailOptions {
  /** `ForwardDesk.receive`. */
  readonly onForwards: (batch: ForwardBatch, receivedAtMs: number) => void;
  /** `Forwarder.answered`. */
  readonly onAnswers: (batch: AnswerBatch) => void;
  /** `ClusterTick.nudge`. */
  readonly onNudge: () => void;
  /** `OrderDesk.receive`. */
  readonly onOrder: (body: Buffer) => void;
  readonly logger: Logger;
}

/** Sorts what comes into the inbox. Never throws: what is lost here is sent again. */
export function forwardMail(options: ForwardMailOptions): (body: Buffer, receivedAtMs: number) => void {
  return (body, receivedAtMs) => {
    try {
      sort(body, receivedAtMs, options);
    } catch (error) {
      options.logger.error(
        { err: error, bytes: body.length },
        'a message from another node could not be handled',
      );
    }
  };
}

function sort(
  body: Buffer,
  receivedAtMs: number,
  { onForwards, onAnswers, onNudge, onOrder, logger }: ForwardMailOptions,
): void {
  const order = orderKind(body);
  if (order === 'order') {
    onOrder(body);
    return;
  }
  const unreadable = (detail: string): void =>
    logger.warn({ detail, bytes: body.length }, 'a message from another node is unreadable');
  // Nodes give no orders, so nobody waits for it here.
  if (order === 'order-answer') {
    unreadable('an answer to an order');
    return;
  }
  const decoded = decodeBatch(body);
  switch (decoded.kind) {
    case 'forwards':
      onForwards(decoded.batch, receivedAtMs);
      break;
    case 'answers':
      onAnswers(decoded.batch);
      break;
    case 'nudge':
      onNudge();
      break;
    case 'malformed':
      unreadable(decoded.detail);
  }
}
