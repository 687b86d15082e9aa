import { TRANSACTION_TYPES } from '../contracts/command.ts';
import { EVENT_SCHEMA_VERSION, writeEvent } from '../contracts/events.ts';
import type { WrittenEvent } from '../contracts/events.ts';
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
 * if any of them moved it. Nothing but the journal rows goes into them, so they can be written again from there.
 *
 * The two that every approved transaction has are written field by field: half of what `writeEvent` takes, and a third of the garbage.
 * What stands in them is ours or was checked (UUIDs, integers, codes, times): nothing needs escaping. As templates they are ropes,
 * three times as large as their text, which is made once, with the message they go into: not to be kept.
 */
export function eventsOf({ accountId, decidedAt, decisions }: ToldAccount): readonly WrittenEvent[] {
  const events: WrittenEvent[] = [];
  const head = `"schema_version":${EVENT_SCHEMA_VERSION},"time":"${decidedAt}","account_id":"${accountId}"`;
  let moves = false;
  for (const decision of decisions) {
    if (isTransaction(decision.type)) events.push(decisionEvent(accountId, head, decision));
    const flags = decision.flags.filter((flag) => !flag.startsWith('shadow:'));
    if (flags.length > 0) events.push(flaggedEvent(accountId, decidedAt, decision, flags));
    moves ||= decision.amountCents !== 0n;
  }
  const last = decisions.at(-1);
  if (moves && last !== undefined) events.push(balanceEvent(accountId, head, last));
  return events;
}

const TYPES: ReadonlySet<string> = new Set(TRANSACTION_TYPES);

function isTransaction(type: string): boolean {
  return TYPES.has(type);
}

function decisionEvent(accountId: string, head: string, decision: ToldDecision): WrittenEvent {
  const { seq, outcome, reason, transactionId, cardId, originalId } = decision;
  const isApproved = outcome === 'APPROVED';
  const type = isApproved ? 'transaction.approved' : 'transaction.rejected';
  const id = eventId(`${type} ${accountId} ${seq}`);
  const end = isApproved ? `,"effect_cents":${decision.amountCents}}` : `,"reason":"${reason}"}`;
  const json =
    `{"type":"${type}","id":"${id}",${head},"seq":${seq}` +
    `,"transaction_id":"${transactionId}","transaction_type":"${decision.type}"` +
    `,"amount_cents":${decision.requestedCents},"balance_cents":${decision.balanceAfterCents}` +
    `,"card_id":${idJson(cardId)},"original_id":${idJson(originalId)}${end}`;
  return traced({ id, type, json }, decision);
}

function balanceEvent(accountId: string, head: string, last: ToldDecision): WrittenEvent {
  const { seq, balanceAfterCents } = last;
  const id = eventId(`balance.updated ${accountId} ${seq}`);
  const json = `{"type":"balance.updated","id":"${id}",${head},"seq":${seq},"balance_cents":${balanceAfterCents}}`;
  return traced({ id, type: 'balance.updated', json }, last);
}

function flaggedEvent(
  accountId: string,
  time: string,
  decision: ToldDecision,
  flags: readonly string[],
): WrittenEvent {
  const event = writeEvent({
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
  });
  return traced(event, decision);
}

function idJson(id: string | null): string {
  return id === null ? 'null' : `"${id}"`;
}

function traced(event: WrittenEvent, { traceparent }: ToldDecision): WrittenEvent {
  return traceparent === undefined ? event : { ...event, traceparent };
}
