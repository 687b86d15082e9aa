import { TRANSACTION_TYPES } from '../contracts/command.ts';
import type { TransactionType } from '../contracts/command.ts';
import { EVENT_SCHEMA_VERSION } from '../contracts/events.ts';
import type { BuiltEvent } from '../contracts/events.ts';
import type { Outcome } from './codes.ts';
import { eventId } from './event-id.ts';

/** What is told of a journal row. */
export interface ToldDecision {
  readonly seq: bigint;
  readonly transactionId: string;
  /** As in the journal: other types than transactions' are operators' orders that move no money. */
  readonly type: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly requestedCents: bigint;
  readonly amountCents: bigint;
  readonly balanceAfterCents: bigint;
  readonly cardId: string | null;
  readonly originalId: string | null;
  readonly flags: readonly string[];
  readonly rulesVersion: number | null;
  /** Where it was traced, for whoever hears of it. The journal does not keep it. */
  readonly traceparent?: string;
}

/** An account's part of a commit: the same whether the node that committed it remembers it or another one reads it. */
export interface ToldAccount {
  readonly accountId: string;
  /** RFC 3339, microseconds, UTC. */
  readonly decidedAt: string;
  /** In order of seq, at least one. */
  readonly decisions: readonly ToldDecision[];
}

/**
 * The events of an account's part of a commit, in order: each decision, what rules said of it, and at the end the balance, once,
 * if any of them moved it. Nothing but the journal rows goes into them, so they can be built again from there.
 */
export function eventsOf({ accountId, decidedAt, decisions }: ToldAccount): readonly BuiltEvent[] {
  const events: BuiltEvent[] = [];
  let moved: ToldDecision | null = null;
  for (const decision of decisions) {
    if (isTransaction(decision.type))
      events.push(decisionEvent(accountId, decidedAt, decision, decision.type));
    const flags = decision.flags.filter((flag) => !flag.startsWith('shadow:'));
    if (flags.length > 0) events.push(flaggedEvent(accountId, decidedAt, decision, flags));
    if (decision.amountCents !== 0n) moved = decision;
  }
  const last = decisions.at(-1);
  if (moved !== null && last !== undefined) events.push(balanceEvent(accountId, decidedAt, last));
  return events;
}

const TYPES: ReadonlySet<string> = new Set(TRANSACTION_TYPES);

function isTransaction(type: string): type is TransactionType {
  return TYPES.has(type);
}

function decisionEvent(
  accountId: string,
  time: string,
  decision: ToldDecision,
  transactionType: TransactionType,
): BuiltEvent {
  const { seq, outcome } = decision;
  const type = outcome === 'APPROVED' ? 'transaction.approved' : 'transaction.rejected';
  const facts = {
    id: eventId(`${type} ${accountId} ${seq}`),
    schema_version: EVENT_SCHEMA_VERSION,
    time,
    account_id: accountId,
    seq,
    transaction_id: decision.transactionId,
    transaction_type: transactionType,
    amount_cents: decision.requestedCents,
    balance_cents: decision.balanceAfterCents,
    card_id: decision.cardId,
    original_id: decision.originalId,
  } as const;
  return outcome === 'APPROVED'
    ? { type: 'transaction.approved', ...facts, effect_cents: decision.amountCents }
    : { type: 'transaction.rejected', ...facts, reason: decision.reason ?? '' };
}

function flaggedEvent(
  accountId: string,
  time: string,
  decision: ToldDecision,
  flags: readonly string[],
): BuiltEvent {
  return {
    type: 'risk.flagged',
    id: eventId(`risk.flagged ${accountId} ${decision.seq}`),
    schema_version: EVENT_SCHEMA_VERSION,
    time,
    account_id: accountId,
    seq: decision.seq,
    transaction_id: decision.transactionId,
    outcome: decision.outcome,
    flags: [...flags],
    rules_version: decision.rulesVersion,
  };
}

function balanceEvent(accountId: string, time: string, { seq, balanceAfterCents }: ToldDecision): BuiltEvent {
  return {
    type: 'balance.updated',
    id: eventId(`balance.updated ${accountId} ${seq}`),
    schema_version: EVENT_SCHEMA_VERSION,
    time,
    account_id: accountId,
    seq,
    balance_cents: balanceAfterCents,
  };
}
