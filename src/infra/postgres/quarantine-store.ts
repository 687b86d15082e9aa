import type pg from 'pg';
import { quarantineAnnounced } from '../../domain/announcement.ts';
import type { Quarantine, QuarantineStore } from '../../ports/stores.ts';
import { Announcements } from './announcements.ts';
import { poolTransaction } from './pool-transaction.ts';
import { storableText } from './storable-text.ts';

/**
 * Accounts that are set aside, in `processor.accounts.status`.
 *
 * Q1. Fenced like a commit: the row of the shard is locked and its epoch compared before anything is written, and stays
 *     locked to the end, so that a node that has lost the shard writes nothing.
 * Q2. The status, its line in the operator log and its event are one commit. An account that is quarantined already gets no
 *     second line and event.
 * Q3. Never touches a balance or a seq: what is wrong is left as it was found.
 */
export class PostgresQuarantineStore implements QuarantineStore {
  readonly #pool: pg.Pool;
  readonly #node: { readonly nodeId: string; readonly incarnation: string };

  readonly #announcements: Announcements;

  /** Without `announcements` nobody is told. */
  constructor(
    pool: pg.Pool,
    node: { readonly nodeId: string; readonly incarnation: string },
    announcements = Announcements.silent(pool),
  ) {
    this.#pool = pool;
    this.#node = node;
    this.#announcements = announcements;
  }

  async setAside({ accountId, shard, epoch, reason }: Quarantine): Promise<'quarantined' | 'fenced'> {
    const written = await poolTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<{ epoch: string }>(FENCE, [shard]);
      if (rows[0] === undefined || BigInt(rows[0].epoch) !== epoch) return 'fenced';
      const { nodeId, incarnation } = this.#node;
      const why = storableText(reason);
      const change = [accountId, nodeId, why, incarnation, shard, String(epoch)];
      const { rowCount } = await client.query(SET_ASIDE, change);
      if (rowCount === 0) return { outboxId: null };
      return { outboxId: await this.#announcements.write(client, [quarantineAnnounced(accountId, why)]) };
    });
    if (written === 'fenced') return 'fenced';
    this.#announcements.committed(written.outboxId);
    return 'quarantined';
  }
}

/** A statement of its own: the next one must see what the commit that held the lock has written. */
const FENCE = 'select epoch from processor.shards where shard = $1 for no key update';

/** The status before goes into the log, so that a release can give it back. */
const SET_ASIDE = `
with before as (
  select status, balance_cents, seq from processor.accounts where account_id = $1
), written as (
  insert into processor.accounts as a (account_id, balance_cents, seq, status)
  values ($1, 0, 0, 'quarantined')
  on conflict (account_id) do update set status = excluded.status where a.status <> excluded.status
  returning account_id
)
insert into processor.operator_log (operator, action, subject, why, detail)
select $2, 'quarantine', w.account_id::text, $3,
       jsonb_build_object(
         'incarnation', $4::text, 'shard', $5::int, 'epoch', $6::text, 'statusBefore', coalesce(b.status, 'active'),
         'balanceCents', coalesce(b.balance_cents, 0)::text, 'seq', coalesce(b.seq, 0)::text)
  from written w left join before b on true`;
