import { counterAccountOf } from '../../domain/counter-account.ts';
import type { AccountChange, RoadDecision } from '../../ports/ledger.ts';
import { plainArray, quoted, record, recordArray } from './array-literals.ts';

/** `processor.commit_decisions` (migration 0002). */
export const COMMIT_DECISIONS = {
  name: 'commit-decisions',
  text: 'select outbox_id::text, problems, card_totals, decided_at from processor.commit_decisions($1, $2, $3, $4)',
} as const;

export interface CommitCallOptions {
  /** Incarnation of the node, a UUID: marks the outbox row as ours. */
  readonly incarnation: string;
  /** With `original` a refund's amount is ours to decide: its row may say anything. */
  readonly refundAmount: 'message' | 'original';
}

/** Parameters of the call, in order. */
export function commitCall(changes: readonly AccountChange[], options: CommitCallOptions): string[] {
  const accounts: string[] = [];
  const decisions: string[] = [];
  const cardDeltas: string[] = [];
  for (const change of changes) {
    accounts.push(accountRecord(change));
    for (const decision of change.decisions) {
      decisions.push(decisionRecord(change, decision, options));
      if (decision.cardTotal !== null) cardDeltas.push(cardRecord(change, decision, decision.cardTotal));
    }
  }
  return [recordArray(accounts), recordArray(decisions), recordArray(cardDeltas), options.incarnation];
}

/** `processor.account_change`. */
function accountRecord(change: AccountChange): string {
  const seq = change.previousSeq + BigInt(change.decisions.length);
  return record([change.accountId, change.shard, change.epoch, change.previousSeq, seq, change.balanceCents]);
}

/** `processor.new_decision`. */
function decisionRecord(change: AccountChange, decision: RoadDecision, options: CommitCallOptions): string {
  const { command } = decision;
  const amountIsOurs = command.type === 'REFUND' && options.refundAmount === 'original';
  return record([
    change.accountId,
    decision.seq,
    command.transactionId,
    command.type,
    decision.outcome,
    decision.reason,
    decision.requestedCents,
    decision.amountCents,
    decision.balanceAfterCents,
    counterAccountOf(command.type),
    command.originalId,
    command.cardId,
    quoted(command.idempotencyKey),
    change.epoch,
    decision.road,
    decision.rulesVersion,
    decision.flags.length === 0 ? null : quoted(plainArray(decision.flags)),
    decision.eventTime.text,
    decision.eventTime.text === command.occurredAt ? null : command.occurredAt,
    amountIsOurs ? null : command.amountCents,
    decision.rowOriginalId,
    decision.rowCardId,
    command.shape === 'documented',
    decision.mayDecideError,
  ]);
}

/** `processor.card_delta`. */
function cardRecord(
  change: AccountChange,
  decision: RoadDecision,
  total: { readonly cardId: string; readonly deltaCents: bigint },
): string {
  return record([total.cardId, change.accountId, total.deltaCents, decision.seq]);
}
