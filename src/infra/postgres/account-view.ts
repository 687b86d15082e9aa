import type pg from 'pg';
import type { AccountStatus } from '../../domain/codes.ts';
import { shardOf } from '../../domain/shard.ts';
import { isoTime, JOURNAL_ENTRY, journalEntryOf } from './journal-entry.ts';
import type { JournalEntry, JournalEntryRow } from './journal-entry.ts';
import { poolTransaction } from './pool-transaction.ts';

/** An account as it stands in the ledger, at one moment. */
export interface AccountView {
  readonly accountId: string;
  readonly balanceCents: bigint;
  /** Number of its last journal row; 0 = none. */
  readonly seq: bigint;
  readonly status: AccountStatus;
  readonly overdraftCents: bigint;
  readonly shard: number;
  readonly epoch: bigint;
  /** Node that owns the shard; null = nobody. */
  readonly owner: string | null;
  /** Since when; RFC 3339. */
  readonly takenAt: string | null;
  /** Newest first. */
  readonly journal: readonly JournalEntry[];
  readonly retries: number;
  readonly parked: number;
  /** Open ones. */
  readonly deadLetters: number;
}

interface AccountRow {
  readonly balanceCents: string;
  readonly seq: string;
  readonly status: AccountStatus;
  readonly overdraftCents: string;
  readonly retries: number;
  readonly parked: number;
  readonly deadLetters: number;
}

/** An account without any decision has no row in `processor.accounts`; one that was deleted may have one all the same. */
const ACCOUNT = `
select coalesce(a.balance_cents, 0)::text as "balanceCents", coalesce(a.seq, 0)::text as seq,
       coalesce(a.status, 'active') as status, coalesce(a.overdraft_cents, 0)::text as "overdraftCents",
       (select count(*)::int from processor.retries r where r.account_id = $1) as retries,
       (select count(*)::int from processor.parked p where p.account_id = $1) as parked,
       (select count(*)::int from processor.dead_letters d where d.account_id = $1 and d.state = 'open') as "deadLetters"
  from (select id from public.accounts where id = $1) k
  full join (select * from processor.accounts where account_id = $1) a on a.account_id = k.id`;

const SHARD = `
select s.epoch::text as epoch, s.owner, ${isoTime('s.taken_at')} as "takenAt"
  from processor.shards s where s.shard = $1`;

const SHARD_COUNT = 'select shard_count as "shardCount" from processor.cluster';

const LAST_ENTRIES = `
select ${JOURNAL_ENTRY} from processor.journal j where j.account_id = $1 order by j.seq desc limit $2`;

/**
 * @param accountId UUID, in any letter case.
 * @returns null where there is no such account. Rejects with the driver's error.
 */
export async function readAccount(
  pool: pg.Pool,
  accountId: string,
  options: { readonly journalLimit: number },
): Promise<AccountView | null> {
  const id = accountId.toLowerCase();
  return poolTransaction(
    pool,
    async (client) => {
      const { rows: accounts } = await client.query<AccountRow>(ACCOUNT, [id]);
      const account = accounts[0];
      if (account === undefined) return null;
      const entries = await client.query<JournalEntryRow>(LAST_ENTRIES, [id, options.journalLimit]);
      return {
        accountId: id,
        ...account,
        balanceCents: BigInt(account.balanceCents),
        seq: BigInt(account.seq),
        overdraftCents: BigInt(account.overdraftCents),
        ...(await shardView(client, id)),
        journal: entries.rows.map(journalEntryOf),
      };
    },
    'begin isolation level repeatable read',
  );
}

async function shardView(
  client: pg.PoolClient,
  accountId: string,
): Promise<Pick<AccountView, 'shard' | 'epoch' | 'owner' | 'takenAt'>> {
  const { rows: clusters } = await client.query<{ shardCount: number }>(SHARD_COUNT);
  const shard = shardOf(accountId, clusters[0]?.shardCount ?? 1);
  const { rows } = await client.query<{ epoch: string; owner: string | null; takenAt: string | null }>(
    SHARD,
    [shard],
  );
  const held = rows[0];
  if (held === undefined) throw new Error(`processor.shards has no row for shard ${String(shard)}`);
  return { shard, owner: held.owner, takenAt: held.takenAt, epoch: BigInt(held.epoch) };
}
