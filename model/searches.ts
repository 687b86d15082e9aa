import type { Property } from './properties.ts';

export type ModelName = 'ownership' | 'parking' | 'lease';

/**
 * - `states`: every reachable state, depth first.
 * - `shortest`: the same, breadth first: what is found has the shortest story.
 * - `cycles`: no way through the states comes back to where it was.
 * - `fair`: every endless run that lets everybody go on comes to what is wanted, and stays there.
 */
export type Method = 'states' | 'shortest' | 'cycles' | 'fair';

/** One exhaustive search of one model. */
export interface Search {
  readonly model: ModelName;
  readonly method: Method;
  readonly properties: readonly Property[];
  /** Sizes and variants, as `NAME` or `NAME=value`. */
  readonly defines: readonly string[];
  /** The bug that is planted, which the search has to find; null: everything has to hold. */
  readonly planted: PlantedBug | null;
}

export interface PlantedBug {
  /** Its -D. */
  readonly flag: string;
  /** What was done to the protocol. */
  readonly says: string;
}

const SAFE: readonly Property[] = ['once', 'kept', 'order', 'owner', 'fresh', 'ends'];

function holds(
  model: ModelName,
  method: Method,
  properties: readonly Property[],
  defines: readonly string[] = [],
): Search {
  return { model, method, properties, defines, planted: null };
}

function finds(
  model: ModelName,
  property: Property,
  flag: string,
  says: string,
  defines: readonly string[] = ['FAULTS=2'],
): Search {
  // Where endless runs matter there is no shortest story.
  const method = model === 'lease' && property === 'ends' ? 'fair' : 'shortest';
  return { model, method, properties: [property], defines, planted: { flag, says } };
}

/** With fewer faults nothing can be refused that was to be parked. */
const PARKING: readonly string[] = ['FAULTS=3'];

/** Seconds each: what `npm test` tries. */
export const SMALL: readonly Search[] = [
  holds('ownership', 'states', SAFE, ['FAULTS=1']),
  finds('ownership', 'owner', 'NO_FENCE', 'commits do not look at the epoch'),
  finds('ownership', 'order', 'NO_NUMBERS', 'the owner takes forwards with a gap before them'),
];

export const ALL: readonly Search[] = [
  holds('ownership', 'states', SAFE, ['FAULTS=2']),
  holds('ownership', 'states', SAFE, ['FAULTS=2', 'FIRST_READER=0']),
  holds('ownership', 'states', SAFE, ['FAULTS=1', 'MESSAGES=3']),
  holds('ownership', 'cycles', ['ends'], ['FAULTS=1']),
  finds('ownership', 'owner', 'NO_FENCE', 'commits do not look at the epoch'),
  finds('ownership', 'owner', 'WEAK_FENCE', 'commits look at the epoch, but hold off no takeover'),
  finds('ownership', 'owner', 'TAKEOVER_NO_WAIT', 'a takeover does not wait for the commit under way'),
  finds('ownership', 'owner', 'TAKEOVER_UNSEEN', 'a takeover goes by an old view of the directory'),
  finds('ownership', 'fresh', 'BUMP_READS', 'the statement that raises the epoch reads the account'),
  finds('ownership', 'fresh', 'NO_SEQ', 'commits do not compare the seq'),
  finds('ownership', 'once', 'NO_IDENTITY', 'commits do not recognise what is decided'),
  finds('ownership', 'kept', 'ACK_BEFORE_COMMIT', 'acknowledged when it is delivered'),
  finds('ownership', 'order', 'NO_NUMBERS', 'the owner takes forwards with a gap before them'),
  finds('ownership', 'order', 'BACK_AT_TAIL', 'what is given back goes behind what came later'),
  finds(
    'ownership',
    'order',
    'SESSIONS_OVERLAP',
    'a reader begins before the messages of the last one are back',
  ),
  finds('ownership', 'ends', 'NO_RESEND', 'a forward without an answer is not sent again'),
  holds('parking', 'states', ['once', 'kept', 'order', 'ends'], PARKING),
  holds('parking', 'states', ['once', 'kept', 'order', 'ends'], [...PARKING, 'FIRST_READER=1']),
  finds('parking', 'order', 'PARK_UNFENCED', 'an owner parks without a look at the epoch', PARKING),
  finds('parking', 'order', 'PARK_KEEPS_EPOCH', 'parking for want of an owner raises no epoch', PARKING),
  finds('parking', 'order', 'PARK_DOOR_OPEN', 'newer commands pass what may be refused', PARKING),
  finds('parking', 'order', 'READ_WHILE_PARKING', 'an account is read while it is being parked', PARKING),
  finds('parking', 'order', 'PARKED_LAST', 'what was parked waits behind newer commands', PARKING),
  holds('lease', 'states', ['calm']),
  holds('lease', 'fair', ['ends']),
  finds('lease', 'calm', 'NO_BOOT', 'leases are believed right after a FLUSHALL', []),
  finds('lease', 'ends', 'NO_GATE', 'a node with half of its links keeps its roles', []),
  finds('lease', 'ends', 'NO_EPOCH_ALONE', 'with Redis away nothing is taken over', []),
  finds('lease', 'ends', 'READER_WAITS_FOR_REDIS', 'with Redis away no queue is opened', []),
];
