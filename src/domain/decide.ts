import type { TransactionCommand } from '../contracts/command.ts';
import type { AccountState, Decision, Facts, OriginalFact } from './account.ts';
import type { DeferralCode } from './codes.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judge.ts';

/**
 * Decides a run of one account's commands, in order.
 *
 * D1. Pure: the same state, requests, facts and options give the same verdicts.
 * D2. A run may be split anywhere: deciding its parts one after the other gives the same decisions, since every
 *     decision changes the account and the originals that later ones see.
 * D3. Sequence numbers count up from the account's without gaps. A deferred command takes none and changes nothing.
 */

export interface DecideRequest {
  readonly command: TransactionCommand;
  /** The command has waited long enough for an original that nobody has seen. */
  readonly originalWaitOver: boolean;
}

export interface DecideOptions {
  /** `original`: a refund in live shape is worth what is left of its original, whatever the message says. */
  readonly refundAmount: 'message' | 'original';
}

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
): readonly Verdict[] {
  const run = new Run(state, facts, options);
  return requests.map((request) => run.decide(request));
}

/** The account and the originals as they are after the decisions so far. */
class Run {
  readonly #facts: Facts;
  readonly #options: DecideOptions;
  /** What this run has changed of `facts.originals`. */
  readonly #originals = new Map<string, OriginalFact>();
  #account: AccountState;

  constructor(account: AccountState, facts: Facts, options: DecideOptions) {
    this.#account = account;
    this.#facts = facts;
    this.#options = options;
  }

  decide({ command, originalWaitOver }: DecideRequest): Verdict {
    const cardOwner = this.#cardOwner(command);
    const original = this.#original(command);
    const { refundAmount } = this.#options;
    const judgement = judge(this.#account, command, { cardOwner, original, originalWaitOver, refundAmount });
    if (judgement.kind === 'deferred') return { kind: 'deferred', code: 'ORIGINAL_UNDECIDED' };
    const decision = this.#decision(command, judgement, cardOwner, original);
    this.#remember(decision, original);
    return { kind: 'decided', decision };
  }

  #decision(
    command: TransactionCommand,
    judgement: Exclude<Judgement, { kind: 'deferred' }>,
    cardOwner: string | null | undefined,
    original: OriginalFact | null,
  ): Decision {
    const approved = judgement.kind === 'approved';
    const amountCents = approved ? judgement.amountCents : 0n;
    return {
      command,
      seq: this.#account.seq + 1n,
      outcome: approved ? 'APPROVED' : 'REJECTED',
      reason: approved ? null : judgement.reason,
      requestedCents: judgement.requestedCents,
      amountCents,
      balanceAfterCents: this.#account.balanceCents + amountCents,
      rowCardId: cardOwner === null ? null : command.cardId,
      rowOriginalId: original?.hasRow === true ? original.transactionId : null,
      cardTotal: approved ? cardTotalOf(command, original, amountCents) : null,
    };
  }

  #remember(decision: Decision, original: OriginalFact | null): void {
    const { command, outcome, requestedCents, seq, balanceAfterCents } = decision;
    this.#account = { ...this.#account, seq, balanceCents: balanceAfterCents };
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
    const original = this.#originals.get(originalId) ?? this.#facts.originals.get(originalId);
    if (original === undefined) throw new Error(`original of refund ${transactionId} was not loaded`);
    return original;
  }
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
