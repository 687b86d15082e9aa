import type { JournalEntry } from '../../infra/postgres/journal-entry.ts';
import { money, paint, table } from '../output.ts';

/** Rows of the journal for a person, in the order given. */
export function journalTable(entries: readonly JournalEntry[]): string {
  const isFlagged = entries.some(({ flags }) => flags.length > 0);
  const rows = entries.map((entry) => [
    entry.seq,
    entry.decidedAt,
    entry.type,
    entry.outcome === 'APPROVED' ? paint('green', 'approved') : paint('yellow', entry.reason ?? 'rejected'),
    money(entry.requestedCents),
    money(entry.amountCents),
    money(entry.balanceAfterCents),
    entry.transactionId,
    ...(isFlagged ? [entry.flags.join(' ')] : []),
  ]);
  const head = ['seq', 'decided', 'type', 'outcome', 'asked', 'effect', 'balance', 'transaction'];
  return table([...head, ...(isFlagged ? ['rules'] : [])], rows);
}
