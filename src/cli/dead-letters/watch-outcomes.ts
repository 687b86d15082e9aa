import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { SentLetter } from '../../infra/postgres/letter-ledger.ts';
import { readOutcomes } from '../../infra/postgres/letter-outcomes.ts';
import type { LetterOutcome } from '../../infra/postgres/letter-outcomes.ts';
import { LIMITS } from '../../limits.ts';

export interface WatchOptions {
  readonly waitMs: number;
  readonly onProgress: (settled: number, total: number) => void;
}

/** What has become of each message by the end of the wait, by the id of its letter; sooner where all have come to an end. */
export async function watchOutcomes(
  pool: pg.Pool,
  sent: readonly SentLetter[],
  { waitMs, onProgress }: WatchOptions,
): Promise<ReadonlyMap<bigint, LetterOutcome>> {
  const outcomes = new Map<bigint, LetterOutcome>();
  const beganAtMs = performance.now();
  let open = sent;
  for (;;) {
    const watchedMs = performance.now() - beganAtMs;
    const look: Look = { graceIsOver: watchedMs >= LIMITS.letterGraceMs, leftMs: waitMs - watchedMs };
    const stillOpen: SentLetter[] = [];
    for (let from = 0; from < open.length; from += LIMITS.letterOutcomesMax) {
      const portion = open.slice(from, from + LIMITS.letterOutcomesMax);
      const read = await readOutcomes(pool, portion);
      for (const [index, letter] of portion.entries()) {
        const outcome = read[index] ?? { kind: 'pending' };
        outcomes.set(letter.letterId, outcome);
        if (!isEnd(outcome, letter, look)) stillOpen.push(letter);
      }
    }
    open = stillOpen;
    onProgress(sent.length - open.length, sent.length);
    if (open.length === 0 || performance.now() - beganAtMs >= waitMs) return outcomes;
    await sleep(LIMITS.letterPollMs);
  }
}

interface Look {
  readonly graceIsOver: boolean;
  /** Of the wait. */
  readonly leftMs: number;
}

/** What may still change soon, or may still turn out to have been given up again, is looked at once more. */
function isEnd(outcome: LetterOutcome, letter: SentLetter, { graceIsOver, leftMs }: Look): boolean {
  switch (outcome.kind) {
    case 'dead-letter':
    case 'parked':
      return true;
    case 'decided':
      return !outcome.before || graceIsOver;
    case 'retry':
      return Date.parse(outcome.dueAt) > Date.now() + leftMs;
    case 'pending':
      // A balance request leaves nothing behind where it was answered.
      return letter.queue !== 'retry_queue' && graceIsOver;
  }
}
