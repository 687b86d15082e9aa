/**
 * What the console reads of PostgreSQL and Redis. Without this: a list that an operator needs in an outage fails on its first
 * real row, a balance that is not its journal stays green, or the figures of a node that was killed take its past with them.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NodeFigures } from '../../src/contracts/console.ts';
import { accountPage, transactionPage, waitingRows } from '../../src/infra/console/pages.ts';
import { checkSomeBalances } from '../../src/infra/postgres/balance-check.ts';
import { readDirectoryView, readShardOwner } from '../../src/infra/postgres/cluster-view.ts';
import { createPool } from '../../src/infra/postgres/pool.ts';
import { readWaiting } from '../../src/infra/postgres/waiting-view.ts';
import { FigureBoard } from '../../src/infra/redis/figure-board.ts';
import { systemRandom } from '../../src/infra/system-clock.ts';
import { LIMITS } from '../../src/limits.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually, freshRedis, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';

let database: TestDatabase;
let redis: TestPlace;

beforeAll(async () => {
  [database, redis] = await Promise.all([withDatabase(), freshRedis()]);
});
afterAll(async () => {
  await Promise.all([database.drop(), redis.drop()]);
});

const BODY = Buffer.from(JSON.stringify({ transaction_id: 't', card_token: 'secret' }));

it('counts and lists dead letters, retries and parked commands, bodies masked', async () => {
  const { pool } = database;
  expect((await readWaiting(pool)).deadLetters).toMatchObject({ count: 0, oldest: null });
  const [transactionId, accountId] = [randomUUID(), randomUUID()];
  await pool.query(
    `insert into processor.dead_letters (queue, dead_letter_queue, code, detail, body, body_bytes, body_sha256, attempts, first_seen_at)
     values ('transactions_queue', 'system_dlq', 'BODY_NOT_JSON', 'why', $1, 9, '', 1, now())`,
    [BODY],
  );
  await pool.query(
    `insert into processor.retries values ($1, $2, 0, 2, 'ROW_MISSING', 'transactions_queue', $3, now(), now())`,
    [transactionId, accountId, BODY],
  );
  await pool.query(
    `insert into processor.parked (account_id, queue, body, reason) values ($1, 'transactions_queue', $2, 'set aside')`,
    [accountId, BODY],
  );
  const waiting = await readWaiting(pool);
  expect(waiting.retries.reasons).toEqual([{ reason: 'ROW_MISSING', count: 1 }]);
  expect([waiting.deadLetters.count, waiting.parked.count]).toEqual([1, 1]);
  expect(await waitingRows(pool, 'dead-letters')).toMatchObject([{ reason: 'BODY_NOT_JSON', detail: 'why' }]);
  expect(await waitingRows(pool, 'retries')).toMatchObject([{ id: transactionId, attempts: 2, accountId }]);
  const [parked] = await waitingRows(pool, 'parked');
  expect(parked).toMatchObject({ reason: 'set aside', accountId });
  expect(parked?.payload).not.toContain('secret');
});

it('asks on connections that cannot change anything, and needs no more', async () => {
  const settings = { databaseUrl: database.url, applicationName: 'console', connectionsMax: 1 };
  const pool = createPool({ ...settings, access: 'read-only' }, new QuietLogger());
  try {
    const id = randomUUID();
    expect(await accountPage(pool, id, () => null)).toBeNull();
    expect((await transactionPage(pool, id)).known).toBe(false);
    for (const list of ['dead-letters', 'retries', 'parked'] as const) await waitingRows(pool, list);
    await readWaiting(pool);
    await checkSomeBalances(pool);
    expect((await readDirectoryView(pool)).shards).toHaveLength(LIMITS.shardCount);
    expect(await readShardOwner(pool, 0)).toBeNull();
    await expect(pool.query('delete from processor.retries')).rejects.toThrow('read-only transaction');
  } finally {
    await pool.end();
  }
});

it('finds a balance that is not its journal', async () => {
  const { pool } = database;
  const [right, wrong] = [randomUUID(), randomUUID()];
  for (const accountId of [right, wrong]) {
    await pool.query(
      `insert into processor.journal (account_id, seq, transaction_id, type, outcome, requested_cents, amount_cents,
         balance_after_cents, counter_account, epoch, road, occurred_at)
       values ($1, 1, $2, 'DEPOSIT', 'APPROVED', 500, 500, 500, 'cash', 1, 'delivery', now())`,
      [accountId, randomUUID()],
    );
    await pool.query('insert into processor.accounts (account_id, balance_cents, seq) values ($1, 500, 1)', [
      accountId,
    ]);
  }
  expect(await checkSomeBalances(pool)).toEqual({ checked: 2, wrong: [] });
  await pool.query('update processor.accounts set balance_cents = 501 where account_id = $1', [wrong]);
  expect(await checkSomeBalances(pool)).toEqual({ checked: 2, wrong: [wrong] });
});

function figuresOf(incarnation: string, second: number): NodeFigures {
  const rates = { received: 1, approved: 1, rejected: 0, retried: 0, deadLettered: 0 };
  return {
    ...{ nodeId: 'node-1', incarnation, status: 'ready' },
    ...{ dependencies: {}, uptimeSeconds: 1, cpuPercent: 1, residentBytes: 1, loopP99Ms: 0, accounts: 0 },
    ...{ inFlight: 0, mailboxTotal: 0, mailboxMax: 0, survey: null },
    sample: { second, ...rates, latency: [1], commits: 1, committed: 1, mailboxAgeMs: 0 },
  };
}

it('keeps the past of every node for the consoles of all, and tells nodes whether anybody watches', async () => {
  const board = new FigureBoard({
    url: redis.url,
    name: 'test',
    logger: new QuietLogger(),
    random: systemRandom,
  });
  await eventually(async () => expect(await board.publish(figuresOf('a', 100))).toBe('unwatched'));
  await board.publish(figuresOf('a', 101));
  await board.watch();
  expect(await board.publish(figuresOf('b', 101))).toBe('watched');
  const { figures, samples } = await board.read(300);
  expect(figures.map(({ incarnation }) => incarnation).sort()).toEqual(['a', 'b']);
  expect(
    samples
      .get('a')
      ?.map(({ second }) => second)
      .slice(0, 2),
  ).toEqual([101, 100]);
  expect((await board.read(1)).samples.get('a')).toHaveLength(1);
  await board.close();
});
