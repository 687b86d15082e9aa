import type { TransactionCommand } from '../contracts/command.ts';
import type { DecideOptions } from './decide.ts';
import type { Finding } from './finding.ts';
import { describeDifferences, differences } from './identity.ts';
import type { DifferingField, IdentityOptions, StoredTransaction } from './identity.ts';
import type { Settlement } from './settlement.ts';

/**
 * How a command ends that the ledger left out of a commit (contract section 2.4); null = decide it again with
 * fresh facts, what it pointed to has gone in between.
 */
export function settlementOf(
  command: TransactionCommand,
  finding: Finding,
  options: DecideOptions,
): Settlement | null {
  const payload: IdentityOptions = {
    compareKey: false,
    compareRefundAmount: options.refundAmount === 'message',
  };
  switch (finding.kind) {
    case 'decided': {
      const fields = differences(command, finding.stored, payload);
      return fields.length === 0
        ? { kind: 'repeat', stored: finding.stored }
        : mismatch(command, finding.stored, fields);
    }
    // Whatever it says: only a replay may touch a row in ERROR, and the ledger lets a replay through.
    case 'row-error':
      return { kind: 'repeat', stored: finding.stored };
    case 'row-differs':
      return mismatch(
        command,
        finding.stored,
        differences(command, finding.stored, { ...payload, compareKey: true }),
      );
    case 'key-taken': {
      const fields = differences(command, finding.stored, payload);
      return fields.length === 0
        ? { kind: 'same-key', firstId: finding.stored.transactionId }
        : mismatch(command, finding.stored, fields);
    }
    case 'row-missing':
      return { kind: 'deferred', code: 'ROW_MISSING' };
    case 'row-locked':
      return { kind: 'deferred', code: 'ROW_LOCKED' };
    case 'no-account':
      return { kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail: `there is no account ${command.accountId}` };
    case 'reference-gone':
      return null;
  }
}

/**
 * How a command ends that cannot be decided yet, but whose id is on record already; null = it is the true message, let it
 * wait. The row of a refund does not know what it refunds, so that is not compared before it is decided.
 */
export function settlementOnRecord(
  command: TransactionCommand,
  stored: StoredTransaction,
  options: DecideOptions & { readonly mayDecideError: boolean },
): Settlement | null {
  if (stored.status === 'APPROVED' || stored.status === 'REJECTED')
    return settlementOf(command, { kind: 'decided', stored }, options);
  if (stored.status === 'ERROR' && !options.mayDecideError)
    return settlementOf(command, { kind: 'row-error', stored }, options);
  const row = { ...stored, originalId: undefined };
  const compareRefundAmount = options.refundAmount === 'message';
  const fields = differences(command, row, { compareKey: true, compareRefundAmount });
  return fields.length === 0 ? null : mismatch(command, row, fields);
}

function mismatch(
  command: TransactionCommand,
  stored: StoredTransaction,
  fields: readonly DifferingField[],
): Settlement {
  const where =
    stored.transactionId === command.transactionId
      ? 'the transaction as it is stored'
      : `transaction ${stored.transactionId}, which has the same idempotency key`;
  return {
    kind: 'failed',
    code: 'PAYLOAD_MISMATCH',
    detail: `differs from ${where}: ${describeDifferences(command, stored, fields)}`,
  };
}
