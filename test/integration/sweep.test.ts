/**
 * Transactions whose message was lost, on a whole node and real servers. Without this: a payment that the Go API has taken stays
 * PENDING for ever, or the sweep decides what the queue would have decided in another order.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import type { Environment } from '../../src/config.ts';
import { ADVISORY_LOCKS } from '../../src/infra/postgres/advisory-locks.ts';
import { liveBodyOf } from '../../src/contracts/live-body.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { note } from '../cluster/support/use-cluster.ts';
import { publishBodies } from '../support/broker-scene.ts';
import { insertRow, newAccount, newCommand } from '../support/ledger-fixtures.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { audited, cell, configOf, figure, messagesIn, publish, slowCommits } from './node-scene.ts';
import type { Place } from './node-scene.ts';

/** Times that a test can wait for. */
const FAST = { SWEEP_AGE_MIN: '1s', SWEEP_POLL: '100ms' };

let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;
let place: Place;
const nodes: RunningNode[] = [];

beforeEach(async () => {
  [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

async function start(settings: Environment = {}, logger = new QuietLogger()): Promise<RunningNode> {
  const node = await startNode(configOf(place, { ...FAST, ...settings }), { logger });
  nodes.push(node);
  return node;
}

interface RowFields {
  readonly accountId?: string | null;
  readonly type?: string;
  readonly amountCents?: number;
  readonly age?: string;
  readonly key?: string | null;
  readonly originalId?: string | null;
}

/** A row as the Go API leaves it where its message is lost. */
async function pending(fields: RowFields = {}): Promise<string> {
  const id = randomUUID();
  const accountId = fields.accountId === undefined ? await newAccount(database.pool) : fields.accountId;
  await database.pool.query(
    `insert into public.transactions
       (id, account_id, amount_cents, status, type, created_at, idempotency_key, refund_transaction_id)
     values ($1, $2, $3, 'PENDING', $4, now() - $5::interval, $6, $7)`,
    [
      id,
      accountId,
      fields.amountCents ?? 1_000,
      fields.type ?? 'DEPOSIT',
      fields.age ?? '1 hour',
      fields.key === undefined ? `key-${id}` : fields.key,
      fields.originalId ?? null,
    ],
  );
  return id;
}

const statusOf = (id: string): Promise<string> =>
  cell(database.pool, 'select status from public.transactions where id = $1', [id]);

const becomes = (id: string, status: string): Promise<void> =>
  eventually(async () => expect(await statusOf(id)).toBe(status));

const openLetters = (id: string): Promise<string> =>
  cell(
    database.pool,
    `select coalesce(string_agg(code || ' ' || state, ', ' order by id), 'none')
       from processor.dead_letters where transaction_id = $1`,
    [id],
  );

describe('a transaction whose message was lost', { timeout: 120_000 }, () => {
  it('is driven, an account’s oldest first, and says so in the journal', async () => {
    const accountId = await newAccount(database.pool);
    // The younger ones are inserted first: only their times tell the order.
    const purchase = await pending({ accountId, type: 'PURCHASE', amountCents: 900, age: '10 minutes' });
    const charge = await pending({ accountId, type: 'CHARGE', amountCents: 200, age: '5 minutes' });
    const deposit = await pending({ accountId, amountCents: 1_000, age: '20 hours' });
    const node = await start();
    await Promise.all([
      becomes(deposit, 'APPROVED'),
      becomes(purchase, 'APPROVED'),
      becomes(charge, 'REJECTED'),
    ]);
    const roads = await cell(
      database.pool,
      `select string_agg(road, ' ' order by seq) from processor.journal`,
    );
    expect(roads).toBe('sweep sweep sweep');
    await eventually(async () => expect(await figure(node, 'paygate_in_flight')).toBe(0));
    expect(await figure(node, 'paygate_swept_rows_total{result="driven"}')).toBe(3);
    await node.drain();
    expect((await audited(database.pool, redis.url)).violations).toEqual([]);
  });

  it('is driven soon after it has come of age, with the settings that everybody has', async () => {
    await start({ SWEEP_AGE_MIN: undefined, SWEEP_POLL: undefined });
    const id = await pending({ age: '25 seconds' });
    await becomes(id, 'APPROVED');
    const afterMs = await cell(
      database.pool,
      `select round(extract(epoch from j.decided_at - t.created_at) * 1000)
         from processor.journal j join public.transactions t on t.id = j.transaction_id`,
    );
    note(`a lost message was decided ${Number(afterMs) - 30_000} ms after its row had come of age`);
    // Never before: its message may be late only.
    expect(Number(afterMs)).toBeGreaterThan(30_000);
  });

  it('is the same transaction as its message, which comes late', async () => {
    const id = await pending();
    await start();
    await becomes(id, 'APPROVED');
    const { rows } = await database.pool.query<{ account_id: string; at: string }>(
      `select account_id, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
         from public.transactions where id = $1`,
      [id],
    );
    const [row] = rows;
    const body = liveBodyOf({
      id,
      accountId: row?.account_id ?? '',
      cardId: null,
      amountCents: 1_000n,
      type: 'DEPOSIT',
      idempotencyKey: `key-${id}`,
      originalId: null,
      createdAt: row?.at ?? '',
    });
    await publish(vhost.url, [{ queue: 'transactions_queue', body }]);
    const [node] = nodes;
    await eventually(async () =>
      expect(
        await figure(node as RunningNode, 'paygate_transactions_repeated_total{kind="already_decided"}'),
      ).toBe(1),
    );
    expect(await cell(database.pool, 'select count(*) from processor.journal')).toBe('1');
  });

  it('is left alone while it is young, and for ever when it is older than a day', async () => {
    const logger = new QuietLogger();
    const old = await pending({ age: '25 hours' });
    await start({ SWEEP_AGE_MIN: '1h' }, logger);
    const young = await pending({ age: '10 minutes' });
    const lost = await pending({ age: '2 hours' });
    await becomes(lost, 'APPROVED');
    expect(await statusOf(young)).toBe('PENDING');
    expect(await statusOf(old)).toBe('PENDING');
    await eventually(() =>
      expect(
        logger.entries.find(({ message }) => message.includes('paygate pending list'))?.fields,
      ).toMatchObject({ pending: 1 }),
    );
  });

  it('is not driven while a retry, a parked command of its account or an open dead letter takes care of it', async () => {
    const [retried, parked, buried] = [await pending(), await pending(), await pending()];
    await database.pool.query(
      `insert into processor.retries select id, account_id, 0, 1, 'ROW_LOCKED', 'transactions_queue', '', now() + '1 day', now()
         from public.transactions where id = $1`,
      [retried],
    );
    await database.pool.query(
      `with p as (insert into processor.parked (account_id, queue, body, reason)
                  select account_id, 'transactions_queue', '{}', 'test' from public.transactions where id = $1
                  returning account_id)
       insert into processor.accounts (account_id, balance_cents, seq, status) select account_id, 0, 0, 'quarantined' from p`,
      [parked],
    );
    await database.pool.query(
      `insert into processor.dead_letters (queue, dead_letter_queue, code, detail, transaction_id, body, body_bytes,
         body_sha256, attempts, first_seen_at)
       values ('transactions_queue', 'transactions_dlq', 'COMMIT_REFUSED', '', $1, '', 0, '', 1, now())`,
      [buried],
    );
    const free = await pending({ age: '10 minutes' });
    await start();
    await becomes(free, 'APPROVED');
    for (const id of [retried, parked, buried]) expect(await statusOf(id)).toBe('PENDING');
  });
});

describe('a row that came after its message was given up', { timeout: 120_000 }, () => {
  const given = { RETRY_ATTEMPTS: '1', RETRY_DELAY_MS: '20' };
  const standings = (id: string): Promise<string> =>
    cell(
      database.pool,
      `select coalesce(string_agg(code || ' ' || standing, ', ' order by id), 'none')
         from processor.letters where transaction_id = $1`,
      [id],
    );

  it('is driven, and its letter is answered', async () => {
    await start(given);
    const command = newCommand({ accountId: await newAccount(database.pool) });
    await publish(vhost.url, [{ queue: 'transactions_queue', body: bodyOf(command) }]);
    await eventually(async () => expect(await standings(command.transactionId)).toBe('ROW_MISSING open'));
    await insertRow(database.pool, command);
    await becomes(command.transactionId, 'APPROVED');
    expect(await standings(command.transactionId)).toBe('ROW_MISSING decided');
  });

  it('a refund’s is left to its letter, which alone says of what; its replay decides it', async () => {
    await start(given);
    const accountId = await newAccount(database.pool);
    const deposit = await pending({ accountId });
    await becomes(deposit, 'APPROVED');
    const refund = newCommand({ accountId, type: 'REFUND', amountCents: 400n, originalId: deposit });
    const body = bodyOf(refund);
    await publish(vhost.url, [{ queue: 'transactions_queue', body }]);
    await eventually(async () => expect(await standings(refund.transactionId)).toBe('ROW_MISSING open'));
    await insertRow(database.pool, refund);
    // Rows are looked at in the order of their times: with each of these the refund's was looked at again.
    for (let look = 1; look <= 3; look += 1) await becomes(await pending({ age: '0 seconds' }), 'APPROVED');
    expect(await standings(refund.transactionId)).toBe('ROW_MISSING open');
    expect(await statusOf(refund.transactionId)).toBe('PENDING');
    await publish(vhost.url, [{ queue: 'retry_queue', body }]);
    await becomes(refund.transactionId, 'APPROVED');
    expect(await standings(refund.transactionId)).toBe('ROW_MISSING replayed');
  });
});

describe('a row that cannot be driven', { timeout: 120_000 }, () => {
  it('a refund that does not say of what: one dead letter, and it stays PENDING', async () => {
    const id = await pending({ type: 'REFUND' });
    const node = await start();
    await eventually(async () => expect(await openLetters(id)).toBe('REFUND_TARGET_UNKNOWN open'));
    // Later ones find it as well.
    const later = await pending({ age: '30 minutes' });
    await becomes(later, 'APPROVED');
    const again = await pending({ age: '20 minutes' });
    await becomes(again, 'APPROVED');
    await node.drain();
    nodes.length = 0;
    await start();
    const last = await pending({ age: '10 minutes' });
    await becomes(last, 'APPROVED');
    expect(await openLetters(id)).toBe('REFUND_TARGET_UNKNOWN open');
    expect(await statusOf(id)).toBe('PENDING');
    const [message, ...others] = await messagesIn(vhost.url, 'transactions_dlq');
    expect(others).toHaveLength(0);
    expect(message?.properties.headers).toMatchObject({
      'x-reason': 'REFUND_TARGET_UNKNOWN',
      'x-attempts': 0,
      'x-original-queue': 'transactions_queue',
    });
    expect(JSON.parse(message?.content.toString() ?? '')).toMatchObject({ id, type: 'REFUND' });
  });

  it('a refund that says it is driven', async () => {
    const accountId = await newAccount(database.pool);
    const deposit = await pending({ accountId, age: '2 hours' });
    const refund = await pending({ accountId, type: 'REFUND', amountCents: 400, originalId: deposit });
    await start();
    await becomes(refund, 'APPROVED');
    expect(await openLetters(refund)).toBe('none');
  });

  it('its letter is closed when the message comes after all', async () => {
    const accountId = await newAccount(database.pool);
    const deposit = await pending({ accountId, age: '2 hours' });
    const refund = await pending({ accountId, type: 'REFUND', amountCents: 400 });
    await start();
    await eventually(async () => expect(await openLetters(refund)).toBe('REFUND_TARGET_UNKNOWN open'));
    const body = liveBodyOf({
      id: refund,
      accountId,
      cardId: null,
      amountCents: 400n,
      type: 'REFUND',
      idempotencyKey: `key-${refund}`,
      originalId: deposit,
      createdAt: new Date().toISOString(),
    });
    await publish(vhost.url, [{ queue: 'transactions_queue', body }]);
    await becomes(refund, 'APPROVED');
    await eventually(async () => expect(await openLetters(refund)).toBe('REFUND_TARGET_UNKNOWN replayed'));
  });

  it('one that is no transaction becomes ERROR, with one dead letter each', async () => {
    const rows = [
      await pending({ accountId: null }),
      await pending({ type: 'GIFT' }),
      await pending({ amountCents: 0 }),
      await pending({ amountCents: -5 }),
      await pending({ key: null }),
      await pending({ key: '' }),
    ];
    const good = await pending({ age: '10 minutes' });
    await start();
    await becomes(good, 'APPROVED');
    for (const id of rows) {
      await becomes(id, 'ERROR');
      expect(await openLetters(id)).toBe('ROW_INVALID open');
    }
  });
});

describe('a message that is only late', { timeout: 120_000 }, () => {
  it('is not overtaken while it waits in a backlog', async () => {
    const accountId = await newAccount(database.pool);
    await database.pool.query(
      `insert into processor.accounts (account_id, balance_cents, seq) values ($1, 0, 0)`,
      [accountId],
    );
    const speedUp = await slowCommits(database.pool);
    // All are older than the sweep's age when the node starts; their order in the queue is not that of their times.
    const amounts = Array.from({ length: 50 }, (_, index) => index + 1);
    const ids: string[] = [];
    for (const amountCents of amounts)
      ids.push(await pending({ accountId, amountCents, age: `${3_600 - amountCents} seconds` }));
    const { rows } = await database.pool.query<{ id: string; at: string; key: string; cents: string }>(
      `select id, idempotency_key as key, amount_cents::text as cents,
              to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
         from public.transactions order by created_at`,
    );
    // The queue is there before any node is, as the Go API declares it.
    await publishBodies(
      vhost.url,
      'transactions_queue',
      rows.map(({ id, at, key, cents }) =>
        liveBodyOf({
          id,
          accountId,
          cardId: null,
          amountCents: BigInt(cents),
          type: 'DEPOSIT',
          idempotencyKey: key,
          originalId: null,
          createdAt: at,
        }),
      ),
    );
    await start({ PROCESSOR_PREFETCH: '2', SWEEP_POLL: '20ms' });
    await eventually(async () =>
      expect(await cell(database.pool, 'select count(*) from processor.journal')).toBe(String(ids.length)),
    );
    await speedUp();
    const roads = await cell(database.pool, `select string_agg(distinct road, ' ') from processor.journal`);
    expect(roads).toBe('delivery');
  });
});

describe('more than one node', { timeout: 120_000 }, () => {
  it('one sweeps, and another goes on when it leaves', async () => {
    await start({ NODE_ID: 'one' });
    await start({ NODE_ID: 'two' });
    const first = await pending();
    await becomes(first, 'APPROVED');
    expect(await holders()).toHaveLength(1);
    const [holder] = await holders();
    const leaving = nodes.findIndex(({ incarnation }) => holder?.includes(incarnation));
    await nodes.splice(leaving, 1)[0]?.drain();
    const second = await pending();
    await becomes(second, 'APPROVED');
    const [next] = await holders();
    expect(next).toContain(nodes[0]?.incarnation);
  });

  /** Of the sweeper's lock; the sealer has one of its own. */
  async function holders(): Promise<readonly string[]> {
    const { rows } = await database.pool.query<{ name: string }>(
      `select a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.granted and (l.classid::bigint << 32) + l.objid::bigint = $1
          and l.database = (select oid from pg_database where datname = current_database())`,
      [ADVISORY_LOCKS.sweep],
    );
    return rows.map(({ name }) => name);
  }
});
