import { stringify } from 'csv-stringify';
import type { Transform } from 'node:stream';
import type { JournalEntry } from '../../infra/postgres/journal-entry.ts';

const COLUMNS = [
  'seq',
  'decided_at',
  'occurred_at',
  'transaction_id',
  'type',
  'outcome',
  'reason',
  'requested_cents',
  'amount_cents',
  'balance_after_cents',
  'counter_account',
  'original_id',
  'card_id',
  'road',
  'epoch',
  'operator',
  'why',
] as const;

type CsvRow = Readonly<Record<(typeof COLUMNS)[number], string | null>>;

export function csvRowOf(entry: JournalEntry): CsvRow {
  return {
    seq: String(entry.seq),
    decided_at: entry.decidedAt,
    occurred_at: entry.occurredAt,
    transaction_id: entry.transactionId,
    type: entry.type,
    outcome: entry.outcome,
    reason: entry.reason,
    requested_cents: String(entry.requestedCents),
    amount_cents: String(entry.amountCents),
    balance_after_cents: String(entry.balanceAfterCents),
    counter_account: entry.counterAccount,
    original_id: entry.originalId,
    card_id: entry.cardId,
    road: entry.road,
    epoch: String(entry.epoch),
    operator: entry.order?.operator ?? null,
    why: entry.order?.why ?? null,
  };
}

/** RFC 4180: a head, CRLF, quotes where they are needed. Takes what `csvRowOf` makes. */
export function csvStream(): Transform {
  return stringify({ header: true, columns: [...COLUMNS], record_delimiter: 'windows' });
}
