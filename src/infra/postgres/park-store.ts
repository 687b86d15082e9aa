import type pg from 'pg';
import type { InboundQueue } from '../../contracts/queues.ts';
import { LIMITS } from '../../limits.ts';
import type {
  OwnedParked,
  Parked,
  ParkedRow,
  ParkingEnd,
  ParkStore,
  UnownedParking,
} from '../../ports/stores.ts';
import { storableText } from './storable-text.ts';

/** Commands that cannot be decided now, in `processor.parked`. Their number `n` follows the order in which they are given. */
export class PostgresParkStore implements ParkStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async park(commands: readonly OwnedParked[]): Promise<readonly ParkingEnd[]> {
    if (commands.length === 0) return [];
    const shards = commands.map(({ shard }) => shard);
    const epochs = commands.map(({ epoch }) => String(epoch));
    const { rows } = await this.#pool.query<{ place: number }>(PARK, [
      shards,
      epochs,
      ...columnsOf(commands),
    ]);
    const fenced = new Set(rows.map(({ place }) => place));
    return commands.map((_, index) => (fenced.has(index + 1) ? 'fenced' : 'parked'));
  }

  async parkUnowned(shard: number, epochSeen: bigint, commands: readonly Parked[]): Promise<UnownedParking> {
    const values = [shard, String(epochSeen), ...columnsOf(commands)];
    const { rows } = await this.#pool.query<{ parked: boolean; epoch: string }>(PARK_UNOWNED, values);
    const [answer] = rows;
    if (answer === undefined) throw new Error('parking without owner was not answered');
    return { kind: answer.parked ? 'parked' : 'owned', epoch: BigInt(answer.epoch) };
  }

  async oldest(accountId: string, except: readonly bigint[], limit: number): Promise<readonly ParkedRow[]> {
    const values = [accountId, except.map(String), limit, LIMITS.parkedBatchBytesMax];
    const { rows } = await this.#pool.query<StoredRow>(OLDEST, values);
    return rows.map(({ n, queue, body, sinceMs }) => ({ accountId, n: BigInt(n), queue, body, sinceMs }));
  }

  async unpark(parked: readonly Pick<ParkedRow, 'accountId' | 'n'>[]): Promise<void> {
    if (parked.length === 0) return;
    await this.#pool.query(UNPARK, [
      parked.map(({ accountId }) => accountId),
      parked.map(({ n }) => String(n)),
    ]);
  }

  async accountsToTakeUp(after: string | null, limit: number): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ accountId: string }>(ACCOUNTS_TO_TAKE_UP, [after, limit]);
    return rows.map(({ accountId }) => accountId);
  }
}

interface StoredRow {
  readonly n: string;
  readonly queue: InboundQueue;
  readonly body: Buffer;
  readonly sinceMs: number;
}

/** Accounts, queues, bodies, reasons. */
function columnsOf(commands: readonly Parked[]): unknown[] {
  return [
    commands.map((command) => command.accountId),
    commands.map((command) => command.queue),
    commands.map((command) => command.body),
    commands.map((command) => storableText(command.reason)),
  ];
}

const PARK = `
select fenced_place as place
  from processor.park_owned($1::int[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[], $6::text[])`;

const PARK_UNOWNED = `
select parked, epoch::text from processor.park_unowned($1, $2, $3::uuid[], $4::text[], $5::bytea[], $6::text[])`;

/** The first one whatever its size, further ones while the bodies before them are within $4 bytes. */
const OLDEST = `
select n::text, queue, body, (extract(epoch from since) * 1000)::float8 as "sinceMs"
  from (select p.*, sum(octet_length(body)) over (order by n) - octet_length(body) as bytes_before
          from (select * from processor.parked
                 where account_id = $1 and n <> all ($2::bigint[])
                 order by n limit $3) p) s
 where bytes_before <= $4
 order by n`;

const UNPARK = `
delete from processor.parked p using unnest($1::uuid[], $2::bigint[]) as g (account_id, n)
 where p.account_id = g.account_id and p.n = g.n`;

/** From one account to the next by the index: an account with a million parked commands costs as much as one with one. */
const ACCOUNTS_TO_TAKE_UP = `
with recursive accounts as (
  (select account_id from processor.parked where $1::uuid is null or account_id > $1 order by account_id limit 1)
  union all
  select (select p.account_id from processor.parked p where p.account_id > a.account_id order by p.account_id limit 1)
    from accounts a where a.account_id is not null
)
select account_id as "accountId"
  from (select a.account_id from accounts a
         where a.account_id is not null
           and (select s.status from processor.accounts s where s.account_id = a.account_id) is distinct from 'quarantined'
         limit $2) next
 order by account_id`;
