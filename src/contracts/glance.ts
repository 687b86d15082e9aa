import type { Shape } from './command.ts';
import { DECODE_LIMITS } from './decode-limits.ts';
import { QUEUE_KIND, type InboundQueue } from './queues.ts';

/**
 * Reads from the first bytes of a body whose transaction it is and which account's, so that a message can be sent on to the
 * account's owner without being decoded on the way.
 *
 * G1. Exact where it answers: `decodeMessage` says the same of the body, or refuses it. It looks at the two fields that the Go API
 *     writes first, with nothing before them; whatever else names them once more makes them ambiguous, and the decoder refuses that.
 * G2. It answers for nothing else: another order of fields, escaped names, a body that nobody will decode. Those are decoded at once.
 * G3. What it answers keeps none of the text alive: it is kept until the message is answered, and a string cut out of a longer one
 *     keeps the longer one (300 bytes a message instead of 165).
 */

export interface Glance {
  readonly shape: Shape;
  /** Lower-case UUIDs. */
  readonly transactionId: string;
  readonly accountId: string;
}

/** With room for blanks between the fields. */
const LOOKED_AT_BYTES = 160;
const UUID_CHARS = 36;
const UUID = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';
/** What it captures tells where the ids begin. */
const BEGINNING = new RegExp(
  `^(\\{ ?"(id|transaction_id)" ?: ?")${UUID}(" ?, ?"account_id" ?: ?")${UUID}" ?,`,
);

/** null: it has to be decoded. */
export function glanceAt(queue: InboundQueue, body: Buffer): Glance | null {
  if (QUEUE_KIND[queue] !== 'transaction' || body.length > DECODE_LIMITS.bodyBytesMax) return null;
  const found = BEGINNING.exec(body.toString('latin1', 0, LOOKED_AT_BYTES));
  if (found === null) return null;
  const [, opening = '', name, between = ''] = found;
  const accountAt = opening.length + UUID_CHARS + between.length;
  return {
    shape: name === 'id' ? 'live' : 'documented',
    transactionId: uuidIn(body, opening.length),
    accountId: uuidIn(body, accountAt),
  };
}

function uuidIn(body: Buffer, at: number): string {
  return body.toString('latin1', at, at + UUID_CHARS).toLowerCase();
}
