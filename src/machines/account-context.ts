import type { AccountState } from '../domain/account.ts';
import type { AccountHistory } from '../domain/rules/history.ts';
import type { AccountEffects, AccountPlace, AccountRules, StopReason } from './account-effects.ts';
import type { Mailbox } from './mailbox.ts';
import type { KnownFacts } from './run-facts.ts';

/** What the statechart of an account remembers. Everything but the mailbox is replaced, never changed. */
export interface AccountContext {
  readonly place: AccountPlace;
  readonly rules: AccountRules;
  readonly mailbox: Mailbox;
  readonly effects: AccountEffects;
  /** null until the first hydration. */
  readonly state: AccountState | null;
  /** What rules may want to know of the account's past, as of `state`. */
  readonly history: AccountHistory;
  /** `left`: the ledger may have parked commands that are not in the mailbox. */
  readonly parked: 'none' | 'left';
  readonly known: KnownFacts;
  /** How many waited when the account was asked for: only for those does "no such account" hold. */
  readonly askedFor: number;
  /** Reads that failed in a row. */
  readonly loadFailures: number;
  /** Tries in a row that ended no command. */
  readonly setbacks: number;
  /** Commands that are to be decided one by one, because a run with them got nowhere. */
  readonly aloneLeft: number;
  /** Times the command at the head was refused alone. */
  readonly refusals: number;
  /** The ledger has a quarantine that was not read yet. */
  readonly quarantine: 'unread' | null;
  readonly parkReason: string;
  readonly stopReason: StopReason;
}

/**
 * The context after an `assign`. Field by field, in the order in which the chart begins it, so that all contexts have one hidden class:
 * spread, each copy had another one, the engine gave up on them, and a command and its commit took 11 us instead of 4.
 */
export function contextWith(before: AccountContext, changes: Partial<AccountContext>): AccountContext {
  return {
    place: changes.place === undefined ? before.place : changes.place,
    rules: changes.rules === undefined ? before.rules : changes.rules,
    mailbox: changes.mailbox === undefined ? before.mailbox : changes.mailbox,
    effects: changes.effects === undefined ? before.effects : changes.effects,
    state: changes.state === undefined ? before.state : changes.state,
    history: changes.history === undefined ? before.history : changes.history,
    parked: changes.parked === undefined ? before.parked : changes.parked,
    known: changes.known === undefined ? before.known : changes.known,
    askedFor: changes.askedFor === undefined ? before.askedFor : changes.askedFor,
    loadFailures: changes.loadFailures === undefined ? before.loadFailures : changes.loadFailures,
    setbacks: changes.setbacks === undefined ? before.setbacks : changes.setbacks,
    aloneLeft: changes.aloneLeft === undefined ? before.aloneLeft : changes.aloneLeft,
    refusals: changes.refusals === undefined ? before.refusals : changes.refusals,
    quarantine: changes.quarantine === undefined ? before.quarantine : changes.quarantine,
    parkReason: changes.parkReason === undefined ? before.parkReason : changes.parkReason,
    stopReason: changes.stopReason === undefined ? before.stopReason : changes.stopReason,
  };
}
