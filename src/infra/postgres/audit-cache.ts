import type pg from 'pg';
import type { ViolationTally } from './audit-report.ts';

/**
 * Compares cached balances with the ledger.
 *
 * The ledger is read in a snapshot, the cache as it is: on a node at work the two may differ for a moment. So a
 * difference counts only if it is still there when both are read again, unless nothing is at work.
 */

export type CachedKind = 'account' | 'card';

/** Texts of the keys of these ids as they are in the cache, null where there is none; one per id, in order. */
export type ReadCached = (kind: CachedKind, ids: readonly string[]) => Promise<readonly (string | null)[]>;

export interface LedgerBalance {
  readonly kind: CachedKind;
  readonly id: string;
  readonly accountId: string;
  readonly cents: string;
  /** False where the balance is inherited as it is: nobody has had a reason to cache it. */
  readonly touched: boolean;
}

export interface CacheAuditOptions {
  /** A touched balance that is not in the cache is a violation. */
  readonly expectCached: boolean;
  /** Nothing is at work: what differs differs. */
  readonly expectDrained: boolean;
}

const CHUNK = 1_000;
/** Differences looked at again; more than these are no passing ones. */
const DOUBTS_MAX = 1_000;
const LOOKS_MAX = 10;
const LOOK_EVERY_MS = 200;

const CURRENT: Readonly<Record<CachedKind, string>> = {
  account: `select account_id as id, balance_cents::text as cents from processor.accounts where account_id = any($1)`,
  card: `select card_id as id, total_cents::text as cents from processor.card_totals where card_id = any($1)`,
};

interface Difference {
  readonly balance: LedgerBalance;
  readonly cached: string | null;
}

export class CacheAudit {
  readonly #read: ReadCached;
  readonly #options: CacheAuditOptions;
  readonly #tally: ViolationTally;
  #doubts: Difference[] = [];
  #compared = 0;

  constructor(read: ReadCached, options: CacheAuditOptions, tally: ViolationTally) {
    this.#read = read;
    this.#options = options;
    this.#tally = tally;
  }

  /** Cached balances that were compared so far. */
  get compared(): number {
    return this.#compared;
  }

  /** @param balances all of one kind. */
  async compare(kind: CachedKind, balances: readonly LedgerBalance[]): Promise<void> {
    for (let from = 0; from < balances.length; from += CHUNK) {
      const { differences, present } = await this.#look(kind, balances.slice(from, from + CHUNK));
      this.#compared += present;
      const room = this.#options.expectDrained ? 0 : DOUBTS_MAX - this.#doubts.length;
      this.#doubts.push(...differences.slice(0, room));
      for (const difference of differences.slice(room)) this.#report(difference);
    }
  }

  /** Looks again at what differed, until nothing does or it has lasted too long to be passing. */
  async settle(pool: pg.Pool): Promise<void> {
    for (let looks = 0; this.#doubts.length > 0 && looks < LOOKS_MAX; looks += 1) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      const doubts = this.#doubts.map((doubt) => doubt.balance);
      this.#doubts = [
        ...(await this.#lookAgain(pool, 'account', doubts)),
        ...(await this.#lookAgain(pool, 'card', doubts)),
      ];
    }
    for (const difference of this.#doubts) this.#report(difference);
    this.#doubts = [];
  }

  async #lookAgain(
    pool: pg.Pool,
    kind: CachedKind,
    doubts: readonly LedgerBalance[],
  ): Promise<readonly Difference[]> {
    const doubted = doubts.filter((balance) => balance.kind === kind);
    if (doubted.length === 0) return [];
    const { rows } = await pool.query<{ id: string; cents: string }>(CURRENT[kind], [
      doubted.map(({ id }) => id),
    ]);
    const current = new Map(rows.map((row) => [row.id, row.cents]));
    const balances = doubted.map((balance) => ({
      ...balance,
      cents: current.get(balance.id) ?? balance.cents,
    }));
    return (await this.#look(kind, balances)).differences;
  }

  async #look(
    kind: CachedKind,
    balances: readonly LedgerBalance[],
  ): Promise<{ readonly differences: readonly Difference[]; readonly present: number }> {
    const texts = await this.#read(
      kind,
      balances.map(({ id }) => id),
    );
    const seen = balances.map((balance, index) => ({ balance, cached: texts[index] ?? null }));
    const differences = seen.filter(({ balance, cached }) =>
      cached === null ? this.#options.expectCached && balance.touched : cached !== balance.cents,
    );
    return { differences, present: seen.filter(({ cached }) => cached !== null).length };
  }

  #report({ balance, cached }: Difference): void {
    const what = balance.kind === 'card' ? `card ${balance.id}: total` : 'balance';
    const detail = `${what} ${balance.cents}, cache ${cached === null ? 'has none' : `says ${cached}`}`;
    const kind = cached === null ? 'cache-missing' : 'cache-differs';
    this.#tally.add(kind, 1, [{ accountId: balance.accountId, transactionId: null, detail }]);
  }
}
