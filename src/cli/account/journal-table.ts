import type { JournalEntry } from '../../infra/postgres/journal-entry.ts';
import { money, paint, table } from '../output.ts';

/** Rows of the journal for a person, in the order given. */
export function journalTable(entries: readonly JournalEntry[]): string {
  const rows = entries.map((entry) => [
    entry.seq,
    entry.decidedAt,
    entry.type,
    entry.outcome === 'APPROVED' ? paint('green', 'approved') : paint('yellow', entry.reason ?? 'rejected'),
    money(entry.requestedCents),
    money(entry.amountCents),
    money(entry.balanceAfterCents),
    entry.transactionId,
  ]);
  return table(['seq', 'decided', 'type', 'outcome', 'asked', 'effect', 'balance', 'transaction'], rows);
}
