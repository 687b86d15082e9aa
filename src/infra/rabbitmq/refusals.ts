/** Reply codes of the broker, read off the errors that amqplib makes of them. */

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
const NOT_IMPLEMENTED = 540;
const INTERNAL_ERROR = 541;

function replyCode(error: Error): number | null {
  return 'code' in error && typeof error.code === 'number' ? error.code : null;
}

/** Somebody else consumes the queue exclusively. Missing rights have the same code and another text. */
export function isExclusiveRefusal(error: Error): boolean {
  return replyCode(error) === ACCESS_REFUSED && error.message.includes('exclusive use');
}

/** Quorum queues do not know it, and RabbitMQ 4 may be told to refuse it. */
export function isGlobalPrefetchRefusal(error: Error): boolean {
  const code = replyCode(error);
  return (
    (code === NOT_IMPLEMENTED || code === INTERNAL_ERROR) &&
    /global[ _.]?qos|basic\.?qos/i.test(error.message)
  );
}

export function isMissingQueue(error: Error): boolean {
  return replyCode(error) === NOT_FOUND;
}
