/**
 * Deferrals on a whole node. Without this: a retry lost with Redis, or made twice by an alarm that rings again; a refund refused
 * because it came first, or waiting for ever; a payment given up because somebody held its row for a moment.
 */
import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { insertRow, newAccount, newCommand, pendingCommand, rowOf } from '../support/ledger-fixtures.ts';
import { eventually } from '../support/services.ts';
import { audited, cell, figure, messagesIn, publish } from './node-scene.ts';
import { nonsense, useOneNode } from './use-one-node.ts';

const scene = useOneNode();

const AN_HOUR = '3600000';

const count = async (table: 'journal' | 'retries' | 'dead_letters'): Promise<number> =>
  Number(await cell(scene.pool, `select count(*) from processor.${table}`));

const statusOf = async ({ transactionId }: TransactionCommand): Promise<string | undefined> =>
  (await rowOf(scene.pool, transactionId))?.status;

async function decided(commands: readonly TransactionCommand[]): Promise<void> {
  const ids = commands.map(({ transactionId }) => transactionId);
  await eventually(async () =>
    expect(
      await cell(scene.pool, 'select count(*) from processor.journal where transaction_id = any ($1)', [ids]),
    ).toBe(String(ids.length)),
  );
}

/** Holds a lock on the transaction's row until it is let go. */
async function holdRow({ transactionId }: TransactionCommand): Promise<() => Promise<void>> {
  const holder: pg.PoolClient = await scene.pool.connect();
  await holder.query('begin');
  await holder.query('select from transactions where id = $1 for update', [transactionId]);
  return async () => {
    await holder.query('commit');
    holder.release();
  };
}

describe('the ledger knows what Redis forgets', () => {
  it('a thousand retries survive FLUSHALL: none lost, none doubled, and they come back in the order in which they were due', async () => {
    await scene.start({ RETRY_DELAY_MS: AN_HOUR });
    const accountId = await newAccount(scene.pool);
    const deposits = Array.from({ length: 1_000 }, () => newCommand({ accountId, amountCents: 7n }));
    await scene.send(deposits);
    await eventually(async () => expect(await count('retries')).toBe(1_000));
    const redis = new Redis(scene.redisUrl);
    await eventually(async () =>
      expect((await redis.keys('paygate:paygate-retries:*')).length).toBeGreaterThan(900),
    );
    await redis.flushdb();
    redis.disconnect();
    await scene.pool.query(
      `insert into transactions (id, account_id, amount_cents, status, type, idempotency_key)
       select id, $2, 7, 'PENDING', 'DEPOSIT', 'key-' || id from unnest($1::uuid[]) as g (id)`,
      [deposits.map(({ transactionId }) => transactionId), accountId],
    );
    // All at once, in an order that has nothing to do with that of their arrival.
    await scene.pool.query(
      `update processor.retries r set due_at = now() - interval '1 hour' + g.place * interval '1 millisecond'
         from (select transaction_id, row_number() over (order by md5(transaction_id::text)) as place
                 from processor.retries) g
        where r.transaction_id = g.transaction_id`,
    );
    const { rows: due } = await scene.pool.query<{ transaction_id: string }>(
      'select transaction_id from processor.retries order by due_at',
    );
    await decided(deposits);
    await eventually(async () => expect(await count('retries')).toBe(0));
    expect(await count('journal')).toBe(1_000);
    const { rows: made } = await scene.pool.query<{ transaction_id: string; road: string }>(
      'select transaction_id, road from processor.journal order by seq',
    );
    expect(made.map(({ transaction_id }) => transaction_id)).toEqual(
      due.map(({ transaction_id }) => transaction_id),
    );
    expect(new Set(made.map(({ road }) => road))).toEqual(new Set(['retry']));
    await scene.stop();
    expect((await audited(scene.pool, scene.redisUrl)).violations).toEqual([]);
  });

  it('alarms that are old, doubled or of an unknown transaction do nothing', async () => {
    await scene.start({ RETRY_DELAY_MS: AN_HOUR });
    const accountId = await newAccount(scene.pool);
    const deposit = newCommand({ accountId });
    await scene.send([deposit]);
    await eventually(async () => expect(await count('retries')).toBe(1));
    const redis = new Redis(scene.redisUrl, { maxRetriesPerRequest: null });
    const alarms = new Queue('paygate-retries', { connection: redis, prefix: 'paygate' });
    const ring = async (transactionId: string, attempt: number, times = 1): Promise<void> => {
      for (let n = 0; n < times; n += 1)
        await alarms.add(
          'due',
          { transactionId, attempt },
          { jobId: `by-hand-${randomUUID()}`, removeOnComplete: true, removeOnFail: true },
        );
    };
    const allRung = (): Promise<void> =>
      eventually(async () => {
        const { waiting, active } = await alarms.getJobCounts('waiting', 'active');
        expect([waiting, active]).toEqual([0, 0]);
      });
    // Of an attempt that is over, of one that is not there yet, of nothing.
    await ring(deposit.transactionId, 0);
    await ring(deposit.transactionId, 2);
    await ring(randomUUID(), 1);
    await allRung();
    expect(await cell(scene.pool, 'select attempt from processor.retries')).toBe('1');
    // The row is there now: the right one decides it, however often it rings, also afterwards.
    await insertRow(scene.pool, deposit);
    await ring(deposit.transactionId, 1, 5);
    await decided([deposit]);
    await eventually(async () => expect(await count('retries')).toBe(0));
    await ring(deposit.transactionId, 1, 5);
    await allRung();
    expect(await count('journal')).toBe(1);
    expect(await count('dead_letters')).toBe(0);
    await alarms.close();
    redis.disconnect();
  });
});

it('a message in retry_queue is tried now, long before its retry is due; the retry is a repeat then', async () => {
  await scene.start({ RETRY_DELAY_MS: AN_HOUR });
  const accountId = await newAccount(scene.pool);
  const deposit = newCommand({ accountId });
  await scene.send([deposit]);
  await eventually(async () => expect(await count('retries')).toBe(1));
  await insertRow(scene.pool, deposit);
  await scene.send([deposit], 'retry_queue');
  await eventually(async () => expect(await statusOf(deposit)).toBe('APPROVED'));
  await scene.pool.query('update processor.retries set due_at = now()');
  await eventually(async () => expect(await count('retries')).toBe(0));
  expect([await count('journal'), await count('dead_letters')]).toEqual([1, 0]);
});

describe('a refund before its original', () => {
  it('is approved soon after it, not when its next try is due', async () => {
    await scene.start({ RETRY_DELAY_MS: AN_HOUR });
    const accountId = await newAccount(scene.pool);
    const [deposit, purchase] = [
      await pendingCommand(scene.pool, { accountId }),
      await pendingCommand(scene.pool, { accountId, type: 'PURCHASE', amountCents: 400n }),
    ];
    const refund = await pendingCommand(scene.pool, {
      accountId,
      type: 'REFUND',
      amountCents: 300n,
      originalId: purchase.transactionId,
    });
    await scene.send([refund], 'refund_queue');
    await eventually(async () => expect(await count('retries')).toBe(1));
    await scene.send([deposit, purchase]);
    await eventually(async () => expect(await statusOf(refund)).toBe('APPROVED'));
    expect((await rowOf(scene.pool, refund.transactionId))?.refund_transaction_id).toBe(
      purchase.transactionId,
    );
    expect(await count('dead_letters')).toBe(0);
  });

  it('is rejected when nobody has seen it in time, without a dead letter; while its row is PENDING it waits', async () => {
    await scene.start({ RETRY_DELAY_MS: '50', REFUND_WAIT_MS: '1000', RETRY_ATTEMPTS: '1' });
    const accountId = await newAccount(scene.pool);
    const original = await pendingCommand(scene.pool, { accountId });
    const refundOf = (originalId: string): Promise<TransactionCommand> =>
      pendingCommand(scene.pool, { accountId, type: 'REFUND', amountCents: 300n, originalId });
    const [lost, waiting] = [await refundOf(randomUUID()), await refundOf(original.transactionId)];
    await scene.send([lost, waiting]);
    await eventually(async () => expect(await statusOf(lost)).toBe('REJECTED'));
    expect(
      await cell(scene.pool, 'select reason from processor.journal where transaction_id = $1', [
        lost.transactionId,
      ]),
    ).toBe('ORIGINAL_NOT_FOUND');
    // Far beyond the limit of tries, and beyond the time.
    await eventually(async () =>
      expect(
        await cell(
          scene.pool,
          `select attempt > 3 and first_seen_at < now() - interval '1.1 seconds' from processor.retries where transaction_id = $1`,
          [waiting.transactionId],
        ),
      ).toBe('true'),
    );
    await scene.send([original]);
    await eventually(async () => expect(await statusOf(waiting)).toBe('APPROVED'));
    expect(await count('dead_letters')).toBe(0);
  });
});

describe('a row that somebody else holds', () => {
  it('is waited for, and decided when it is let go; others of the account go on', async () => {
    await scene.start({ RETRY_DELAY_MS: '50', RETRY_ATTEMPTS: '100' });
    const accountId = await newAccount(scene.pool);
    const [held, other] = [
      await pendingCommand(scene.pool, { accountId }),
      await pendingCommand(scene.pool, { accountId }),
    ];
    const letGo = await holdRow(held);
    await scene.send([held, other]);
    await eventually(async () => expect(await statusOf(other)).toBe('APPROVED'));
    await eventually(async () =>
      expect(await cell(scene.pool, 'select code from processor.retries where attempt > 1')).toBe(
        'ROW_LOCKED',
      ),
    );
    expect(await statusOf(held)).toBe('PENDING');
    await letGo();
    await eventually(async () => expect(await statusOf(held)).toBe('APPROVED'));
    await eventually(async () => expect(await count('retries')).toBe(0));
    expect(await count('dead_letters')).toBe(0);
  });

  it('for longer than all tries: ERROR, and a dead letter that says all', async () => {
    const node = await scene.start({ RETRY_DELAY_MS: '20', RETRY_ATTEMPTS: '2' });
    const accountId = await newAccount(scene.pool);
    const held = await pendingCommand(scene.pool, { accountId });
    const letGo = await holdRow(held);
    await scene.send([held]);
    await eventually(async () =>
      expect(await figure(node, 'paygate_dead_letters_total{reason="ROW_LOCKED"}')).toBe(1),
    );
    // The record of the letter waits for the row, since it is to become ERROR with it; the letters of others do not.
    for (let n = 1; n <= 3; n += 1) {
      await publish(scene.rabbitmqUrl, [{ queue: 'transactions_queue', body: nonsense() }]);
      await eventually(async () => expect(await count('dead_letters')).toBe(n));
    }
    expect(await statusOf(held)).toBe('PENDING');
    await letGo();
    await eventually(async () => expect(await statusOf(held)).toBe('ERROR'));
    await eventually(async () => expect(await count('retries')).toBe(0));
    await scene.stop();
    expect(await count('dead_letters')).toBe(4);
    expect(await count('journal')).toBe(0);
    const [message, ...more] = await messagesIn(scene.rabbitmqUrl, 'transactions_dlq');
    expect(more).toEqual([]);
    expect(message?.properties.deliveryMode).toBe(2);
    expect(message?.properties.headers).toMatchObject({
      'x-reason': 'ROW_LOCKED',
      'x-category': 'temporary',
      'x-attempts': 3,
      'x-first-seen': expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as unknown,
      'x-original-queue': 'transactions_queue',
      'x-detail': 'still so after 2 retries',
    });
    const { rows } = await scene.pool.query(
      'select body, first_seen_at, attempts, code from processor.dead_letters order by id',
    );
    expect(rows[3]).toMatchObject({ body: message?.content, attempts: 3, code: 'ROW_LOCKED' });
    expect((rows[3] as { first_seen_at: Date }).first_seen_at.toISOString()).toBe(
      message?.properties.headers?.['x-first-seen'],
    );
  });
});
