import type { Logger } from '../../ports/runtime.ts';
import { decodeBatch } from './forward-codec.ts';
import type { AnswerBatch, ForwardBatch } from './forward.ts';

export interface ForwardMailOptions {
  /** `ForwardDesk.receive`. */
  readonly onForwards: (batch: ForwardBatch) => void;
  /** `Forwarder.answered`. */
  readonly onAnswers: (batch: AnswerBatch) => void;
  readonly logger: Logger;
}

/** Sorts what comes into the inbox. Never throws: what is lost here is sent again. */
export function forwardMail({ onForwards, onAnswers, logger }: ForwardMailOptions): (body: Buffer) => void {
  return (body) => {
    const decoded = decodeBatch(body);
    try {
      if (decoded.kind === 'forwards') onForwards(decoded.batch);
      else if (decoded.kind === 'answers') onAnswers(decoded.batch);
      else
        logger.warn(
          { detail: decoded.detail, bytes: body.length },
          'a message from another node is unreadable',
        );
    } catch (error) {
      logger.error({ err: error, kind: decoded.kind }, 'a message from another node could not be handled');
    }
  };
}
