import type { Rule } from '../../contracts/rule-set.ts';
import type { TransactionType } from '../../contracts/command.ts';
import type { PastDecision, PastDecisions } from './history.ts';

/** A transaction that has passed every other test, as rules see it. */
export interface Candidate {
  /** Event time, milliseconds since the epoch. */
  readonly atMs: number;
  readonly accountId: string;
  readonly type: TransactionType;
  /** What is to be moved; positive. */
  readonly cents: bigint;
  /** Whether the account is paid by it. */
  readonly isCredit: boolean;
  readonly cardId: string | null;
}

/** What one rule asks. Pure: the same candidate and the same past give the same answer. */
export interface RuleTest {
  /** How far back it looks; 0: not at all. */
  readonly windowMs: number;
  readonly looksAtRejected: boolean;
  /** Whether the rule has something against the candidate. `past`: what was decided before it. */
  matches(candidate: Candidate, past: PastDecisions): boolean;
}

/** Whether a past decision is one of those that a rule counts for the candidate. */
export type Counts = (past: PastDecision) => boolean;

type Scoped = Pick<Rule, 'accounts' | 'cards'> & {
  readonly types?: readonly TransactionType[] | undefined;
  readonly per?: 'account' | 'card';
};

const DEBITS: readonly TransactionType[] = ['PURCHASE', 'CHARGE'];

/** What a rule is about: types (purchases and charges unless it says otherwise), accounts, cards, the account or one card of it. */
export class Scope {
  readonly #types: Readonly<Record<string, true>>;
  readonly #accounts: ReadonlySet<string> | null;
  readonly #cards: ReadonlySet<string> | null;
  readonly #perCard: boolean;

  constructor({ types, accounts, cards, per }: Scoped) {
    this.#types = Object.fromEntries((types ?? DEBITS).map((type) => [type, true]));
    this.#accounts = accounts === undefined ? null : new Set(accounts);
    this.#cards = cards === undefined ? null : new Set(cards);
    this.#perCard = per === 'card';
  }

  includes({ accountId, type, cardId }: Candidate): boolean {
    return this.#types[type] === true && this.reaches(accountId, cardId);
  }

  /** The same whatever its type is. */
  reaches(accountId: string, cardId: string | null): boolean {
    if (this.#perCard && cardId === null) return false;
    return (this.#accounts === null || this.#accounts.has(accountId)) && this.#hasCard(cardId);
  }

  /** Which past decisions of the candidate's account count together with it. */
  countedWith(candidate: Candidate): Counts {
    return (past) => this.#types[past.type] === true && this.isBeside(candidate, past);
  }

  /** The same whatever the types are. */
  isBeside({ cardId }: Candidate, past: PastDecision): boolean {
    return this.#perCard ? past.cardId === cardId : this.#hasCard(past.cardId);
  }

  #hasCard(cardId: string | null): boolean {
    return this.#cards === null || (cardId !== null && this.#cards.has(cardId));
  }
}

/** How many of them happened after `afterMs`. Newest last. */
export function countAfter(decisions: readonly PastDecision[], afterMs: number, counts: Counts): number {
  let count = 0;
  for (let index = decisions.length - 1; index >= 0; index -= 1) {
    const past = decisions[index];
    if (past === undefined || past.atMs <= afterMs) break;
    if (counts(past)) count += 1;
  }
  return count;
}

/** What those of them that happened after `afterMs` add up to, in cents. Newest last. */
export function sumAfter(decisions: readonly PastDecision[], afterMs: number, counts: Counts): bigint {
  let cents = 0n;
  for (let index = decisions.length - 1; index >= 0; index -= 1) {
    const past = decisions[index];
    if (past === undefined || past.atMs <= afterMs) break;
    if (counts(past)) cents += past.cents;
  }
  return cents;
}
