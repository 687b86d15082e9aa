import type pg from 'pg';
import type { CachedBalance } from '../../ports/balance-cache.ts';

type Kind = CachedBalance['kind'];

/** The balances of the ledger as the cache should show them. Everything rejects with the driver's error. */
export class LedgerBalances {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async count(): Promise<number> {
    const { rows } = await this.#pool.query<{ balances: number }>(COUNT);
    return rows[0]?.balances ?? 0;
  }

  /** Ids with a balance in the ledger, in order, those after `after` (null: from the first). */
  async ids(kind: Kind, after: string | null, limit: number): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ id: string }>(PAGE[kind], [after, limit]);
    return rows.map(({ id }) => id);
  }

  /** By id, as they are now. An account or card without any decision has 0, version 0; one that does not exist is left out. */
  async read(kind: Kind, ids: readonly string[]): Promise<ReadonlyMap<string, CachedBalance>> {
    const { rows } = await this.#pool.query<{ id: string; cents: string; version: string }>(READ[kind], [
      ids,
    ]);
    return new Map(
      rows.map(({ id, cents, version }) => [
        id,
        { kind, id, cents: BigInt(cents), version: BigInt(version) },
      ]),
    );
  }
}

const COUNT = `
select ((select count(*) from processor.accounts) + (select count(*) from processor.card_totals))::float8 as balances`;

const PAGE: Readonly<Record<Kind, string>> = {
  account: `
select account_id as id from processor.accounts where $1::uuid is null or account_id > $1 order by account_id limit $2`,
  card: `
select card_id as id from processor.card_totals where $1::uuid is null or card_id > $1 order by card_id limit $2`,
};

const READ: Readonly<Record<Kind, string>> = {
  account: `
select k.id, coalesce(a.balance_cents, 0)::text as cents, coalesce(a.seq, 0)::text as version
  from unnest($1::uuid[]) as k (id)
  left join processor.accounts a on a.account_id = k.id
  left join public.accounts p on p.id = k.id
 where a.account_id is not null or p.id is not null`,
  card: `
select k.id, coalesce(t.total_cents, 0)::text as cents, coalesce(t.seq, 0)::text as version
  from unnest($1::uuid[]) as k (id)
  left join processor.card_totals t on t.card_id = k.id
  left join public.cards c on c.id = k.id
 where t.card_id is not null or c.id is not null`,
};
