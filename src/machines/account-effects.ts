import type { AccountState, OriginalFact } from '../domain/account.ts';
import type { DecideOptions } from '../domain/decide.ts';
import type { AccountHistory } from '../domain/rules/history.ts';
import type { RuleSet } from '../domain/rules/rule-set.ts';
import type { OperatorResult, Settlement } from '../domain/settlement.ts';
import type { AccountChange, HydratedAccount } from '../ports/ledger.ts';
import type { AccountOrder } from '../ports/operator-ledger.ts';
import type { Envelope } from './envelope.ts';
import type { BalanceEnvelope, Mailbox } from './mailbox.ts';

/** Why an account's actor ended. A closed list: every stop has one of these. */
export const STOP_REASONS = ['idle', 'unknown', 'fenced', 'crashed', 'stopped', 'shutdown'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** The account and the epoch under which its shard is ours. */
export interface AccountPlace {
  readonly accountId: string;
  readonly shard: number;
  readonly epoch: bigint;
}

export interface AccountRules extends DecideOptions {
  /** How long a refund waits for an original that nobody has seen. */
  readonly refundWaitMs: number;
}

/** What a run cannot be decided without and the account does not know. */
export interface FactNeeds {
  readonly cardIds: readonly string[];
  readonly originalIds: readonly string[];
}

/**
 * What the statechart may do to the outside. Nothing here answers: each of the first six reports back by the event
 * named beside it, exactly once, and at most one of them is under way at a time.
 */
export interface AccountEffects {
  /** Reads the account → `hydrated` or `hydration.failed`. */
  hydrate(): void;
  /** Reads cards and originals → `facts.loaded` or `facts.failed`. */
  load(needs: FactNeeds): void;
  /** Puts a change on the commit lane → one of the `change.…` events. */
  propose(change: AccountChange): void;
  /** Has an operator's order written → one of the `order.…` events. */
  order(order: AccountOrder): void;
  /** Takes the oldest parked commands out of the ledger → `parked.taken` or `parked.failed`. */
  takeParked(): void;
  /** Waits, longer with each attempt (1 = first) → `pause.over`. */
  pause(attempt: number): void;
  /** Hands a balance request over, with the state as it is committed; whoever takes it settles it. */
  answerBalance(request: BalanceEnvelope, state: AccountState): void;
  /** The account has come to its end; what is unanswered is still in the mailbox. */
  end(reason: StopReason): void;
  /** Milliseconds since the epoch. */
  now(): number;
  /** The rule set that is in force at this moment; null: none. */
  ruleSet(): RuleSet | null;
}

export interface AccountInput {
  readonly place: AccountPlace;
  readonly rules: AccountRules;
  readonly mailbox: Mailbox;
  readonly effects: AccountEffects;
}

export type AccountEvent =
  /** Something waits in the mailbox. Said once for all that arrive while nobody has taken them. */
  | { readonly type: 'command.arrived' }
  /** Please stop, if there is nothing to do. */
  | { readonly type: 'passivate' }
  /** Stop now; finish nothing. */
  | { readonly type: 'stop'; readonly reason: 'stopped' | 'fenced' | 'shutdown' }
  /** The ledger holds it as quarantined from now on. */
  | { readonly type: 'quarantine'; readonly reason: string }
  /** `state` null: no such account. */
  | { readonly type: 'hydrated'; readonly state: HydratedAccount | null; readonly history: AccountHistory }
  | { readonly type: 'hydration.failed'; readonly error: unknown }
  | {
      readonly type: 'facts.loaded';
      readonly cards: ReadonlyMap<string, string | null>;
      readonly originals: ReadonlyMap<string, OriginalFact>;
    }
  | { readonly type: 'facts.failed'; readonly error: unknown }
  | { readonly type: 'pause.over' }
  /** The ledger has parked commands of this account, perhaps some that are known here. */
  | { readonly type: 'parked.seen' }
  /** In order; none: there are no more. */
  | { readonly type: 'parked.taken'; readonly envelopes: readonly Envelope[] }
  | { readonly type: 'parked.failed'; readonly error: unknown }
  | { readonly type: 'change.committed'; readonly change: AccountChange }
  /** One per command of the run; null: decide it again. */
  | { readonly type: 'change.leftOut'; readonly settlements: readonly (Settlement | null)[] }
  | { readonly type: 'change.stale' }
  | { readonly type: 'change.fenced' }
  | { readonly type: 'change.refused'; readonly detail: string }
  | { readonly type: 'change.busy' }
  | { readonly type: 'change.unknown' }
  /** `state`: the account as it is now. */
  | { readonly type: 'order.ended'; readonly result: OperatorResult; readonly state: AccountState }
  /** The account is not as it was judged, or nobody knows what became of the order. */
  | { readonly type: 'order.stale' }
  | { readonly type: 'order.busy' }
  | { readonly type: 'order.fenced' };
