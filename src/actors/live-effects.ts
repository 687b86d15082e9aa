import type { AccountState, OriginalFact } from '../domain/account.ts';
import { retryDelayMs } from '../domain/retry-policy.ts';
import { noHistory } from '../domain/rules/history.ts';
import type { AccountHistory } from '../domain/rules/history.ts';
import type { RuleSet } from '../domain/rules/rule-set.ts';
import { LIMITS } from '../limits.ts';
import type {
  AccountEffects,
  AccountEvent,
  AccountRules,
  FactNeeds,
  StopReason,
} from '../machines/account-effects.ts';
import type { BalanceEnvelope } from '../machines/mailbox.ts';
import { foundSettlements } from '../machines/run-decision.ts';
import type { AccountChange, CommitFailure, HydratedAccount } from '../ports/ledger.ts';
import type { AccountOrder } from '../ports/operator-ledger.ts';
import type { AccountActor } from './account-actor.ts';
import type { ProposalResult } from './commit-lane.ts';
import type { OrderResult } from './order-lane.ts';

/**
 * The effects of a live account: reads through the reader, waits by the clock, commits through the parent.
 * Owns what is under way: a timer or a proposal.
 */
export class LiveEffects implements AccountEffects {
  readonly #account: AccountActor;
  #proposed: AccountChange | null = null;
  #cancelPause: (() => void) | null = null;

  constructor(account: AccountActor) {
    this.#account = account;
  }

  hydrate(): void {
    void this.#hydrate();
  }

  load(needs: FactNeeds): void {
    void this.#load(needs);
  }

  propose(change: AccountChange): void {
    this.#proposed = change;
    this.#account.surroundings.parent.commit(this.#account, change, this.#answered);
  }

  order(order: AccountOrder): void {
    this.#account.surroundings.parent.order(this.#account, order, (result) => {
      this.#account.tell(orderEventOf(result, order));
    });
  }

  takeParked(): void {
    void this.#takeParked();
  }

  pause(attempt: number): void {
    const { clock, random } = this.#account.surroundings;
    const delayMs = retryDelayMs(attempt, LIMITS.hydrateBackoffMsMin, random);
    this.#cancelPause = clock.after(Math.min(delayMs, LIMITS.hydrateBackoffMsMax), () => {
      this.#cancelPause = null;
      this.#account.tell({ type: 'pause.over' });
    });
  }

  answerBalance(request: BalanceEnvelope, state: AccountState): void {
    this.#account.surroundings.parent.answerBalance(request, state);
  }

  end(reason: StopReason): void {
    this.#account.finish(reason);
  }

  now(): number {
    return this.#account.surroundings.clock.now();
  }

  ruleSet(): RuleSet | null {
    return this.#account.surroundings.ruleSet();
  }

  /** Lets go of the timer. */
  dispose(): void {
    this.#cancelPause?.();
    this.#cancelPause = null;
  }

  readonly #answered = (result: ProposalResult): void => {
    const change = this.#proposed;
    this.#proposed = null;
    if (change === null)
      throw new Error(`account ${this.#account.accountId} was answered without a proposal`);
    this.#account.tell(eventOf(result, change, this.#account.surroundings.rules));
  };

  async #hydrate(): Promise<void> {
    const { surroundings, accountId } = this.#account;
    try {
      const parking = surroundings.parked.whenParked(accountId);
      if (parking !== null) await parking;
      const state = await surroundings.reader.account(accountId);
      this.#account.tell({ type: 'hydrated', state, history: await this.#historyOf(state) });
    } catch (error) {
      this.#account.tell({ type: 'hydration.failed', error });
    }
  }

  /** As of the row that `state` is of: what is written meanwhile is another owner's, and refuses our commit. */
  async #historyOf(state: HydratedAccount | null): Promise<AccountHistory> {
    if (state === null) return noHistory(-Infinity);
    const { accountId, seq, lastEventMs } = state;
    const needs = this.ruleSet()?.needs ?? null;
    if (needs === null) return noHistory(lastEventMs);
    const past = await this.#account.surroundings.reader.history({ accountId, seq, needs });
    return { lastEventMs, kept: needs, ...past };
  }

  async #takeParked(): Promise<void> {
    const { surroundings, accountId } = this.#account;
    try {
      const envelopes = await surroundings.parked.take(accountId);
      // Nobody is there any more to take them.
      if (this.#account.ended !== null) for (const envelope of envelopes) envelope.giveBack('stopped');
      else this.#account.tell({ type: 'parked.taken', envelopes });
    } catch (error) {
      this.#account.tell({ type: 'parked.failed', error });
    }
  }

  async #load({ cardIds, originalIds }: FactNeeds): Promise<void> {
    const { reader } = this.#account.surroundings;
    try {
      const [owners, facts] = await Promise.all([
        Promise.all(cardIds.map((id) => reader.cardOwner(id))),
        Promise.all(originalIds.map((id) => reader.original(id))),
      ]);
      const cards = new Map(cardIds.map((id, index) => [id, owners[index] ?? null]));
      const originals = new Map<string, OriginalFact>(facts.map((fact) => [fact.transactionId, fact]));
      this.#account.tell({ type: 'facts.loaded', cards, originals });
    } catch (error) {
      this.#account.tell({ type: 'facts.failed', error });
    }
  }
}

function eventOf(result: ProposalResult, change: AccountChange, rules: AccountRules): AccountEvent {
  switch (result.kind) {
    case 'committed':
      return { type: 'change.committed', change };
    case 'left-out':
      return { type: 'change.leftOut', settlements: foundSettlements(change, result.findings, rules) };
    case 'stale':
      return { type: 'change.stale' };
    case 'fenced':
      return { type: 'change.fenced' };
    case 'failed':
      return failureEventOf(result.failure.kind, result.failure.message);
  }
}

function orderEventOf(answer: OrderResult, order: AccountOrder): AccountEvent {
  switch (answer.kind) {
    case 'ended':
      return { type: 'order.ended', result: answer.result, state: answer.state };
    case 'stale':
      return { type: 'order.stale' };
    case 'fenced':
      return { type: 'order.fenced' };
    case 'failed':
      return orderFailureOf(answer.failure, order);
  }
}

function orderFailureOf({ kind, message }: CommitFailure, { state }: AccountOrder): AccountEvent {
  switch (kind) {
    case 'refused': {
      const detail = `the database refused it: ${message}`;
      return { type: 'order.ended', result: { kind: 'refused', detail }, state };
    }
    case 'busy':
      return { type: 'order.busy' };
    case 'unknown':
      return { type: 'order.stale' };
  }
}

function failureEventOf(kind: 'refused' | 'busy' | 'unknown', detail: string): AccountEvent {
  switch (kind) {
    case 'refused':
      return { type: 'change.refused', detail };
    case 'busy':
      return { type: 'change.busy' };
    case 'unknown':
      return { type: 'change.unknown' };
  }
}
