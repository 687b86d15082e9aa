import type { AccountActor } from '../actors/account-actor.ts';
import type { AccountNote, AccountSurvey } from '../contracts/console.ts';

/** How many accounts are named in a list. */
const NAMED_MAX = 8;
/** A command that waits longer than this is named as stuck. */
const STUCK_MS = 2_000;

type SurveyedActor = Pick<
  AccountActor,
  'accountId' | 'place' | 'at' | 'unansweredCount' | 'oldestReceivedAtMs'
>;

export interface MailboxTotals {
  readonly total: number;
  readonly max: number;
  /** Of the oldest unanswered command; 0: there is none. */
  readonly oldestMs: number;
}

/** Unanswered commands of these accounts. Some 50 ns an account. */
export function mailboxTotals(actors: Iterable<SurveyedActor>, nowMs: number): MailboxTotals {
  let total = 0;
  let max = 0;
  let oldestMs = 0;
  for (const actor of actors) {
    const unanswered = actor.unansweredCount;
    if (unanswered === 0) continue;
    total += unanswered;
    if (unanswered > max) max = unanswered;
    oldestMs = Math.max(oldestMs, nowMs - (actor.oldestReceivedAtMs ?? nowMs));
  }
  return { total, max, oldestMs };
}

/** How many of them are where. */
export function countByState(actors: Iterable<SurveyedActor>): ReadonlyMap<string, number> {
  const states = new Map<string, number>();
  for (const { at } of actors) states.set(at, (states.get(at) ?? 0) + 1);
  return states;
}

/** Which accounts are where, which have the most to do and which wait the longest. For whoever watches. */
export function surveyAccounts(actors: Iterable<SurveyedActor>, nowMs: number): AccountSurvey {
  const byShard = new Map<number, number>();
  const busy: AccountNote[] = [];
  for (const actor of actors) {
    byShard.set(actor.place.shard, (byShard.get(actor.place.shard) ?? 0) + 1);
    if (actor.unansweredCount > 0) busy.push(noteOf(actor, nowMs));
  }
  return {
    states: Object.fromEntries(countByState(actors)),
    byShard: [...byShard],
    hot: topBy(busy, ({ unanswered }) => unanswered),
    stuck: topBy(
      busy.filter(({ ageMs }) => ageMs > STUCK_MS),
      ({ ageMs }) => ageMs,
    ),
  };
}

export function noteOf(actor: SurveyedActor, nowMs: number): AccountNote {
  return {
    accountId: actor.accountId,
    at: actor.at,
    unanswered: actor.unansweredCount,
    ageMs: Math.max(0, nowMs - (actor.oldestReceivedAtMs ?? nowMs)),
  };
}

function topBy(
  notes: readonly AccountNote[],
  measure: (note: AccountNote) => number,
): readonly AccountNote[] {
  return [...notes].sort((a, b) => measure(b) - measure(a)).slice(0, NAMED_MAX);
}
