import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { AccountChange } from '../../src/ports/ledger.ts';

/** Writes what a commit writes, with the fence and the `seq` condition, and compares nothing else: the floor. */
const CREATE = `
create schema if not exists bench;
create or replace function bench.bare_commit(
  f_shard int[], f_epoch bigint[], a_id uuid[], a_prev bigint[], a_seq bigint[], a_balance bigint[],
  d_account uuid[], d_seq bigint[], d_id uuid[], d_type text[], d_outcome text[], d_requested bigint[],
  d_amount bigint[], d_after bigint[], d_key text[], d_at timestamptz[], d_reason text[], d_card uuid[], d_original uuid[],
  writer uuid
) returns bigint language plpgsql as $$
declare n int; made bigint;
begin
  perform 1 from processor.shards s join unnest(f_shard, f_epoch) f (shard, epoch) on f.shard = s.shard and f.epoch = s.epoch
    order by s.shard for no key update of s;
  insert into processor.accounts (account_id, balance_cents, seq)
    select id, 0, 0 from unnest(a_id, a_prev) a (id, prev) where prev = 0 on conflict do nothing;
  update processor.accounts a set balance_cents = u.balance, seq = u.seq
    from unnest(a_id, a_prev, a_seq, a_balance) u (id, prev, seq, balance) where a.account_id = u.id and a.seq = u.prev;
  get diagnostics n = row_count;
  if n <> cardinality(a_id) then raise exception 'seq'; end if;
  insert into processor.journal (account_id, seq, transaction_id, type, outcome, requested_cents, amount_cents,
      balance_after_cents, counter_account, idempotency_key, epoch, road, occurred_at, reason, card_id, original_id)
    select account, seq, id, type, outcome, requested, amount, after, 'external:funding', key, 0, 'delivery', at, reason, card, original
    from unnest(d_account, d_seq, d_id, d_type, d_outcome, d_requested, d_amount, d_after, d_key, d_at, d_reason, d_card, d_original)
      d (account, seq, id, type, outcome, requested, amount, after, key, at, reason, card, original);
  update public.transactions t set status = d.outcome, refund_transaction_id = d.original
    from unnest(d_id, d_outcome, d_original) d (id, outcome, original)
    where t.id = d.id and t.status = 'PENDING';
  get diagnostics n = row_count;
  if n <> cardinality(d_id) then raise exception 'rows'; end if;
  insert into processor.outbox (incarnation, account_ids, card_ids, from_seqs, to_seqs)
    values (writer, a_id, '{}', a_seq, a_seq) returning id into made;
  return made;
end $$`;

export async function createBareFunction(pool: pg.Pool): Promise<void> {
  await pool.query(CREATE);
}

const literal = (values: readonly (string | number | bigint | null)[]): string =>
  `{${values.map((value) => value ?? 'null').join(',')}}`;
const TEXT =
  'select bench.bare_commit($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20) as id';

/** One connection that commits with nothing but the floor. */
export class BareLane {
  readonly #client: pg.Client;
  readonly #connected: Promise<unknown>;

  constructor(databaseUrl: string) {
    this.#client = new pg.Client({ connectionString: databaseUrl });
    this.#connected = this.#client.connect();
  }

  async commit(changes: readonly AccountChange[]): Promise<{ outboxId: bigint }> {
    await this.#connected;
    const epochs = new Map(changes.map((change) => [change.shard, change.epoch]));
    const decisions = changes.flatMap((change) => change.decisions);
    const result = await this.#client.query<{ id: string }>({
      name: 'bare',
      text: TEXT,
      values: [
        literal([...epochs.keys()]),
        literal([...epochs.values()]),
        literal(changes.map((c) => c.accountId)),
        literal(changes.map((c) => c.previousSeq)),
        literal(changes.map((c) => c.previousSeq + BigInt(c.decisions.length))),
        literal(changes.map((c) => c.balanceCents)),
        literal(decisions.map((d) => d.command.accountId)),
        literal(decisions.map((d) => d.seq)),
        literal(decisions.map((d) => d.command.transactionId)),
        literal(decisions.map((d) => d.command.type)),
        literal(decisions.map((d) => d.outcome)),
        literal(decisions.map((d) => d.requestedCents)),
        literal(decisions.map((d) => d.amountCents)),
        literal(decisions.map((d) => d.balanceAfterCents)),
        literal(decisions.map((d) => d.command.idempotencyKey)),
        literal(decisions.map((d) => d.command.occurredAt)),
        literal(decisions.map((d) => d.reason)),
        literal(decisions.map((d) => d.command.cardId)),
        literal(decisions.map((d) => d.rowOriginalId)),
        randomUUID(),
      ],
    });
    return { outboxId: BigInt(result.rows[0]?.id ?? 0) };
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}
