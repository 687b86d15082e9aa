import { TRACEPARENT } from '../contracts/traceparent.ts';
import { QUEUE_KIND } from '../contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../contracts/queues.ts';
import type { Refusal } from '../contracts/refusal.ts';
import type { DeferralCode, FailureCode } from '../domain/codes.ts';
import { CATEGORY_OF_CODE, marksError, ROAD_OF_CATEGORY } from '../domain/error-category.ts';
import type { ErrorCategory } from '../domain/error-category.ts';
import { LIMITS } from '../limits.ts';
import type { OutboundMessage } from '../ports/broker.ts';
import type { DeadLetter, Retry } from '../ports/stores.ts';
import type { CommandTrace } from '../ports/tracing.ts';
import type { CommandEnvelope, Origin } from './command-envelope.ts';

/** A dead letter, with whose move it is (`x-category`). */
export interface Letter {
  readonly letter: DeadLetter;
  readonly category: ErrorCategory;
  /** None: the message is not traced. */
  readonly trace?: CommandTrace | null;
}

function deadLetterQueueOf(queue: InboundQueue, category: ErrorCategory): DeadLetterQueue {
  if (ROAD_OF_CATEGORY[category].deadLetterQueue === 'system_dlq') return 'system_dlq';
  return QUEUE_KIND[queue] === 'balance' ? 'balance_dlq' : 'transactions_dlq';
}

/** The letter of a message that could not become a command. */
export function refusedLetter(origin: Origin, refusal: Refusal, receivedAtMs: number): Letter {
  const detail = refusal.issues.map((issue) => `${issue.path}: ${issue.expected}`).join('; ');
  return {
    category: CATEGORY_OF_CODE[refusal.code],
    trace: origin.trace ?? null,
    letter: {
      ...unreadLetter(origin, detail, receivedAtMs),
      deadLetterQueue: refusal.deadLetterQueue,
      code: refusal.code,
    },
  };
}

/** The letter of a message that broke our own handling of it: kept whole, to be replayed once that is repaired. */
export function unhandledLetter(origin: Origin, detail: string, receivedAtMs: number): Letter {
  const letter = unreadLetter(origin, detail, receivedAtMs);
  return {
    category: CATEGORY_OF_CODE.INVARIANT_BROKEN,
    trace: origin.trace ?? null,
    letter: { ...letter, deadLetterQueue: 'system_dlq', code: 'INVARIANT_BROKEN' },
  };
}

function unreadLetter(
  origin: Origin,
  detail: string,
  receivedAtMs: number,
): Omit<DeadLetter, 'code' | 'deadLetterQueue'> {
  return {
    queue: origin.queue,
    detail: detail.slice(0, LIMITS.detailCharsMax),
    transactionId: null,
    accountId: null,
    body: origin.body,
    attempts: 1,
    firstSeenAt: new Date(receivedAtMs).toISOString(),
    redelivered: origin.redelivered,
    marksError: false,
  };
}

/** The letter of a command that failed for good. */
export function failedLetter(
  envelope: CommandEnvelope,
  code: FailureCode | DeferralCode,
  detail: string,
): Letter {
  const { command, origin } = envelope;
  const category = CATEGORY_OF_CODE[code];
  const isTransaction = command.kind === 'transaction';
  return {
    category,
    trace: envelope.trace,
    letter: {
      queue: origin.queue,
      deadLetterQueue: deadLetterQueueOf(origin.queue, category),
      code,
      detail: detail.slice(0, LIMITS.detailCharsMax),
      transactionId: isTransaction ? command.transactionId : null,
      accountId: command.accountId,
      body: origin.body,
      attempts: envelope.attempt + 1,
      firstSeenAt: new Date(envelope.firstSeenAtMs).toISOString(),
      redelivered: origin.redelivered,
      marksError: isTransaction && marksError(code),
    },
  };
}

/** The letter of a message that waits for its retry under the id of another one. */
export function falseRetryLetter(waiting: Retry, detail: string): Letter {
  const category = CATEGORY_OF_CODE.PAYLOAD_MISMATCH;
  const { queue, transactionId, accountId, body, attempt, firstSeenAtMs } = waiting;
  return {
    category,
    letter: {
      queue,
      deadLetterQueue: deadLetterQueueOf(queue, category),
      code: 'PAYLOAD_MISMATCH',
      detail: detail.slice(0, LIMITS.detailCharsMax),
      transactionId,
      accountId,
      body,
      attempts: attempt,
      firstSeenAt: new Date(firstSeenAtMs).toISOString(),
      // Its own try may come to the same end: one letter is enough.
      redelivered: true,
      marksError: false,
    },
  };
}

/** What is published to the dead-letter queue: the original bytes, and the reason in headers of printable ASCII. */
export function messageOf({ letter, category, trace }: Letter): OutboundMessage {
  return {
    queue: letter.deadLetterQueue,
    body: letter.body,
    headers: {
      'x-reason': letter.code,
      'x-category': category,
      'x-attempts': letter.attempts,
      'x-first-seen': letter.firstSeenAt,
      'x-original-queue': letter.queue,
      'x-detail': letter.detail.replace(/[^\x20-\x7e]+/g, ' '),
      ...(trace == null ? {} : { [TRACEPARENT]: trace.traceparent }),
    },
  };
}
