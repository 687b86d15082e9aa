import type { Settlement } from '../domain/settlement.ts';
import type { CommandTrace } from '../ports/tracing.ts';
import type { EnvelopeFields } from './command-envelope.ts';

/** What a trace says of a command: what it is, and how it ended. */

/** It was read, and waits from now on. */
export function noteCommand(trace: CommandTrace, { command, shard, road, attempt }: EnvelopeFields): void {
  trace.note({
    ...(command.kind === 'transaction'
      ? { 'paygate.transaction_id': command.transactionId, 'paygate.transaction_type': command.type }
      : {}),
    'paygate.account_id': command.accountId,
    'paygate.shard': shard,
    'paygate.road': road,
    'paygate.attempt': attempt,
  });
  trace.enter('queue');
}

/** Its outcome is known, and is being made durable. */
export function noteSettlement(trace: CommandTrace, settlement: Settlement): void {
  const { outcome, reason } = outcomeOf(settlement);
  trace.note({ 'paygate.outcome': outcome, ...(reason === null ? {} : { 'paygate.reason': reason }) });
  if (settlement.kind === 'failed') trace.fail(`${settlement.code}: ${settlement.detail}`);
  trace.enter('settle');
}

/** It could not become a command, or its handling threw. */
export function noteUnread(trace: CommandTrace, code: string): void {
  trace.note({ 'paygate.outcome': 'failed', 'paygate.reason': code });
  trace.fail(code);
  trace.enter('settle');
}

function outcomeOf(settlement: Settlement): { readonly outcome: string; readonly reason: string | null } {
  switch (settlement.kind) {
    case 'decided':
      return { outcome: settlement.decision.outcome, reason: settlement.decision.reason };
    case 'deferred':
    case 'failed':
      return { outcome: settlement.kind, reason: settlement.code };
    case 'parked':
      return { outcome: 'parked', reason: settlement.reason };
    case 'repeat':
    case 'same-key':
    case 'answered':
    case 'operated':
      return { outcome: settlement.kind, reason: null };
  }
}
