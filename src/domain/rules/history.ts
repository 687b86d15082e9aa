import type { TransactionType } from '../../contracts/command.ts';
import { RULE_LIMITS } from '../../contracts/rule-limits.ts';
import type { Decision } from '../account.ts';

/** A decision as rules see it afterwards. */
export interface PastDecision {
  /** Event time, milliseconds since the epoch. */
  readonly atMs: number;
  /** Of its journal row. */
  readonly seq: number;
  readonly type: TransactionType;
  /** What was asked for, and if it was approved what was moved; positive. */
  readonly cents: bigint;
  /** Whether the account was paid by it. Of a rejected one: false. */
  readonly isCredit: boolean;
  /** As the message had it. */
  readonly cardId: string | null;
}

/** What a rule set wants to be remembered of an account; null in the place of it: nothing. */
export interface HistoryNeeds {
  /** The longest of its windows. */
  readonly windowMs: number;
  /** Whether rejected transactions count for anything. */
  readonly rejected: boolean;
}

/** The recent decisions of an account, oldest first. */
export interface PastDecisions {
  readonly approved: readonly PastDecision[];
  readonly rejected: readonly PastDecision[];
}

export interface AccountHistory extends PastDecisions {
  /** Event time of the newest decision; -Infinity: there is none. */
  readonly lastEventMs: number;
  /** What is complete. */
  readonly kept: HistoryNeeds | null;
}

const NONE: readonly PastDecision[] = [];

/** Nothing is remembered but when the last decision's transaction happened. */
export function noHistory(lastEventMs: number): AccountHistory {
  return { lastEventMs, kept: null, approved: NONE, rejected: NONE };
}

/** Whether a history is complete enough for these needs. */
export function covers(kept: HistoryNeeds | null, needs: HistoryNeeds | null): boolean {
  if (needs === null) return true;
  return kept !== null && kept.windowMs >= needs.windowMs && (kept.rejected || !needs.rejected);
}

/**
 * The recent decisions of an account while more are made.
 *
 * H1. What is in it depends on the account's journal and on what is kept, on nothing else: of the rows whose event time is less than
 *     `windowMs` before the newest one's and whose seq is less than `historyWalkMax` below the newest one's, the newest
 *     `historyKeptMax` of each outcome. So reading the journal (`processor.read_histories`) gives what memory has.
 * H2. What operators order, and the opening row, are no events: they happen when they are decided.
 */
export class RecentDecisions implements PastDecisions {
  readonly approved: PastDecision[];
  readonly rejected: PastDecision[];
  readonly #kept: HistoryNeeds;
  #lastEventMs: number;

  constructor(history: AccountHistory, kept: HistoryNeeds) {
    this.approved = [...history.approved];
    this.rejected = kept.rejected ? [...history.rejected] : [];
    this.#kept = kept;
    this.#lastEventMs = history.lastEventMs;
  }

  add(decision: Decision): void {
    const past = pastOf(decision);
    this.#lastEventMs = past.atMs;
    if (decision.outcome === 'APPROVED') this.approved.push(past);
    else if (this.#kept.rejected) this.rejected.push(past);
    this.#forget(this.approved, past);
    this.#forget(this.rejected, past);
  }

  /** It must not be added to afterwards. */
  toHistory(): AccountHistory {
    const { approved, rejected } = this;
    return { lastEventMs: this.#lastEventMs, kept: this.#kept, approved, rejected };
  }

  /** H1 */
  #forget(decisions: PastDecision[], newest: PastDecision): void {
    const afterMs = newest.atMs - this.#kept.windowMs;
    const afterSeq = newest.seq - RULE_LIMITS.historyWalkMax;
    let count = Math.max(0, decisions.length - RULE_LIMITS.historyKeptMax);
    for (let oldest = decisions[count]; oldest !== undefined; oldest = decisions[count]) {
      if (oldest.atMs > afterMs && oldest.seq > afterSeq) break;
      count += 1;
    }
    if (count > 0) decisions.splice(0, count);
  }
}

/** The history after these decisions were committed. `needs`: of the rule set in force now; what is not complete for it stays so. */
export function historyAfter(
  history: AccountHistory,
  decisions: readonly Decision[],
  needs: HistoryNeeds | null,
): AccountHistory {
  const kept = covers(history.kept, needs) ? needs : history.kept;
  if (kept === null) return noHistory(decisions.at(-1)?.eventTime.atMs ?? history.lastEventMs);
  const recent = new RecentDecisions(history, kept);
  for (const decision of decisions) recent.add(decision);
  return recent.toHistory();
}

function pastOf({ command, seq, eventTime, requestedCents, amountCents }: Decision): PastDecision {
  return {
    atMs: eventTime.atMs,
    seq: Number(seq),
    type: command.type,
    cents: requestedCents,
    isCredit: amountCents > 0n,
    cardId: command.cardId,
  };
}
