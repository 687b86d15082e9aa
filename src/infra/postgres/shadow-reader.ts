import type pg from 'pg';
import type { OriginalFact } from '../../domain/account.ts';
import type { FollowedStart } from '../../domain/shadow/followed.ts';
import { originalOf } from '../../domain/shadow/table-row.ts';
import type { Standing, StandingAccount, TableRow } from '../../domain/shadow/table-row.ts';
import { liftTimeouts } from './history.ts';
import { poolTransaction } from './pool-transaction.ts';
import { SeenCommits } from './seen-commits.ts';
import * as statements from './shadow-statements.ts';

/**
 * Follows `transactions`: what came or changed since the last look, in the order of its commits, and what the table said before it.
 *
 * R1. Reads only: no table, no index, no lock but that of a SELECT. What it knows from look to look is `SeenCommits`.
 * R2. A look sees each change once; one that fails is made again from where the last good one ended.
 * R3. Memory is bounded by a page of rows, the commits that `SeenCommits` remembers, and the numbers of those that one look finds.
 */
export class ShadowReader {
  readonly #pool: pg.Pool;
  readonly #pageRows: number;
  #seen = SeenCommits.none;

  constructor(pool: pg.Pool, pageRows = PAGE_ROWS) {
    this.#pool = pool;
    this.#pageRows = pageRows;
  }

  /** From here on; also says what is PENDING now, the newest `pendingMax` of them. Rejects with `ShadowRefusal`. */
  start(pendingMax: number): Promise<ShadowStart> {
    return this.#onSnapshot(async (client) => {
      const { rows } = await client.query<StartRow>(statements.READ_START);
      const [start] = rows;
      if (start === undefined) throw new Error('PostgreSQL did not say where it is');
      if (!start.isThere)
        throw new ShadowRefusal(`the database ${start.database} has no table public.transactions`);
      if (start.isStandby)
        throw new ShadowRefusal(
          'this is a standby, which does not tell which of its transactions are under way: name the primary',
        );
      const pending = await client.query<{ id: string; cents: string }>(statements.READ_PENDING, [
        pendingMax + 1,
      ]);
      const seen = await client.query<{ xid: string }>(statements.READ_SEEN, [xminOf(start.snapshot)]);
      this.#seen = SeenCommits.none.after(
        start.snapshot,
        seen.rows.map(({ xid }) => Number(xid)),
      );
      return {
        startedAtMs: start.atMs,
        database: start.database,
        pending: pending.rows
          .slice(0, pendingMax)
          .map(({ id, cents }) => [id, BigInt(cents)] as const)
          .reverse(),
        isComplete: pending.rows.length <= pendingMax,
      };
    });
  }

  /** Whether a commit is under way for so long that what it wrote under savepoints will not be seen. */
  get mayMiss(): boolean {
    return this.#seen.hasForgotten;
  }

  /** Hands over what has changed, page by page. */
  async look(onPage: (page: ShadowPage) => Promise<void>): Promise<void> {
    this.#seen = await this.#onSnapshot(async (client) => {
      const { snapshot, floor, commits } = this.#seen;
      const since = [snapshot, xminOf(snapshot), String(floor), [...commits]];
      const changed = new Set<number>();
      const { rows: now } = await client.query<{ snapshot: string }>(statements.READ_SNAPSHOT);
      await client.query(`declare changed no scroll cursor for ${statements.SELECT_CHANGED}`, since);
      for (;;) {
        const { rows } = await client.query<ChangedRow>(`fetch ${this.#pageRows} from changed`);
        const [first] = rows;
        if (first === undefined) break;
        for (const { xid } of rows) changed.add(Number(xid));
        const place = [...since, first.xid, first.createdAt, first.id];
        await onPage({
          rows: rows.map(tableRowOf),
          standing: (of) => readStanding(client, place, of),
        });
      }
      return this.#seen.after(now[0]?.snapshot ?? snapshot, changed);
    });
  }

  #onSnapshot<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return poolTransaction(
      this.#pool,
      async (client) => {
        await liftTimeouts(client);
        await client.query('set local jit = off');
        return work(client);
      },
      'begin isolation level repeatable read',
    );
  }
}

export interface ShadowStart extends FollowedStart {
  readonly database: string;
}

export interface ShadowPage {
  /** In the order of their commits. */
  readonly rows: readonly TableRow[];
  /** What the table said before the first row of the page, as far as it concerns these rows. */
  readonly standing: (of: readonly TableRow[]) => Promise<Standing>;
}

/** Nothing to follow here; the message says why. */
export class ShadowRefusal extends Error {
  override readonly name = 'ShadowRefusal';
}

const PAGE_ROWS = 1_000;

/** What `IS_NEW` and `IS_BEFORE` of the statements want. */
type Place = readonly (string | readonly number[])[];

interface StartRow {
  readonly isStandby: boolean;
  readonly isThere: boolean;
  readonly snapshot: string;
  readonly atMs: number;
  readonly database: string;
}

interface ChangedRow extends Omit<TableRow, 'amountCents'> {
  readonly amountCents: string;
  readonly xid: string;
}

type OriginalRow = Omit<ChangedRow, 'xid'>;

function tableRowOf({ amountCents, ...row }: OriginalRow): TableRow {
  const { id, accountId, cardId, type, status, idempotencyKey, originalId, createdAt } = row;
  const cents = BigInt(amountCents);
  return { id, accountId, cardId, amountCents: cents, type, status, idempotencyKey, originalId, createdAt };
}

/** The first number of `xmin:xmax:…`, without its epoch. */
function xminOf(snapshot: string): string {
  const [xmin = '0'] = snapshot.split(':');
  return (BigInt(xmin) % 2n ** 32n).toString();
}

async function readStanding(
  client: pg.PoolClient,
  place: Place,
  rows: readonly TableRow[],
): Promise<Standing> {
  const accounts = distinct(rows.map(({ accountId }) => accountId));
  const cards = distinct(rows.map(({ cardId }) => cardId));
  const originals = distinct(rows.map(({ type, originalId }) => (type === 'REFUND' ? originalId : null)));
  return {
    accounts: await readAccounts(client, place, accounts),
    cards: await readCards(client, cards),
    originals: await readOriginals(client, place, originals),
  };
}

function distinct(ids: readonly (string | null)[]): readonly string[] {
  return [...new Set(ids.filter((id) => id !== null))];
}

interface AccountRow {
  readonly accountId: string;
  readonly balanceCents: string;
  readonly chargesCents: string;
  readonly hasRefunds: boolean;
}

async function readAccounts(
  client: pg.PoolClient,
  place: Place,
  ids: readonly string[],
): Promise<Standing['accounts']> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<AccountRow>(statements.READ_STANDING, [...place, ids]);
  return new Map(
    rows.map((row): [string, StandingAccount] => [
      row.accountId,
      {
        balanceCents: BigInt(row.balanceCents),
        chargesCents: BigInt(row.chargesCents),
        hasRefunds: row.hasRefunds,
      },
    ]),
  );
}

async function readCards(client: pg.PoolClient, ids: readonly string[]): Promise<Standing['cards']> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<{ id: string; accountId: string | null }>(statements.READ_CARDS, [ids]);
  const owners = new Map(rows.map(({ id, accountId }) => [id, accountId ?? '']));
  return new Map(ids.map((id) => [id, owners.get(id) ?? null]));
}

async function readOriginals(
  client: pg.PoolClient,
  place: Place,
  ids: readonly string[],
): Promise<Standing['originals']> {
  if (ids.length === 0) return new Map();
  const { rows: found } = await client.query<OriginalRow>(statements.READ_ORIGINAL_ROWS, [ids]);
  const { rows: sums } = await client.query<{ id: string; cents: string }>(statements.READ_REFUNDED, [
    ...place,
    ids,
  ]);
  const refunded = new Map(sums.map(({ id, cents }) => [id, BigInt(cents)]));
  return new Map(
    found.map((row): [string, OriginalFact] => [
      row.id,
      { ...originalOf(tableRowOf(row)), refundedCents: refunded.get(row.id) ?? 0n },
    ]),
  );
}
