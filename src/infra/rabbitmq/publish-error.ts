export type PublishFailure =
  /** Not sent: there is no connection. */
  | 'disconnected'
  /** Not sent: the broker takes no publications at the moment (memory or disk alarm, or too much is under way). */
  | 'blocked'
  /** Taken back: the queue does not exist. It is declared again meanwhile. */
  | 'returned'
  /** Refused by the broker, or of unknown outcome: the channel broke, or no confirm came in time. Publishing again may publish twice. */
  | 'unconfirmed';

/** A message the broker is not known to have taken. All of these may be tried again. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly failure: PublishFailure;

  constructor(failure: PublishFailure, queue: string) {
    super(`message for ${queue} not published: ${failure}`);
    this.failure = failure;
  }
}
