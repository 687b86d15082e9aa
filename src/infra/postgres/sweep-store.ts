import pg from 'pg';
import type { PendingRow } from '../../contracts/live-body.ts';
import { LIMITS } from '../../limits.ts';
import type { SweepPage, SweepSlice, SweepStore, SweepTurn } from '../../ports/sweep.ts';
import { connectionSettings } from './pool.ts';
import { ADVISORY_LOCKS } from './advisory-locks.ts';

export interface SweepStoreOptions {
  readonly databaseUrl: string;
  /** `connectionName` of the node. */
  readonly applicationName: string;
}

/**
 * The turn of the one sweeper and what it asks of the ledger, on one connection of its own.
 *
 * S1. The turn is a session lock, so it is lost with the connection. Nothing is read or written in the turn of a connection
 *     that is gone: the statement rejects, and `begin` opens another.
 * S2. A process that is frozen loses its turn as well: the server ends the session when nothing came for `sweepIdleTimeoutMs`.
 */
export class PostgresSweepStore implements SweepStore {
  readonly #options: SweepStoreOptions;
  #client: pg.Client | null = null;
  #turn: 'ours' | 'none' = 'none';

  constructor(options: SweepStoreOptions) {
    this.#options = options;
  }

  async begin(): Promise<SweepTurn | null> {
    const client = (this.#client ??= await this.#connect());
    if (this.#turn === 'none') {
      const { rows } = await client.query<{ ours: boolean }>('select pg_try_advisory_lock($1) as ours', [
        ADVISORY_LOCKS.sweep,
      ]);
      if (rows[0]?.ours !== true) return null;
      this.#turn = 'ours';
    }
    const { rows } = await client.query<{ now_ms: number; mark_ms: number | null }>(TURN);
    const [found] = rows;
    if (found === undefined) throw new Error('the server does not tell the time');
    return { nowMs: found.now_ms, markMs: found.mark_ms };
  }

  async release(): Promise<void> {
    const client = this.#forget();
    // Whatever cannot be ended in order is gone already, and the turn with it.
    await client?.end().catch(() => undefined);
  }

  async look(
    { fromMs, toMs, after }: SweepSlice,
    known: readonly string[],
    limit: number,
  ): Promise<SweepPage> {
    const { rows } = await this.#query<{ examined: string; found: readonly FoundRow[] | null }>(LOOK, [
      fromMs,
      toMs,
      after?.createdAt ?? null,
      after?.id ?? null,
      known,
      limit,
    ]);
    return pageOf(rows[0]);
  }

  async ordered(toMs: number, known: readonly string[], limit: number): Promise<SweepPage> {
    const { rows } = await this.#query<{ examined: number; found: readonly FoundRow[] | null }>(ORDERED, [
      toMs,
      known,
      limit,
    ]);
    return pageOf(rows[0]);
  }

  async again(ids: readonly string[]): Promise<readonly PendingRow[]> {
    const { rows } = await this.#query<{ found: readonly FoundRow[] | null }>(AGAIN, [ids]);
    return (rows[0]?.found ?? []).map(rowOf);
  }

  async finish(markMs: number): Promise<void> {
    await this.#query(FINISH, [markMs]);
    await this.#query('select processor.close_answered_letters()', []);
  }

  async countOlder(beforeMs: number): Promise<number> {
    const client = await this.#connect();
    try {
      await client.query('set statement_timeout = 0');
      const { rows } = await client.query<{ pending: string }>(OLDER, [beforeMs]);
      return Number(rows[0]?.pending);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async #query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
  ): Promise<pg.QueryResult<Row>> {
    if (this.#client === null || this.#turn === 'none') throw new Error('the turn to sweep was lost');
    return this.#client.query<Row>(text, [...values]);
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(connectionSettings(this.#options));
    const lost = (): void => {
      if (this.#client === client) this.#forget();
    };
    client.on('error', lost);
    client.on('end', lost);
    await client.connect();
    await client.query(`set idle_session_timeout = ${String(LIMITS.sweepIdleTimeoutMs)}`);
    return client;
  }

  #forget(): pg.Client | null {
    const client = this.#client;
    this.#client = null;
    this.#turn = 'none';
    return client;
  }
}

const TURN = `
select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
       (select (extract(epoch from m.looked_to) * 1000)::float8 from processor.sweep_mark m) as mark_ms`;

/** Text in place of the driver's idea of a composite. */
const FOUND = `(select jsonb_agg(to_jsonb(r) - 'n' order by r.n) from unnest(f.eligible) with ordinality as r
  (id, account_id, card_id, amount_cents, type, idempotency_key, refund_transaction_id, created_at, n)) as found`;

const LOOK = `
select f.examined, ${FOUND}
  from processor.sweep_look(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000),
         $3::timestamptz, $4::uuid, $5::uuid[], $6) f`;

const ORDERED = `
select f.taken as examined, ${FOUND}
  from processor.sweep_ordered(to_timestamp($1::float8 / 1000), $2::uuid[], $3) f`;

const AGAIN = `
select jsonb_agg(to_jsonb(processor.as_pending(t)) order by t.created_at, t.id) as found
  from public.transactions t
 where t.id = any ($1::uuid[]) and t.status = 'PENDING' and not processor.is_cared_for(t.id, t.account_id)`;

const FINISH = `
insert into processor.sweep_mark as m (looked_to) values (to_timestamp($1::float8 / 1000))
on conflict (singleton) do update set looked_to = excluded.looked_to where m.looked_to < excluded.looked_to`;

const OLDER = `
select count(*) as pending from public.transactions t
 where t.status = 'PENDING' and t.created_at < to_timestamp($1::float8 / 1000)`;

interface FoundRow {
  readonly id: string;
  readonly account_id: string | null;
  readonly card_id: string | null;
  readonly amount_cents: string;
  readonly type: string;
  readonly idempotency_key: string | null;
  readonly refund_transaction_id: string | null;
  readonly created_at: string;
}

function pageOf(
  answer: { readonly examined: string | number; readonly found: readonly FoundRow[] | null } | undefined,
): SweepPage {
  if (answer === undefined) throw new Error('the sweep got no answer');
  return { examined: Number(answer.examined), rows: (answer.found ?? []).map(rowOf) };
}

function rowOf(row: FoundRow): PendingRow {
  return {
    id: row.id,
    accountId: row.account_id,
    cardId: row.card_id,
    amountCents: BigInt(row.amount_cents),
    type: row.type,
    idempotencyKey: row.idempotency_key,
    originalId: row.refund_transaction_id,
    createdAt: row.created_at,
  };
}
