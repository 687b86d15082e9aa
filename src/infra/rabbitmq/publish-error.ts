/**
 * - `disconnected`: not sent, there is no connection.
 * - `blocked`: not sent, the broker takes no publications at the moment (memory or disk alarm, or too much is under way).
 * - `returned`: taken back, the queue does not exist. It is declared again meanwhile.
 * - `unconfirmed`: refused by the broker, or of unknown outcome: the channel broke, or no confirm came in time. Publishing again may
 *   publish twice.
 */
export const PUBLISH_FAILURES = ['disconnected', 'blocked', 'returned', 'unconfirmed'] as const;
export type PublishFailure = (typeof PUBLISH_FAILURES)[number];

/** A message the broker is not known to have taken. All of these may be tried again. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly failure: PublishFailure;

  constructor(failure: PublishFailure, queue: string) {
    super(`message for ${queue} not published: ${failure}`);
    this.failure = failure;
  }
}
