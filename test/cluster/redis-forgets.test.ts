/**
 * What Redis has lost, or was never told. Without this: a thousand payments that wait for their retry wait for ever, or are made
 * twice, when somebody empties Redis; or a customer sees an old balance because a node died between its commit and the cache.
 */
import amqp from 'amqplib';
import { describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { auditLedger } from '../../src/infra/postgres/audit.ts';
import { withCacheReader } from '../../src/infra/redis/cache-reader.ts';
import { publishBodies } from '../support/broker-scene.ts';
import { eventually } from '../support/eventually.ts';
import { newCommand } from '../support/ledger-fixtures.ts';
import { bodyOf } from '../support/message-bodies.ts';
import type { ClusterScene } from './support/cluster-scene.ts';
import { decisionCount } from './support/measures.ts';
import { note, useCluster } from './support/use-cluster.ts';

const AN_HOUR = '3600000';
const ACCOUNTS = 120;
const RETRIES = 1_000;
const CENTS = 100n;
/** Deposits per account that Redis is not told of. */
const UNTOLD_ROUNDS = 6;
const LONG = { timeoutMs: 120_000, pollMs: 50 };

const cluster = useCluster({ delivery: 'persistent', env: { RETRY_DELAY_MS: AN_HOUR } });

async function newAccounts(scene: ClusterScene): Promise<readonly string[]> {
  const { rows } = await scene.pool.query<{ id: string }>(
    `insert into public.accounts (username) select 'test' from generate_series(1, $1::int) returning id`,
    [ACCOUNTS],
  );
  return rows.map(({ id }) => id);
}

const deposits = (accountIds: readonly string[]): readonly TransactionCommand[] =>
  accountIds.map((accountId) => newCommand({ accountId, amountCents: CENTS }));

async function insertRows(scene: ClusterScene, commands: readonly TransactionCommand[]): Promise<void> {
  await scene.pool.query(
    `insert into public.transactions (id, account_id, amount_cents, status, type, idempotency_key)
     select id, account_id, $3, 'PENDING', 'DEPOSIT', 'key-' || id from unnest($1::uuid[], $2::uuid[]) as g (id, account_id)`,
    [commands.map(({ transactionId }) => transactionId), commands.map(({ accountId }) => accountId), CENTS],
  );
}

const publish = (scene: ClusterScene, commands: readonly TransactionCommand[]): Promise<void> =>
  publishBodies(scene.rabbitmqUrl, 'transactions_queue', commands.map(bodyOf), { persistent: true });

/** Each when the broker has the one before, so that they make many commits and not a few large ones. */
async function publishOneByOne(scene: ClusterScene, commands: readonly TransactionCommand[]): Promise<void> {
  const connection = await amqp.connect(scene.rabbitmqUrl);
  const channel = await connection.createConfirmChannel();
  for (const command of commands) {
    channel.sendToQueue('transactions_queue', Buffer.from(bodyOf(command)), { persistent: true });
    await channel.waitForConfirms();
  }
  await connection.close();
}

/** Resolves when all are decided. */
async function depositRounds(
  scene: ClusterScene,
  accountIds: readonly string[],
  rounds: number,
): Promise<void> {
  const before = await decisionCount(scene);
  for (let round = 1; round <= rounds; round += 1) {
    const commands = deposits(accountIds);
    await insertRows(scene, commands);
    await publishOneByOne(scene, commands);
  }
  const all = before + rounds * accountIds.length;
  await eventually(async () => expect(await decisionCount(scene)).toBe(all), LONG);
}

async function untilNothingInFlight(scene: ClusterScene): Promise<void> {
  await eventually(async () => {
    for (const node of scene.nodes.values()) expect(await node.metric('paygate_in_flight')).toBe(0);
  }, LONG);
}

/** A portion of those without a decision, and what is known of each. */
async function undecided(
  scene: ClusterScene,
  commands: readonly TransactionCommand[],
): Promise<readonly unknown[]> {
  const { rows } = await scene.pool.query<Record<string, unknown>>(
    `select c.id, r.attempt, r.code, r.due_at, p.since, d.code as dead
       from unnest($1::uuid[]) as c (id)
       left join processor.retries r on r.transaction_id = c.id
       left join processor.parked p on encode(p.body, 'escape') like '%' || c.id || '%'
       left join processor.dead_letters d on d.transaction_id = c.id
      where not exists (select from processor.journal j where j.transaction_id = c.id)
      limit 20`,
    [commands.map(({ transactionId }) => transactionId)],
  );
  return rows;
}

const shown = (scene: ClusterScene, accountIds: readonly string[]): Promise<readonly (string | null)[]> =>
  withCacheReader(scene.redisUrl, (read) => read('account', accountIds));

async function untilShown(
  scene: ClusterScene,
  accountIds: readonly string[],
  deposited: number,
): Promise<void> {
  const balance = String(CENTS * BigInt(deposited));
  await eventually(
    async () => {
      const balances = await shown(scene, accountIds);
      expect(balances.filter((text) => text !== balance)).toEqual([]);
    },
    { ...LONG, pollMs: 20 },
  );
}

async function expectWhole(scene: ClusterScene): Promise<void> {
  await eventually(async () => {
    const { rows } = await scene.pool.query('select id from processor.outbox');
    expect(rows).toEqual([]);
  }, LONG);
  const report = await withCacheReader(scene.redisUrl, (readCached) =>
    auditLedger({ pool: scene.pool, readCached, expectDrained: true }),
  );
  expect(report.violations).toEqual([]);
}

/** Redis answers reads, and holds everything that writes, until it is let go on. */
async function holdWrites(scene: ClusterScene): Promise<() => Promise<unknown>> {
  await scene.redis.call('client', 'pause', '180000', 'write');
  return () => scene.redis.call('client', 'unpause');
}

describe('a node killed between its commits and the cache', () => {
  it('the others show the right balances', async () => {
    const scene = await cluster();
    const accountIds = await newAccounts(scene);
    await depositRounds(scene, accountIds, 1);
    await untilShown(scene, accountIds, 1);
    const victim = await scene.ownerOnly();
    const shards = (await scene.shardsByOwner()).get(victim) ?? [];
    const isVictims = (id: string): boolean => shards.includes(shardOf(id, 256));
    const untold = accountIds.filter(isVictims);
    const late = (await newAccounts(scene)).filter(isVictims);
    expect(Math.min(untold.length, late.length)).toBeGreaterThan(0);

    const goOn = await holdWrites(scene);
    await depositRounds(scene, accountIds, UNTOLD_ROUNDS);
    // Committed last: nobody takes these up for two seconds, since their node might be at it.
    await depositRounds(scene, late, 1);
    expect(new Set(await shown(scene, untold))).toEqual(new Set([String(CENTS)]));
    const { rows: left } = await scene.pool.query('select id from processor.outbox');
    const killedAtMs = performance.now();
    await scene.kill(victim);
    await goOn();
    const passedMs = (): number => Math.round(performance.now() - killedAtMs);
    await untilShown(scene, untold, 1 + UNTOLD_ROUNDS);
    const earlyMs = passedMs();
    await untilShown(scene, late, 1);
    note(
      `an owner killed between commits and cache, ${left.length} commits untold: ${untold.length} balances right after ${earlyMs} ms, ${late.length} more after ${passedMs()} ms`,
    );

    await untilShown(scene, accountIds, 1 + UNTOLD_ROUNDS);
    await expectWhole(scene);
  });
});

// Last, since the cache is not complete any more after it has lost its contents.
describe('FLUSHALL', () => {
  it('with a thousand retries scheduled, and again while they come back: none lost, none doubled', async () => {
    const scene = await cluster();
    const accountIds = await newAccounts(scene);
    const before = await decisionCount(scene);
    const owners = [...(await scene.shardsByOwner())].filter(([, shards]) =>
      accountIds.some((id) => shards.includes(shardOf(id, 256))),
    );
    expect(owners).toHaveLength(3);
    // Their rows are not there yet.
    const commands = deposits(Array.from({ length: RETRIES }, (_, n) => accountIds[n % ACCOUNTS] ?? ''));
    await publish(scene, commands);
    const scheduled = (): Promise<number> => scene.redis.zcard('paygate:paygate-retries:delayed');
    await eventually(async () => expect(await scheduled()).toBe(RETRIES), LONG);
    // Else the hour of a repeat might be written down after the rows are there.
    await untilNothingInFlight(scene);

    await scene.redis.flushall();
    expect(await scheduled()).toBe(0);
    await insertRows(scene, commands);
    await scene.pool.query(
      `update processor.retries r set due_at = now() + g.place * interval '4 milliseconds'
         from (select transaction_id, row_number() over (order by md5(transaction_id::text)) as place
                 from processor.retries) g
        where r.transaction_id = g.transaction_id`,
    );
    await eventually(async () => expect(await decisionCount(scene)).toBeGreaterThan(before + 200), LONG);
    await scene.redis.flushall();
    await eventually(async () => expect(await undecided(scene, commands)).toEqual([]), LONG);

    const { rows } = await scene.pool.query<{ decided: number; transactions: number; road: string }>(
      `select count(*)::int as decided, count(distinct transaction_id)::int as transactions, road
         from processor.journal where transaction_id = any ($1::uuid[]) group by road`,
      [commands.map(({ transactionId }) => transactionId)],
    );
    expect(rows).toEqual([{ decided: RETRIES, transactions: RETRIES, road: 'retry' }]);
    await eventually(async () => {
      const left = await scene.pool.query(
        `select transaction_id from processor.retries union all select transaction_id from processor.dead_letters`,
      );
      expect(left.rows).toEqual([]);
    }, LONG);
    const extra = RETRIES % ACCOUNTS;
    await untilShown(scene, accountIds.slice(0, extra), Math.ceil(RETRIES / ACCOUNTS));
    await untilShown(scene, accountIds.slice(extra), Math.floor(RETRIES / ACCOUNTS));
    await expectWhole(scene);
    expect(await decisionCount(scene)).toBe(before + RETRIES);
  });
});
