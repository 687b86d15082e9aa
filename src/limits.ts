/**
 * Every bound of the processor, in one place. A queue, map, batch, wait or retry without a bound here is a bug.
 * Relations between them are asserted by `assertLimits` at start.
 */
const BOUNDS = {
  /** A larger body is a dead letter unread. The Go API's messages are about 450 bytes. */
  bodyBytesMax: 1024 * 1024,
  /** Nesting of objects and arrays in a message. */
  bodyDepthMax: 32,
  /** Bytes of bodies in flight above which the intake window stops growing. */
  inFlightBytesMax: 32 * 1024 * 1024,
  /** Intake window at start; it grows while the work keeps up. */
  windowStart: 200,
  /** Oldest unacknowledged delivery older than this: settled ones behind it are acknowledged singly. */
  ackGapMsMax: 50,
  /** Commands an actor decides into one commit. */
  actorBatchMax: 500,
  /** Commands in one commit call. 500 to 1,000 is where the bare loop stops gaining. */
  commitCommandsMax: 1000,
  /** Times a failing single command is tried before it is a dead letter (SQLSTATE classes 22 and 23). */
  commitRefusedMax: 2,
  /** Known cards and originals an actor remembers. */
  actorCardsMax: 64,
  /** Restarts of one account's actor within `restartWindowMs` before the account is quarantined. */
  actorRestartsMax: 3,
  restartWindowMs: 60_000,
  /** Backoff of a failed hydration. */
  hydrateBackoffMsMin: 50,
  hydrateBackoffMsMax: 5_000,
  /** Ids in one loader query. */
  loaderBatchMax: 1000,
  /** Balances in one cache script call. */
  cacheBatchMax: 500,
  /** Outbox rows of a dead incarnation are taken over when they are this old. */
  outboxTakeoverAgeMs: 2_000,
  /** A cache write counts as safe this long after Redis confirmed it (appendfsync everysec). */
  cacheDurableMs: 1_100,
  /** Refusal issues reported per message. */
  refusalIssuesMax: 20,
  shardCount: 256,
} as const;

export type Limits = Readonly<Record<keyof typeof BOUNDS, number>>;

export const LIMITS: Limits = Object.freeze(BOUNDS);

/** Throws when two bounds contradict each other. */
export function assertLimits(): void {
  const relations: readonly (readonly [boolean, string])[] = [
    [LIMITS.actorBatchMax <= LIMITS.commitCommandsMax, 'actorBatchMax must fit into one commit'],
    [LIMITS.hydrateBackoffMsMin < LIMITS.hydrateBackoffMsMax, 'hydrate backoff must grow'],
    [LIMITS.outboxTakeoverAgeMs > LIMITS.cacheDurableMs, 'a live outbox row must not look abandoned'],
    [LIMITS.bodyBytesMax <= LIMITS.inFlightBytesMax, 'one body must fit into the window'],
  ];
  for (const [holds, rule] of relations) if (!holds) throw new Error(`limits contradict each other: ${rule}`);
}
