/**
 * Accounts that are set aside, in the ledger. Without this a restart forgets it: newer commands are decided while older ones
 * stand in `processor.parked`, on a balance that is known to be wrong; or a node that has lost the shard stops an account of
 * its new owner.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCacheReader } from '../../src/infra/redis/cache-reader.ts';
import type { OperatorResult } from '../../src/domain/settlement.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { PostgresParkStore } from '../../src/infra/postgres/park-store.ts';
import { PostgresQuarantineStore } from '../../src/infra/postgres/quarantine-store.ts';
import { OrderClient } from '../../src/infra/rabbitmq/order-client.ts';
import { LIMITS } from '../../src/limits.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import {
  approved,
  changeOf,
  INCARNATION,
  ledgerOn,
  newAccount,
  newClient,
  pendingCommand,
} from '../support/ledger-fixtures.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { audited, backlog, cell, configOf, messagesIn, publish } from './node-scene.ts';

const REASON = 'balance 5 at seq 1, sum of the journal 4 (cents)';

let database: TestDatabase;
const clients: pg.Client[] = [];
beforeEach(async () => {
  database = await withDatabase();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await database.drop();
});

async function connect(): Promise<pg.Client & { processID?: number }> {
  const client = await newClient(database.url, 'another node');
  clients.push(client);
  return client;
}

async function rowsOf(sql: string, values: readonly unknown[] = []): Promise<readonly pg.QueryResultRow[]> {
  return (await database.pool.query<pg.QueryResultRow>(sql, [...values])).rows;
}

const standing = (accountId: string): Promise<readonly pg.QueryResultRow[]> =>
  rowsOf('select balance_cents, seq, status from processor.accounts where account_id = $1', [accountId]);
const log = (): Promise<readonly pg.QueryResultRow[]> =>
  rowsOf('select operator, action, subject, why, detail from processor.operator_log order by id');

describe('the status in the ledger', () => {
  const store = (): PostgresQuarantineStore =>
    new PostgresQuarantineStore(database.pool, { nodeId: 'node-1', incarnation: INCARNATION });
  const order = (accountId: string, epoch: bigint, reason = REASON) => ({
    accountId,
    shard: 3,
    epoch,
    reason,
  });
  beforeEach(() => database.pool.query('update processor.shards set epoch = 5 where shard = 3'));

  it('is written with who and why; balance and seq stay as they were found', async () => {
    const accountId = randomUUID();
    await database.pool.query(`insert into processor.accounts values ($1, 5, 1, 'frozen')`, [accountId]);
    expect(await store().setAside(order(accountId, 5n))).toBe('quarantined');
    expect(await standing(accountId)).toEqual([{ balance_cents: '5', seq: '1', status: 'quarantined' }]);
    const detail = { statusBefore: 'frozen', balanceCents: '5', seq: '1', shard: 3, epoch: '5' };
    expect(await log()).toEqual([
      {
        operator: 'node-1',
        action: 'quarantine',
        subject: accountId,
        why: REASON,
        detail: { ...detail, incarnation: INCARNATION },
      },
    ]);
  });

  it('is written for an account without decisions, and a commit that was on its way still fits', async () => {
    const command = await pendingCommand(database.pool, { accountId: await newAccount(database.pool) });
    expect(await store().setAside(order(command.accountId, 5n, 'what was thrown: \0'))).toBe('quarantined');
    expect(await standing(command.accountId)).toEqual([
      { balance_cents: '0', seq: '0', status: 'quarantined' },
    ]);
    expect(await log()).toMatchObject([
      { why: 'what was thrown: \uFFFD', detail: { statusBefore: 'active' } },
    ]);
    const ledger = ledgerOn(database.url);
    const { verdicts } = await ledger.commit([changeOf([approved(command)], { shard: 3, epoch: 5n })]);
    await ledger.close();
    expect(verdicts).toEqual([{ kind: 'committed' }]);
    expect(await standing(command.accountId)).toEqual([
      { balance_cents: '1000', seq: '1', status: 'quarantined' },
    ]);
  });

  it('is written once, however often it is asked for', async () => {
    const accountId = randomUUID();
    for (const reason of [REASON, 'another']) {
      expect(await store().setAside(order(accountId, 5n, reason))).toBe('quarantined');
    }
    expect(await log()).toMatchObject([{ why: REASON }]);
  });

  it.each([4n, 6n])(
    'under epoch %s, which is not the one of the shard, nothing is written',
    async (epoch) => {
      const accountId = randomUUID();
      expect(await store().setAside(order(accountId, epoch))).toBe('fenced');
      expect(await standing(accountId)).toEqual([]);
      expect(await log()).toEqual([]);
    },
  );

  it('waits for a takeover under way and finds itself fenced', async () => {
    const claimant = await connect();
    const accountId = randomUUID();
    await claimant.query('begin');
    await claimant.query('update processor.shards set epoch = 6 where shard = 3');
    const late = store().setAside(order(accountId, 5n));
    await eventually(async () => expect(await lockWaits()).toBe(1));
    await claimant.query('commit');
    expect(await late).toBe('fenced');
    expect(await standing(accountId)).toEqual([]);
  });

  it('holds off a takeover until it is written', async () => {
    const [holder, claimant] = [await connect(), await connect()];
    const accountId = randomUUID();
    await database.pool.query('insert into processor.accounts values ($1, 5, 1)', [accountId]);
    // The quarantine has the shard and waits for the account.
    await holder.query('begin');
    await holder.query('select 1 from processor.accounts where account_id = $1 for update', [accountId]);
    const writing = store().setAside(order(accountId, 5n));
    await eventually(async () => expect(await lockWaits()).toBe(1));
    const takeover = claimant.query('update processor.shards set epoch = 6 where shard = 3');
    await eventually(async () => expect(await lockWaits()).toBe(2));
    await holder.query('rollback');
    expect(await writing).toBe('quarantined');
    await takeover;
  });
});

/** Connections to this database that wait for somebody's lock. */
async function lockWaits(): Promise<number> {
  const [row] = await rowsOf(
    `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return Number(row?.['n']);
}

function depositOf(accountId: string): string {
  return JSON.stringify({
    transaction_id: randomUUID(),
    account_id: accountId,
    amount_cents: 700,
    transaction_type: 'DEPOSIT',
    idempotency_key: randomUUID(),
    timestamp: '2026-11-22T10:40:00Z',
  });
}

const idOf = (body: string): string => (JSON.parse(body) as { transaction_id: string }).transaction_id;

describe('a balance that is not its journal', () => {
  let vhost: TestPlace;
  let redis: TestPlace;
  let nodes: RunningNode[];
  beforeEach(async () => {
    [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
    nodes = [];
  });
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.drain()));
    await Promise.all([vhost.drop(), redis.drop()]);
  });

  async function start(nodeId: string): Promise<RunningNode> {
    const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
    const node = await startNode(configOf(place, { NODE_ID: nodeId }), { logger: new QuietLogger() });
    nodes.push(node);
    return node;
  }

  /** Returns the bodies that were sent, in order. */
  async function deposit(accountId: string, count: number): Promise<readonly string[]> {
    const bodies = Array.from({ length: count }, () => depositOf(accountId));
    await publish(
      vhost.url,
      bodies.map((body) => ({ queue: 'transactions_queue', body })),
    );
    return bodies;
  }

  async function forceRecalculation(accountId: string): Promise<void> {
    const timestamp = '2026-11-22T10:40:00Z';
    const body = JSON.stringify({ account_id: accountId, force_recalculation: true, timestamp });
    await publish(vhost.url, [{ queue: 'balance_calculation_queue', body }]);
  }

  /** As an operator's command does. */
  async function released(accountId: string): Promise<OperatorResult> {
    const shard = shardOf(accountId, LIMITS.shardCount);
    const orderId = randomUUID();
    const action = { kind: 'release' } as const;
    const client = await OrderClient.open({ url: vhost.url });
    const outcome = await client.place({
      orderId,
      order: {
        kind: 'account',
        command: { kind: 'operator', orderId, accountId, action, operator: 'ada', why: 'a test' },
      },
      inboxOf: () => cell(database.pool, 'select inbox from processor.shards where shard = $1', [shard]),
      deadlineMs: 60_000,
    });
    await client.close();
    if (outcome.kind !== 'result') throw new Error(`an order ended as ${outcome.kind}`);
    return outcome.result;
  }

  const cached = (accountId: string): Promise<string | null> =>
    withCacheReader(redis.url, async (read) => (await read('account', [accountId]))[0] ?? null);
  const decided = (accountId: string): Promise<string> =>
    cell(database.pool, 'select count(*) from processor.journal where account_id = $1', [accountId]);
  const parkedBodies = async (): Promise<readonly string[]> =>
    (await rowsOf('select body from processor.parked order by n')).map(({ body }) => String(body));

  /** An account with one deposit in the journal, one cent too much in its balance, and no actor that knows. */
  async function brokenAccount(): Promise<string> {
    const accountId = await newAccount(database.pool);
    await deposit(accountId, 1);
    await eventually(async () => expect(await decided(accountId)).toBe('1'));
    await database.pool.query('update processor.accounts set balance_cents = 701 where account_id = $1', [
      accountId,
    ]);
    return accountId;
  }

  it('sets the account aside for good: its commands are parked, also after a restart; others go on', async () => {
    const first = await start('first');
    const [broken, sound] = [await brokenAccount(), await newAccount(database.pool)];
    await forceRecalculation(broken);
    await eventually(async () =>
      expect(await standing(broken)).toEqual([{ balance_cents: '701', seq: '1', status: 'quarantined' }]),
    );
    expect(await log()).toMatchObject([{ operator: 'first', action: 'quarantine', subject: broken }]);
    await eventually(async () => {
      const [letter] = await messagesIn(vhost.url, 'system_dlq');
      expect(letter?.properties.headers).toMatchObject({ 'x-reason': 'INVARIANT_BROKEN' });
    });
    const before = await deposit(broken, 3);
    await deposit(sound, 1);
    await eventually(async () => {
      expect(await parkedBodies()).toEqual(before);
      expect(await decided(sound)).toBe('1');
    });
    expect(await first.drain()).toBe('drained');

    await start('second');
    const after = await deposit(broken, 2);
    await deposit(sound, 1);
    await eventually(async () => {
      expect(await parkedBodies()).toEqual([...before, ...after]);
      expect(await decided(sound)).toBe('2');
    });
    await eventually(async () => expect(await backlog(vhost.url)).toBe(0));
    expect(await standing(broken)).toEqual([{ balance_cents: '701', seq: '1', status: 'quarantined' }]);
    expect(await decided(broken)).toBe('1');
    expect(await log()).toHaveLength(1);
    const { violations } = await audited(database.pool, redis.url, { expectDrained: false });
    expect(violations.map(({ kind }) => kind)).toContain('balance-not-journal');
    const about = violations.flatMap(({ samples }) => samples.map(({ accountId }) => accountId));
    expect(new Set(about)).toEqual(new Set([broken]));
  });

  it('released: what was parked is decided in order before anything newer, and the audit is clean', async () => {
    const node = await start('first');
    const broken = await brokenAccount();
    await forceRecalculation(broken);
    await eventually(async () => expect(await standing(broken)).toMatchObject([{ status: 'quarantined' }]));
    const before = await deposit(broken, 5);
    await eventually(async () => expect(await parkedBodies()).toEqual(before));
    expect(await released(broken)).toMatchObject({
      kind: 'refused',
      detail: expect.stringContaining('still broken') as string,
    });

    // Put right by hand; a release, and a command right behind it, while parked ones are there.
    await database.pool.query('update processor.accounts set balance_cents = 700 where account_id = $1', [
      broken,
    ]);
    const [result] = await Promise.all([released(broken), deposit(broken, 1)]);
    expect(result).toMatchObject({ kind: 'done', seq: 2n, status: 'active' });
    const after = await deposit(broken, 3);
    await eventually(async () => expect(await decided(broken)).toBe('11'));
    const journal = await rowsOf(
      'select transaction_id, type from processor.journal where account_id = $1 order by seq',
      [broken],
    );
    expect(journal.map(({ type }) => String(type))).toEqual([
      'DEPOSIT',
      'RELEASE',
      ...Array<string>(9).fill('DEPOSIT'),
    ]);
    const ids = journal.map((row) => String(row['transaction_id']));
    expect(ids.slice(2, 7)).toEqual(before.map(idOf));
    expect(ids.slice(8)).toEqual(after.map(idOf));
    expect(await standing(broken)).toEqual([{ balance_cents: '7000', seq: '11', status: 'active' }]);
    await eventually(async () => expect(await parkedBodies()).toEqual([]));
    expect(await backlog(vhost.url)).toBe(0);
    expect(await node.drain()).toBe('drained');
    expect((await audited(database.pool, redis.url)).violations).toEqual([]);
  });

  it('asked for its balance it answers with what the ledger holds, and no row is added', async () => {
    await start('first');
    const broken = await brokenAccount();
    await forceRecalculation(broken);
    await eventually(async () => expect(await standing(broken)).toMatchObject([{ status: 'quarantined' }]));
    const body = JSON.stringify({ account_id: broken });
    await publish(
      vhost.url,
      [1, 2, 3].map(() => ({ queue: 'calculate_balance_queue', body })),
    );
    await eventually(async () => {
      expect(await backlog(vhost.url)).toBe(0);
      expect(await cached(broken)).toBe('701');
    });
    expect(await parkedBodies()).toEqual([]);
  });

  it('what was parked while nobody served the shard is decided without any further command', async () => {
    const accountId = await newAccount(database.pool);
    const bodies = Array.from({ length: 3 }, () => depositOf(accountId));
    const store = new PostgresParkStore(database.pool);
    const commands = bodies.map((body) => ({
      accountId,
      queue: 'transactions_queue' as const,
      body: Buffer.from(body),
      reason: 'nobody serves its shard',
    }));
    await store.parkUnowned(shardOf(accountId, LIMITS.shardCount), 0n, commands);
    await start('first');
    await eventually(async () => expect(await decided(accountId)).toBe('3'));
    await eventually(async () => expect(await parkedBodies()).toEqual([]));
    const journal = await rowsOf('select transaction_id from processor.journal order by seq');
    expect(journal.map((row) => String(row['transaction_id']))).toEqual(bodies.map(idOf));
  });

  it('while the ledger cannot take the quarantine nothing is decided, parked or acknowledged', async () => {
    const node = await start('first');
    const broken = await brokenAccount();
    const holder = await connect();
    await holder.query('begin');
    const shard = shardOf(broken, LIMITS.shardCount);
    await holder.query('select 1 from processor.shards where shard = $1 for no key update', [shard]);
    await forceRecalculation(broken);
    await eventually(async () => expect(await lockWaits()).toBe(1));
    const bodies = await deposit(broken, 3);
    await eventually(async () => {
      const metrics = await (await fetch(new URL('/metrics', node.address))).text();
      expect(metrics).toContain('paygate_messages_received_total{queue="transactions_queue"} 4');
    });
    // Past the first try of the write: `poolLockTimeoutMs`.
    await eventually(async () => expect(await lockWaits()).toBe(0));
    expect(await parkedBodies()).toEqual([]);
    expect(await decided(broken)).toBe('1');
    expect(await cell(database.pool, 'select count(*) from processor.dead_letters')).toBe('0');
    await holder.query('rollback');
    await eventually(async () => expect(await parkedBodies()).toEqual(bodies));
    expect(await standing(broken)).toMatchObject([{ status: 'quarantined' }]);
    expect(await decided(broken)).toBe('1');
  });
});
