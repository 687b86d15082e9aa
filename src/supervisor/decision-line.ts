import type { Settlement } from '../domain/settlement.ts';
import type { LogFields, Logger } from '../ports/runtime.ts';
import { traceId } from '../ports/tracing.ts';
import type { CommandEnvelope } from './command-envelope.ts';

/** One line for every message that comes to an end, at debug: what it was, by which road it came, how it ended and why. */
export function logSettlement(logger: Logger, envelope: CommandEnvelope, settlement: Settlement): void {
  if (!logger.isLevelEnabled('debug')) return;
  const { command, road, shard, attempt, n, isOrder } = envelope;
  logger.debug(
    {
      ...(command.kind === 'transaction'
        ? { transaction_id: command.transactionId, type: command.type }
        : {}),
      account_id: command.accountId,
      shard,
      road,
      attempt,
      arrival: n,
      ...(isOrder ? {} : { queue: envelope.origin.queue, redelivered: envelope.origin.redelivered }),
      ...outcomeOf(settlement),
      ...traceId(envelope.trace),
    },
    'settled',
  );
}

/** Money as text: a reader of JSON would round it. */
function outcomeOf(settlement: Settlement): LogFields {
  switch (settlement.kind) {
    case 'decided': {
      const { outcome, reason, seq, amountCents } = settlement.decision;
      return { outcome, reason, seq: seq.toString(), amount_cents: amountCents.toString() };
    }
    case 'repeat':
      return { outcome: 'repeat', reason: settlement.stored.status };
    case 'same-key':
      return { outcome: 'same_key', first_id: settlement.firstId };
    case 'deferred':
      return { outcome: 'deferred', reason: settlement.code };
    case 'failed':
      return { outcome: 'failed', reason: settlement.code, detail: settlement.detail };
    case 'answered':
      return { outcome: 'answered' };
    case 'operated':
      return { outcome: settlement.result.kind };
    case 'parked':
      return { outcome: 'parked', reason: settlement.reason };
  }
}
