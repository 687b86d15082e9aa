import { replyCodeOf } from '../server-errors.ts';

/** Refusals of the broker that have an answer of their own, by reply code and where that says too little by text. */

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
const NOT_IMPLEMENTED = 540;
const INTERNAL_ERROR = 541;

/** Somebody else consumes the queue exclusively. Missing rights have the same code and another text. */
export function isExclusiveRefusal(error: Error): boolean {
  return replyCodeOf(error) === ACCESS_REFUSED && error.message.includes('exclusive use');
}

/** Quorum queues do not know it, and RabbitMQ from 4.3 on refuses it unless it is told to permit it. */
export function isGlobalPrefetchRefusal(error: Error): boolean {
  const code = replyCodeOf(error);
  return (
    (code === NOT_IMPLEMENTED || code === INTERNAL_ERROR) &&
    /global[ _.]?qos|basic\.?qos/i.test(error.message)
  );
}

export function isMissingQueue(error: Error): boolean {
  return replyCodeOf(error) === NOT_FOUND;
}
