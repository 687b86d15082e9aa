/**
 * Parked commands in PostgreSQL, and whoever is at the shard at the same time; all else stands in test/contracts/stores-contract.ts.
 * Without this: commands are parked for a shard whose owner, only frozen, comes back and decides newer ones past them.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PostgresParkStore } from '../../src/infra/postgres/park-store.ts';
import { PostgresReader } from '../../src/infra/postgres/reader.ts';
import { PostgresShardDirectory } from '../../src/infra/postgres/shard-directory.ts';
import type { OwnedParked } from '../../src/ports/stores.ts';
import {
  approved,
  callCommit,
  changeOf,
  INCARNATION,
  ledgerOn,
  newAccount,
  newClient,
  pendingCommand,
} from '../support/ledger-fixtures.ts';
import { eventually, withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';
import { takeOver } from '../support/shard-owner.ts';

const SHARD = 3;

let database: TestDatabase;
let store: PostgresParkStore;
const clients: pg.Client[] = [];
beforeEach(async () => {
  database = await withDatabase();
  store = new PostgresParkStore(database.pool);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await database.drop();
});

async function connect(): Promise<pg.Client> {
  const client = await newClient(database.url, 'another node');
  clients.push(client);
  return client;
}

async function rowsOf(sql: string): Promise<readonly pg.QueryResultRow[]> {
  return (await database.pool.query<pg.QueryResultRow>(sql)).rows;
}

const command = (accountId: string, body: string | Buffer): OwnedParked => ({
  accountId,
  shard: SHARD,
  epoch: 0n,
  queue: 'transactions_queue',
  body: Buffer.from(body),
  reason: 'a test',
});
const bodies = async (): Promise<readonly string[]> =>
  (await rowsOf('select body from processor.parked order by n')).map(({ body }) => String(body));
const shardRow = async (): Promise<pg.QueryResultRow | undefined> =>
  (await rowsOf(`select epoch, owner, inbox from processor.shards where shard = ${SHARD}`))[0];

async function lockWaits(count: number): Promise<void> {
  const sql = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await eventually(async () => expect(await rowsOf(sql)).toHaveLength(count));
}

describe('parking by the owner of the shard', () => {
  const accountId = randomUUID();

  it('waits for a takeover under way and is refused', async () => {
    const claimant = await connect();
    await claimant.query('begin');
    await claimant.query(`update processor.shards set epoch = 1, owner = 'n:i' where shard = $1`, [SHARD]);
    const late = store.park([command(accountId, 'a')]);
    await lockWaits(1);
    await claimant.query('commit');
    expect(await late).toEqual(['fenced']);
    expect(await bodies()).toEqual([]);
  });

  it('takes a reason that PostgreSQL would not', async () => {
    expect(await store.park([{ ...command(accountId, 'a'), reason: 'thrown: \0' }])).toEqual(['parked']);
  });
});

describe('parking without owner', () => {
  const accountId = randomUUID();
  const two = ['a', 'b'].map((body) => command(accountId, body));

  it('somebody is named: loses the shard in the same commit, and parking goes on under the new epoch', async () => {
    const frozen = new PostgresShardDirectory(database.pool, {
      nodeId: 'node-1',
      incarnation: INCARNATION,
      inbox: 'inbox',
    });
    const epoch = (await takeOver(frozen, [SHARD])).get(SHARD) ?? 0n;
    const parked = await store.parkUnowned(SHARD, epoch, two);
    expect(parked).toEqual({ kind: 'parked', epoch: epoch + 1n });
    expect(await shardRow()).toEqual({ epoch: String(epoch + 1n), owner: null, inbox: null });
    expect(await rowsOf('select owner from processor.epoch_log order by epoch desc limit 1')).toEqual([
      { owner: null },
    ]);
    expect(await store.parkUnowned(SHARD, parked.epoch, [command(accountId, 'c')])).toEqual(parked);
    expect(await bodies()).toEqual(['a', 'b', 'c']);

    // It comes back, with an actor that has read its account before.
    const deposit = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
    const lane = ledgerOn(database.url);
    const { verdicts } = await lane.commit([changeOf([approved(deposit)], { shard: SHARD, epoch })]);
    await lane.close();
    expect(verdicts).toEqual([{ kind: 'fenced' }]);
  });

  it('waits for a takeover under way and finds the shard owned', async () => {
    const claimant = await connect();
    await claimant.query('begin');
    await claimant.query(`update processor.shards set epoch = 1, owner = 'n:i' where shard = $1`, [SHARD]);
    const late = store.parkUnowned(SHARD, 0n, two);
    await lockWaits(1);
    await claimant.query('commit');
    expect(await late).toEqual({ kind: 'owned', epoch: 1n });
    expect(await bodies()).toEqual([]);
  });

  it('waits for a commit of the named owner, which counts; the next one is refused', async () => {
    await database.pool.query(`update processor.shards set epoch = 5, owner = 'n:i' where shard = $1`, [
      SHARD,
    ]);
    const owner = await connect();
    const deposits = await Promise.all(
      [1, 2].map(async () => pendingCommand(database.pool, { accountId: await newAccount(database.pool) })),
    );
    const change = (index: number) => changeOf([approved(deposits[index]!)], { shard: SHARD, epoch: 5n });
    await owner.query('begin');
    expect((await callCommit(owner, [change(0)])).verdicts).toEqual([{ kind: 'committed' }]);
    const parking = store.parkUnowned(SHARD, 5n, two);
    await lockWaits(1);
    await owner.query('commit');
    expect(await parking).toEqual({ kind: 'parked', epoch: 6n });
    expect((await callCommit(owner, [change(1)])).verdicts).toEqual([{ kind: 'fenced' }]);
  });

  it('a takeover waits for it, and whoever reads the account afterwards sees what was parked', async () => {
    const reading = await newAccount(database.pool);
    const holder = await connect();
    await holder.query('begin');
    await holder.query('lock table processor.parked in share mode');
    const parking = store.parkUnowned(SHARD, 0n, [command(reading, 'a')]);
    await lockWaits(1);
    const directory = new PostgresShardDirectory(
      database.pool,
      { nodeId: 'node-2', incarnation: randomUUID(), inbox: 'inbox' },
      { lockTimeoutMs: 30_000 },
    );
    const takeover = takeOver(directory, [SHARD]);
    await lockWaits(2);
    await holder.query('rollback');
    expect(await parking).toEqual({ kind: 'parked', epoch: 0n });
    expect(await takeover).toEqual(new Map([[SHARD, 1n]]));
    expect(await new PostgresReader(database.pool).account(reading)).toMatchObject({ hasParked: true });
  });
});
