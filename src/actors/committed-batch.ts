import type { ToldAccount, ToldDecision } from '../domain/told-account.ts';
import type { CachedBalance } from '../ports/balance-cache.ts';
import type { AccountChange, RoadDecision } from '../ports/ledger.ts';

/** What a commit leaves to do: balances to show, events to tell, and the outbox row that says so until it is done. */
export interface CommittedBatch {
  readonly outboxId: bigint;
  /** Of every account that was committed and of every card whose total changed. */
  readonly balances: readonly CachedBalance[];
  /** What events are made of; null: to be read from the ledger. */
  readonly told: readonly ToldAccount[] | null;
}

/** As it is after the change. */
export function balanceOf({ accountId, balanceCents, previousSeq, decisions }: AccountChange): CachedBalance {
  return {
    kind: 'account',
    id: accountId,
    cents: balanceCents,
    version: previousSeq + BigInt(decisions.length),
  };
}

/** `decidedAt`: of all that its commit decided. */
export function toldOf({ accountId, decisions }: AccountChange, decidedAt: string): ToldAccount {
  return { accountId, decidedAt, decisions: decisions.map(toldDecision) };
}

function toldDecision(decision: RoadDecision): ToldDecision {
  const { command, trace } = decision;
  const told: ToldDecision = {
    seq: decision.seq,
    transactionId: command.transactionId,
    type: command.type,
    outcome: decision.outcome,
    reason: decision.reason,
    requestedCents: decision.requestedCents,
    amountCents: decision.amountCents,
    balanceAfterCents: decision.balanceAfterCents,
    cardId: command.cardId,
    originalId: command.originalId,
    flags: decision.flags,
    rulesVersion: decision.rulesVersion,
  };
  return trace == null ? told : { ...told, traceparent: trace.traceparent };
}
