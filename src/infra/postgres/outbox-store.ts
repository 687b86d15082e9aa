import type pg from 'pg';
import { LIMITS } from '../../limits.ts';
import type { CachedBalance } from '../../ports/balance-cache.ts';
import type { OutboxDue, OutboxEvents, OutboxStore, OutboxTaking, OutboxTask } from '../../ports/stores.ts';
import { readOutboxEvents } from './outbox-events.ts';
import { poolTransaction } from './pool-transaction.ts';

/**
 * The to-do lists of commits (`processor.outbox`).
 *
 * X1. A row is deleted only after its work resolved; one of which a part cannot be done is kept for that part.
 * X2. Two takers never work on one row at once: it stays locked until the work is done. Should the lock be lost with
 *     its connection, the work is done twice, which is harmless.
 * X3. Balances are read after the rows are locked, in a statement of their own: never older than the commit they are for.
 */
export class PostgresOutboxStore implements OutboxStore {
  readonly #pool: pg.Pool;
  readonly #incarnation: string;

  constructor(pool: pg.Pool, incarnation: string) {
    this.#pool = pool;
    this.#incarnation = incarnation;
  }

  async takeOver(
    { ageMs, limit, known, able }: OutboxTaking,
    work: (tasks: readonly OutboxTask[], behind: readonly CachedBalance[]) => Promise<void>,
  ): Promise<number> {
    return poolTransaction(this.#pool, async (client) => {
      await client.query(
        `set local idle_in_transaction_session_timeout = ${String(LIMITS.outboxWorkTimeoutMs)}`,
      );
      const values = [this.#incarnation, ageMs, limit, known.map(String), duesOf(able)];
      const { rows } = await client.query<OutboxRow>(TAKE, values);
      const last = rows.at(-1);
      if (last === undefined) return 0;
      const behind = rows.length < limit || able === 'events' ? [] : [this.#incarnation, ageMs, last.id];
      await work(await tasksOf(client, rows), await balancesBehind(client, behind));
      await settle(client, rows, able);
      return rows.length;
    });
  }

  events(outboxIds: readonly bigint[]): Promise<readonly OutboxEvents[]> {
    return readOutboxEvents(this.#pool, outboxIds);
  }

  async remove(outboxIds: readonly bigint[]): Promise<void> {
    if (outboxIds.length === 0) return;
    await this.#pool.query(DELETE_FREE, [outboxIds.map(String)]);
  }
}

interface OutboxRow {
  readonly id: string;
  readonly due: OutboxDue;
  readonly account_ids: readonly string[];
  readonly card_ids: readonly string[];
}

/** Rows of our own are taken too, except the known ones: those of commits whose answer was lost. */
const TAKE = `
select id, due, account_ids, card_ids
  from processor.outbox
 where (incarnation <> $1 or id <> all ($4::bigint[]))
   and created_at <= clock_timestamp() - $2::float8 * interval '1 millisecond'
   and due = any ($5)
 order by id
 limit $3
   for update skip locked`;

/** Accounts and cards of rows that wait to be taken after row $3, each once; nobody's rows are locked by it. */
const BEHIND = `
with waiting as (
  select account_ids, card_ids from processor.outbox
   where incarnation <> $1 and id > $3::bigint and due <> 'events'
     and created_at <= clock_timestamp() - $2::float8 * interval '1 millisecond'
   order by id limit ${String(LIMITS.outboxBehindRowsMax)}
)
select array(select distinct a.id from waiting, unnest(account_ids) a (id) limit ${String(LIMITS.outboxBehindIdsMax)}) as account_ids,
       array(select distinct c.id from waiting, unnest(card_ids) c (id) limit ${String(LIMITS.outboxBehindIdsMax)}) as card_ids`;

const DELETE = 'delete from processor.outbox where id = any ($1::bigint[])';

const KEEP_FOR = 'update processor.outbox set due = $2 where id = any ($1::bigint[])';

/** What somebody else has taken over is deleted by them, or taken again later. */
const DELETE_FREE = `
delete from processor.outbox
 where id in (select id from processor.outbox where id = any ($1::bigint[]) for update skip locked)`;

const BALANCES = `
select 'account' as kind, account_id as id, balance_cents as cents, seq as version
  from processor.accounts where account_id = any ($1::uuid[])
union all
select 'card', card_id, total_cents, seq
  from processor.card_totals where card_id = any ($2::uuid[])`;

interface BalanceRow {
  readonly kind: 'account' | 'card';
  readonly id: string;
  readonly cents: string;
  readonly version: string;
}

function duesOf(able: OutboxDue): readonly OutboxDue[] {
  return able === 'all' ? ['all', 'balances', 'events'] : ['all', able];
}

async function readBalances(
  client: pg.PoolClient,
  accountIds: readonly string[],
  cardIds: readonly string[],
): Promise<readonly CachedBalance[]> {
  const { rows } = await client.query<BalanceRow>(BALANCES, [accountIds, cardIds]);
  return rows.map(({ kind, id, cents, version }) => ({
    kind,
    id,
    cents: BigInt(cents),
    version: BigInt(version),
  }));
}

/** `place`: of `BEHIND`; empty: nothing is behind. */
async function balancesBehind(
  client: pg.PoolClient,
  place: readonly (string | number)[],
): Promise<readonly CachedBalance[]> {
  if (place.length === 0) return [];
  const { rows } = await client.query<Pick<OutboxRow, 'account_ids' | 'card_ids'>>(BEHIND, [...place]);
  const [waiting] = rows;
  return waiting === undefined ? [] : readBalances(client, waiting.account_ids, waiting.card_ids);
}

async function tasksOf(client: pg.PoolClient, rows: readonly OutboxRow[]): Promise<readonly OutboxTask[]> {
  const unshown = rows.filter(({ due }) => due !== 'events');
  const found = await readBalances(
    client,
    [...new Set(unshown.flatMap((row) => row.account_ids))],
    [...new Set(unshown.flatMap((row) => row.card_ids))],
  );
  const balances = { account: new Map<string, CachedBalance>(), card: new Map<string, CachedBalance>() };
  for (const balance of found) balances[balance.kind].set(balance.id, balance);
  return rows.map(({ id, due, account_ids, card_ids }) => ({
    outboxId: BigInt(id),
    due,
    balances:
      due === 'events'
        ? []
        : [
            ...account_ids.flatMap((accountId) => balances.account.get(accountId) ?? []),
            ...card_ids.flatMap((cardId) => balances.card.get(cardId) ?? []),
          ],
  }));
}

async function settle(client: pg.PoolClient, rows: readonly OutboxRow[], able: OutboxDue): Promise<void> {
  const done = rows.filter(({ due }) => able === 'all' || due === able).map(({ id }) => id);
  const kept = rows.map(({ id }) => id).filter((id) => !done.includes(id));
  if (done.length > 0) await client.query(DELETE, [done]);
  if (kept.length > 0) await client.query(KEEP_FOR, [kept, able === 'balances' ? 'events' : 'balances']);
}
