import type { NamedStatement } from './connection.ts';

/** What an actor reads, each for many ids at once (`$1`: their array). Integers come as text, they may exceed 2^53. */

export const READ_ACCOUNTS: NamedStatement = {
  name: 'read-accounts',
  text: `select id, balance_cents::text, seq::text, status, overdraft_cents::text, has_parked, last_event_ms::text
         from processor.read_accounts($1)`,
};

/** `$1`, `$2`: accounts and the seqs to walk back from; `$3`: window in milliseconds; `$4`: whether rejected ones count. */
export const READ_HISTORIES: NamedStatement = {
  name: 'read-histories',
  text: `select id, seq::text, at_ms::text, type, outcome, requested_cents::text, is_credit, card_id
         from processor.read_histories($1, $2, $3, $4, $5, $6)`,
};

export const READ_CARD_OWNERS: NamedStatement = {
  name: 'read-card-owners',
  text: `select id, account_id from processor.read_card_owners($1)`,
};

export const READ_ORIGINALS: NamedStatement = {
  name: 'read-originals',
  text: `select id, status, account_id, type, amount_cents::text, card_id, refunded_cents::text, has_row
         from processor.read_originals($1)`,
};

export const READ_STORED: NamedStatement = {
  name: 'read-stored',
  text: `select id, stored from processor.read_stored($1)`,
};

export const READ_CARD_TOTALS: NamedStatement = {
  name: 'read-card-totals',
  text: `select id, total_cents::text, seq::text from processor.read_card_totals($1)`,
};

/** One statement, and both functions are stable: balance and sum are of one snapshot. */
export const CHECK_JOURNALS: NamedStatement = {
  name: 'check-journals',
  text: `select id, balance_cents::text, seq::text, status, overdraft_cents::text, coalesce(cents, 0)::text as journal_cents
         from processor.read_accounts($1) left join processor.read_journal_sums($1) using (id)`,
};
