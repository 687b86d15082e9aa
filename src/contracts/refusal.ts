import type { DeadLetterQueue } from './queues.ts';

/** Why a message could not become a command. */
export const REFUSAL_CODES = [
  'BODY_EMPTY',
  'BODY_TOO_LARGE',
  'BODY_NOT_UTF8',
  'BODY_NOT_JSON',
  'BODY_NOT_OBJECT',
  'BODY_TOO_DEEP',
  'MESSAGE_INVALID',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

export interface RefusalIssue {
  /** JSON path of the offending field, `$` for the whole message. */
  readonly path: string;
  /** What the contract expects there, in words. Never the offending value itself. */
  readonly expected: string;
}

export interface Refusal {
  readonly code: RefusalCode;
  readonly deadLetterQueue: DeadLetterQueue;
  /** At most 20. */
  readonly issues: readonly RefusalIssue[];
}
