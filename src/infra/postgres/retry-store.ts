import type pg from 'pg';
import type { InboundQueue } from '../../contracts/queues.ts';
import { retryAnnounced } from '../../domain/announcement.ts';
import type { DeferralCode } from '../../domain/codes.ts';
import { isMovedOn } from '../../domain/retry-policy.ts';
import { shardOf } from '../../domain/shard.ts';
import { LIMITS } from '../../limits.ts';
import type { Retry, RetryStore } from '../../ports/stores.ts';
import { Announcements } from './announcements.ts';

/**
 * Deferrals in `processor.retries`: the truth about when a command is tried again.
 *
 * R1. One row per transaction id. A second body under the same id never replaces the first: it is handed back.
 * R2. A row is moved on (`isMovedOn`), never backwards in `first_seen_at`.
 * R3. Rows are written in id order, so that two batches cannot deadlock.
 * R4. A row is removed only for the body that it holds: another one may have taken its place since.
 * R5. Each row that is written has its event written in the same statement.
 */
export class PostgresRetryStore implements RetryStore {
  readonly #pool: pg.Pool;
  readonly #announcements: Announcements;

  /** Without `announcements` nobody is told. */
  constructor(pool: pg.Pool, announcements = Announcements.silent(pool)) {
    this.#pool = pool;
    this.#announcements = announcements;
  }

  async schedule(retries: readonly Retry[]): Promise<readonly (Retry | null)[]> {
    const waiting = await this.#write(oneBodyPerId(retries));
    return retries.map((retry) => {
      const stands = waiting.get(retry.transactionId);
      return stands === undefined || stands.body.equals(retry.body) ? null : stands;
    });
  }

  async remove(retries: readonly Pick<Retry, 'transactionId' | 'body'>[]): Promise<void> {
    if (retries.length === 0) return;
    await this.#pool.query(REMOVE, [
      retries.map(({ transactionId }) => transactionId),
      retries.map(({ body }) => body),
    ]);
  }

  async find(transactionId: string): Promise<Retry | null> {
    const { rows } = await this.#pool.query<RetryRow>(`${SELECT} where r.transaction_id = $1`, [
      transactionId,
    ]);
    return rows[0] === undefined ? null : retryOf(rows[0]);
  }

  async due(nowMs: number, shards: readonly number[], limit: number): Promise<readonly Retry[]> {
    if (shards.length === 0) return [];
    const { rows } = await this.#pool.query<RetryRow>(DUE, [nowMs, shards, limit]);
    return rows.map(retryOf);
  }

  /** Writes the candidates that move on; returns what stands now for each id. */
  async #write(candidates: ReadonlyMap<string, Retry>): Promise<ReadonlyMap<string, Retry>> {
    const stands = new Map<string, Retry>();
    let open = [...candidates.values()];
    for (let round = 0; open.length > 0; round += 1) {
      if (round === LIMITS.retryWriteRoundsMax)
        throw new Error('retries kept appearing and vanishing while they were written');
      const written = await this.#upsert(open);
      for (const retry of open) if (written.has(retry.transactionId)) stands.set(retry.transactionId, retry);
      open = open.filter((retry) => !written.has(retry.transactionId));
      // In a statement of its own: the one that met a row that stays may not see it in its snapshot.
      for (const other of await this.#read(open.map((retry) => retry.transactionId)))
        stands.set(other.transactionId, other);
      // Removed between the two statements: write again.
      open = open.filter((retry) => !stands.has(retry.transactionId));
    }
    return stands;
  }

  async #upsert(retries: readonly Retry[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#pool.query<WrittenRow>(UPSERT, [
      retries.map((retry) => retry.transactionId),
      retries.map((retry) => retry.accountId),
      retries.map((retry) => shardOf(retry.accountId, LIMITS.shardCount)),
      retries.map((retry) => retry.attempt),
      retries.map((retry) => retry.code),
      retries.map((retry) => retry.queue),
      retries.map((retry) => retry.body),
      retries.map((retry) => retry.dueAtMs),
      retries.map((retry) => retry.firstSeenAtMs),
      ...this.#announcements.parameters(retries.map(retryAnnounced)),
    ]);
    this.#announcements.committed(rows[0]?.outbox_id ?? null);
    return new Set(rows.map((row) => row.transaction_id));
  }

  async #read(transactionIds: readonly string[]): Promise<readonly Retry[]> {
    if (transactionIds.length === 0) return [];
    const { rows } = await this.#pool.query<RetryRow>(`${SELECT} where r.transaction_id = any ($1::uuid[])`, [
      transactionIds,
    ]);
    return rows.map(retryOf);
  }
}

interface WrittenRow {
  readonly transaction_id: string;
  /** The same in all rows. */
  readonly outbox_id: string | null;
}

const UPSERT = `
with written as (
insert into processor.retries as r
       (transaction_id, account_id, shard, attempt, code, queue, body, due_at, first_seen_at)
select g.transaction_id, g.account_id, g.shard, g.attempt, g.code, g.queue, g.body,
       to_timestamp(g.due_at_ms / 1000), to_timestamp(g.first_seen_at_ms / 1000)
  from unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::text[], $6::text[], $7::bytea[], $8::float8[], $9::float8[])
       as g (transaction_id, account_id, shard, attempt, code, queue, body, due_at_ms, first_seen_at_ms)
 order by g.transaction_id
on conflict (transaction_id) do update
   set attempt = excluded.attempt, code = excluded.code, queue = excluded.queue, due_at = excluded.due_at,
       first_seen_at = least(r.first_seen_at, excluded.first_seen_at)
 where r.body = excluded.body and (r.code <> excluded.code or r.attempt < excluded.attempt)
returning r.transaction_id
), told as materialized (
select processor.announce($10, (
         select jsonb_agg(e.event)
           from jsonb_array_elements($11::jsonb) e (event)
           join written w on w.transaction_id = (e.event ->> 'transaction_id')::uuid)) as outbox_id
)
select w.transaction_id, t.outbox_id::text from written w cross join told t`;

const REMOVE = `
with gone as (
  select r.transaction_id
    from processor.retries r join unnest($1::uuid[], $2::bytea[]) as g (transaction_id, body) using (transaction_id)
   where r.body = g.body
   order by r.transaction_id for update of r
)
delete from processor.retries r using gone where r.transaction_id = gone.transaction_id`;

const SELECT = `
select r.transaction_id, r.account_id, r.attempt, r.code, r.queue, r.body,
       round(extract(epoch from r.due_at) * 1000)::float8 as due_at_ms,
       round(extract(epoch from r.first_seen_at) * 1000)::float8 as first_seen_at_ms
  from processor.retries r`;

const DUE = `${SELECT}
 where r.shard = any ($2::int[]) and r.due_at < to_timestamp($1::float8 / 1000)
 order by r.due_at limit $3`;

interface RetryRow {
  readonly transaction_id: string;
  readonly account_id: string;
  readonly attempt: number;
  readonly code: string;
  readonly queue: string;
  readonly body: Buffer;
  readonly due_at_ms: number;
  readonly first_seen_at_ms: number;
}

function retryOf(row: RetryRow): Retry {
  return {
    transactionId: row.transaction_id,
    accountId: row.account_id,
    attempt: row.attempt,
    // Written by this class alone.
    code: row.code as DeferralCode,
    queue: row.queue as InboundQueue,
    body: row.body,
    dueAtMs: row.due_at_ms,
    firstSeenAtMs: row.first_seen_at_ms,
  };
}

/** One statement cannot write a row twice: of equal bodies the one that is moved on counts, of different ones the first. */
function oneBodyPerId(retries: readonly Retry[]): ReadonlyMap<string, Retry> {
  const candidates = new Map<string, Retry>();
  for (const retry of retries) {
    const first = candidates.get(retry.transactionId);
    if (first === undefined || (first.body.equals(retry.body) && isMovedOn(retry, first)))
      candidates.set(retry.transactionId, retry);
  }
  return candidates;
}
