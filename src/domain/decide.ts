import type { TransactionCommand } from '../contracts/command.ts';
import type { AccountState, Decision, Facts, OriginalFact } from './account.ts';
import type { DeferralCode } from './codes.ts';
import { eventTimeOf } from './event-time.ts';
import type { EventTime } from './event-time.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judge.ts';
import { noHistory, RecentDecisions } from './rules/history.ts';
import type { AccountHistory } from './rules/history.ts';
import type { RuleFinding, RuleSet } from './rules/rule-set.ts';

/**
 * Decides a run of one account's commands, in order.
 *
 * D1. Pure: the same state, requests, facts, options and rules give the same verdicts.
 * D2. A run may be split anywhere: deciding its parts one after the other gives the same decisions, since every
 *     decision changes the account, its history and the originals that later ones see.
 * D3. Sequence numbers count up from the account's without gaps, and event times never go down. A deferred command takes none
 *     and changes nothing.
 * D4. Rules are asked last, and only about what would be approved.
 */

export interface DecideRequest {
  readonly command: TransactionCommand;
  /** The command has waited long enough for an original that nobody has seen. */
  readonly originalWaitOver: boolean;
  /** When it first reached us, milliseconds since the epoch. */
  readonly receivedAtMs: number;
}

export interface DecideOptions {
  /** `original`: a refund in live shape is worth what is left of its original, whatever the message says. */
  readonly refundAmount: 'message' | 'original';
}

export interface RulesAndHistory {
  /** null: none is in force. */
  readonly ruleSet: RuleSet | null;
  /** Complete enough for the rule set. */
  readonly history: AccountHistory;
}

const NO_PAST = noHistory(-Infinity);
const NO_RULES: RulesAndHistory = { ruleSet: null, history: NO_PAST };
const NO_FINDING: RuleFinding = { flags: [], isRefused: false };

export type Verdict =
  | { readonly kind: 'decided'; readonly decision: Decision }
  | { readonly kind: 'deferred'; readonly code: DeferralCode };

/**
 * One verdict per request, in order. `facts` must hold the card of every command that has one and the original of every
 * refund that names one, unless that is decided earlier in the same run. Throws where a fact is missing or the account
 * is quarantined: both are mistakes of the caller.
 */
export function decideRun(
  state: AccountState,
  requests: readonly DecideRequest[],
  facts: Facts,
  options: DecideOptions,
  rules: RulesAndHistory = NO_RULES,
): readonly Verdict[] {
  const run = new Run(state, facts, options, rules);
  const last = requests.length - 1;
  return requests.map((request, index) => run.decide(request, index === last));
}

type Judged = Exclude<Judgement, { kind: 'deferred' }>;

interface Surroundings {
  readonly cardOwner: string | null | undefined;
  readonly original: OriginalFact | null;
  readonly eventTime: EventTime;
  readonly finding: RuleFinding;
}

/** The account and the originals as they are after the decisions so far. */
class Run {
  readonly #facts: Facts;
  readonly #options: DecideOptions;
  /** What this run has changed of `facts.originals`; null: nothing that anybody could ask for. */
  #originals: Map<string, OriginalFact> | null = null;
  readonly #ruleSet: RuleSet | null;
  /** null where no rule looks back. */
  readonly #past: RecentDecisions | null;
  #account: AccountState;
  #lastEventMs: number;

  constructor(
    account: AccountState,
    facts: Facts,
    options: DecideOptions,
    { ruleSet, history }: RulesAndHistory,
  ) {
    const needs = ruleSet?.needs ?? null;
    this.#account = account;
    this.#facts = facts;
    this.#options = options;
    this.#ruleSet = ruleSet;
    this.#past = needs === null ? null : new RecentDecisions(history, needs);
    this.#lastEventMs = history.lastEventMs;
  }

  /** Nobody asks for what the last one changes, and most runs have but one: half a kilobyte a command. */
  decide({ command, originalWaitOver, receivedAtMs }: DecideRequest, isLast: boolean): Verdict {
    const cardOwner = this.#cardOwner(command);
    const original = this.#original(command);
    const { refundAmount } = this.#options;
    const judgement = judge(this.#account, command, { cardOwner, original, originalWaitOver, refundAmount });
    if (judgement.kind === 'deferred') return { kind: 'deferred', code: 'ORIGINAL_UNDECIDED' };
    const eventTime = eventTimeOf(command, receivedAtMs, this.#lastEventMs);
    const finding = this.#askRules(command, judgement, eventTime);
    const decision = this.#decision(command, ruled(judgement, finding), {
      cardOwner,
      original,
      eventTime,
      finding,
    });
    if (!isLast) this.#remember(decision, original);
    return { kind: 'decided', decision };
  }

  #askRules(command: TransactionCommand, judgement: Judged, { atMs }: EventTime): RuleFinding {
    if (this.#ruleSet === null || judgement.kind !== 'approved') return NO_FINDING;
    const { accountId, type, cardId } = command;
    const { requestedCents: cents, amountCents } = judgement;
    const isCredit = amountCents > 0n;
    return this.#ruleSet.ask({ atMs, accountId, type, cents, isCredit, cardId }, this.#past ?? NO_PAST);
  }

  #decision(
    command: TransactionCommand,
    judgement: Judged,
    { cardOwner, original, eventTime, finding }: Surroundings,
  ): Decision {
    const approved = judgement.kind === 'approved';
    const amountCents = approved ? judgement.amountCents : 0n;
    return {
      command,
      seq: this.#account.seq + 1n,
      eventTime,
      outcome: approved ? 'APPROVED' : 'REJECTED',
      reason: approved ? null : judgement.reason,
      requestedCents: judgement.requestedCents,
      amountCents,
      balanceAfterCents: this.#account.balanceCents + amountCents,
      rowCardId: cardOwner === null ? null : command.cardId,
      rowOriginalId: original?.hasRow === true ? original.transactionId : null,
      cardTotal: approved ? cardTotalOf(command, original, amountCents) : null,
      flags: finding.flags,
    };
  }

  #remember(decision: Decision, original: OriginalFact | null): void {
    const { command, outcome, requestedCents, seq, balanceAfterCents, eventTime } = decision;
    this.#account = { ...this.#account, seq, balanceCents: balanceAfterCents };
    this.#lastEventMs = eventTime.atMs;
    this.#past?.add(decision);
    this.#originals ??= new Map();
    this.#originals.set(command.transactionId, {
      transactionId: command.transactionId,
      status: outcome,
      accountId: command.accountId,
      type: command.type,
      amountCents: requestedCents,
      cardId: command.cardId,
      refundedCents: 0n,
      hasRow: true,
    });
    if (original === null || outcome === 'REJECTED') return;
    const refundedCents = original.refundedCents + requestedCents;
    this.#originals.set(original.transactionId, { ...original, refundedCents });
  }

  #cardOwner({ cardId, transactionId }: TransactionCommand): string | null | undefined {
    if (cardId === null) return undefined;
    const owner = this.#facts.cards.get(cardId);
    if (owner === undefined) throw new Error(`card of transaction ${transactionId} was not loaded`);
    return owner;
  }

  #original({ type, originalId, transactionId }: TransactionCommand): OriginalFact | null {
    if (type !== 'REFUND' || originalId === null) return null;
    const original = this.#originals?.get(originalId) ?? this.#facts.originals.get(originalId);
    if (original === undefined) throw new Error(`original of refund ${transactionId} was not loaded`);
    return original;
  }
}

/** The last test. */
function ruled(judgement: Judged, { isRefused }: RuleFinding): Judged {
  if (!isRefused) return judgement;
  return { kind: 'rejected', requestedCents: judgement.requestedCents, reason: 'RULE_REFUSED' };
}

/** A purchase or charge adds to its card's total, a refund takes from the total of its original's card; money paid in has no part in it. */
function cardTotalOf(
  command: TransactionCommand,
  original: OriginalFact | null,
  amountCents: bigint,
): Decision['cardTotal'] {
  const payment = original ?? command;
  if (payment.type === 'DEPOSIT' || payment.cardId === null) return null;
  return { cardId: payment.cardId, deltaCents: -amountCents };
}
