export interface HorizonFacts {
  /** By the clock of the database, which dates the rows. */
  readonly nowMs: number;
  readonly ageMinMs: number;
  /** Messages ready in `transactions_queue`, read while we were its reader. */
  readonly queued: number;
  /** `created_at` of the live message that was taken out of the queue last; null: none was yet. */
  readonly newestDeliveredAt: string | null;
  /** How much later than its row's time a message may be in the queue than others of that time. */
  readonly skewMs: number;
}

/**
 * Rows created before this time have no message in the queue any more; null: nobody knows.
 *
 * While messages wait, only what is older than the one delivered last is certain to have been delivered or lost. The last one,
 * not the newest of all: a message with a time from the future, or an old one sent once more, is forgotten with the next.
 */
export function horizonMs({
  nowMs,
  ageMinMs,
  queued,
  newestDeliveredAt,
  skewMs,
}: HorizonFacts): number | null {
  const oldEnoughMs = nowMs - ageMinMs;
  if (queued === 0) return oldEnoughMs;
  const deliveredMs = newestDeliveredAt === null ? NaN : Date.parse(newestDeliveredAt);
  return Number.isNaN(deliveredMs) ? null : Math.min(oldEnoughMs, deliveredMs - skewMs);
}
