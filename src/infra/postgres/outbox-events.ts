import type pg from 'pg';
import type { BuiltEvent } from '../../contracts/events.ts';
import type { Outcome } from '../../domain/codes.ts';
import type { ToldAccount, ToldDecision } from '../../domain/told-account.ts';
import type { OutboxEvents } from '../../ports/stores.ts';

/** What outbox rows want told, in the order given: their own events, and the journal rows of their commits. */
export async function readOutboxEvents(
  pool: pg.Pool,
  outboxIds: readonly bigint[],
): Promise<readonly OutboxEvents[]> {
  const ids = outboxIds.map(String);
  const { rows: announced } = await pool.query<AnnouncedRow>(ANNOUNCED, [ids]);
  const { rows: journal } = await pool.query<ToldRow>(TOLD, [ids]);
  const events = new Map(announced.map((row) => [row.id, row.events]));
  const accounts = accountsByRow(journal);
  return ids.map((id) => ({ events: events.get(id) ?? [], accounts: accounts.get(id) ?? [] }));
}

const ANNOUNCED = `select id::text, events from processor.outbox where id = any ($1::bigint[]) and events is not null`;

interface AnnouncedRow {
  readonly id: string;
  /** Written by `processor.announce` alone. */
  readonly events: readonly BuiltEvent[];
}

/** The look-up is a subquery of its own, so that it stays one range of the journal's key per account. */
const TOLD = `
select o.id::text as outbox_id, c.account_id, processor.event_time(j.decided_at) as decided_at, j.seq::text,
       j.transaction_id, j.type, j.outcome, j.reason, j.requested_cents::text, j.amount_cents::text,
       j.balance_after_cents::text, j.card_id, j.original_id, j.flags, j.rules_version
  from processor.outbox o
 cross join lateral unnest(o.account_ids, o.from_seqs, o.to_seqs)
       with ordinality as c (account_id, from_seq, to_seq, place)
 cross join lateral (
   select * from processor.journal k
    where k.account_id = c.account_id and k.seq between c.from_seq and c.to_seq
    order by k.seq
 ) j
 where o.id = any ($1::bigint[])
 order by o.id, c.place, j.seq`;

interface ToldRow {
  readonly outbox_id: string;
  readonly account_id: string;
  readonly decided_at: string;
  readonly seq: string;
  readonly transaction_id: string;
  readonly type: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly requested_cents: string;
  readonly amount_cents: string;
  readonly balance_after_cents: string;
  readonly card_id: string | null;
  readonly original_id: string | null;
  readonly flags: readonly string[] | null;
  readonly rules_version: number | null;
}

function accountsByRow(rows: readonly ToldRow[]): ReadonlyMap<string, readonly ToldAccount[]> {
  const byRow = new Map<string, (ToldAccount & { decisions: ToldDecision[] })[]>();
  for (const row of rows) {
    const accounts = byRow.get(row.outbox_id) ?? [];
    byRow.set(row.outbox_id, accounts);
    const last = accounts.at(-1);
    if (last?.accountId === row.account_id) last.decisions.push(toldDecision(row));
    else
      accounts.push({
        accountId: row.account_id,
        decidedAt: row.decided_at,
        decisions: [toldDecision(row)],
      });
  }
  return byRow;
}

function toldDecision(row: ToldRow): ToldDecision {
  return {
    seq: BigInt(row.seq),
    transactionId: row.transaction_id,
    type: row.type,
    outcome: row.outcome,
    reason: row.reason,
    requestedCents: BigInt(row.requested_cents),
    amountCents: BigInt(row.amount_cents),
    balanceAfterCents: BigInt(row.balance_after_cents),
    cardId: row.card_id,
    originalId: row.original_id,
    flags: row.flags ?? [],
    rulesVersion: row.rules_version,
  };
}
