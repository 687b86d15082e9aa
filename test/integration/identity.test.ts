/**
 * Contract 2.4 on a whole node. Without this: the true message refused because a false one came first, a decided one put
 * off instead of acknowledged, or one message that stops its account for ever.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import type { Environment } from '../../src/config.ts';
import type { InboundQueue } from '../../src/contracts/queues.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { insertRow, newAccount, newCommand, rowOf } from '../support/ledger-fixtures.ts';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { cell, configOf, figure, publish } from './node-scene.ts';

let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;
let nodes: RunningNode[] = [];
/** Messages that the present node has to answer. */
let toAnswer = 0;

beforeEach(async () => {
  toAnswer = 0;
  [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  nodes = [];
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

async function start(settings: Environment = {}): Promise<RunningNode> {
  const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  const node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
  nodes.push(node);
  return node;
}

async function stop(): Promise<void> {
  await nodes.splice(0)[0]?.drain();
  toAnswer = 0;
}

async function send(
  commands: readonly TransactionCommand[],
  queue: InboundQueue = 'transactions_queue',
): Promise<void> {
  await publish(
    vhost.url,
    commands.map((command) => ({ queue, body: bodyOf(command) })),
  );
  toAnswer += commands.length;
}

/** All that was sent is answered, whatever became of it. */
async function settled(): Promise<void> {
  await eventually(async () => {
    const answered = await figure(nodes[0]!, 'paygate_processing_duration_seconds_count');
    expect(answered).toBeGreaterThanOrEqual(toAnswer);
  });
}

async function statusOf(id: string): Promise<string | undefined> {
  return (await rowOf(database.pool, id))?.status;
}

async function letters(): Promise<readonly { code: string; transaction_id: string; detail: string }[]> {
  const { rows } = await database.pool.query<{ code: string; transaction_id: string; detail: string }>(
    'select code, transaction_id, detail from processor.dead_letters order by id',
  );
  return rows;
}
const retriesCount = (): Promise<string> => cell(database.pool, 'select count(*) from processor.retries');

describe('a refund whose original is not there yet', () => {
  it('waits as its row says, whatever other message claimed its id first', async () => {
    await start();
    const accountId = await newAccount(database.pool);
    const deposit = newCommand({ accountId, shape: 'documented' });
    const purchase = newCommand({ accountId, shape: 'documented', type: 'PURCHASE', amountCents: 500n });
    const refund = newCommand({
      accountId,
      type: 'REFUND',
      amountCents: 300n,
      originalId: purchase.transactionId,
    });
    await insertRow(database.pool, refund);
    await send([{ ...refund, amountCents: 200n }]);
    await settled();
    await send([refund]);
    await settled();
    await send([deposit, purchase]);
    await eventually(async () => expect(await statusOf(refund.transactionId)).toBe('APPROVED'));
    expect(await letters()).toMatchObject([
      { code: 'PAYLOAD_MISMATCH', detail: expect.stringContaining('message 200') as unknown },
    ]);
    expect((await rowOf(database.pool, refund.transactionId))?.amount_cents).toBe('300');
  });

  it('waits though a false message took its place before its row was there', async () => {
    await start({ RETRY_DELAY_MS: '3600000' });
    const accountId = await newAccount(database.pool);
    const deposit = newCommand({ accountId, shape: 'documented' });
    const refund = newCommand({
      accountId,
      type: 'REFUND',
      amountCents: 300n,
      originalId: deposit.transactionId,
    });
    await send([{ ...refund, amountCents: 200n }]);
    await eventually(async () => expect(await retriesCount()).toBe('1'));
    await insertRow(database.pool, refund);
    await send([refund]);
    await eventually(async () =>
      expect(await letters()).toMatchObject([
        { code: 'PAYLOAD_MISMATCH', detail: expect.stringContaining('message 200') as unknown },
      ]),
    );
    await settled();
    await send([deposit]);
    await eventually(async () => expect(await statusOf(refund.transactionId)).toBe('APPROVED'));
    await eventually(async () => expect(await retriesCount()).toBe('0'));
    expect(await letters()).toHaveLength(1);
  });

  it('decided before: a repeat is acknowledged, another payload refused, and nothing waits', async () => {
    await start({ REFUND_WAIT_MS: '1000' });
    const accountId = await newAccount(database.pool);
    const refund = newCommand({ accountId, shape: 'documented', type: 'REFUND', originalId: randomUUID() });
    await send([refund]);
    await eventually(async () => expect(await statusOf(refund.transactionId)).toBe('REJECTED'));
    await stop();
    await start();
    await send([refund, { ...refund, originalId: randomUUID() }]);
    await settled();
    await eventually(async () => expect(await letters()).toMatchObject([{ code: 'PAYLOAD_MISMATCH' }]));
    expect(await retriesCount()).toBe('0');
  });

  it('in ERROR: acknowledged, and nothing waits', async () => {
    await start();
    const accountId = await newAccount(database.pool);
    const refund = newCommand({ accountId, type: 'REFUND', originalId: randomUUID() });
    await insertRow(database.pool, refund, 'ERROR');
    await send([refund]);
    await settled();
    expect(await retriesCount()).toBe('0');
  });
});

it('a refund of an original whose row is gone does not stop its account', async () => {
  await start();
  const [accountId, otherId] = [await newAccount(database.pool), await newAccount(database.pool)];
  const original = newCommand({ accountId: otherId, shape: 'documented' });
  await send([original]);
  await eventually(async () => expect(await statusOf(original.transactionId)).toBe('APPROVED'));
  await database.pool.query('delete from accounts where id = $1', [otherId]);
  const refund = newCommand({
    accountId,
    shape: 'documented',
    type: 'REFUND',
    originalId: original.transactionId,
  });
  const deposit = newCommand({ accountId, shape: 'documented' });
  await send([refund, deposit], 'refund_queue');
  await eventually(async () => expect(await statusOf(deposit.transactionId)).toBe('APPROVED'));
  expect(await statusOf(refund.transactionId)).toBe('REJECTED');
});

it('a retry that cannot be read any more is given up once', async () => {
  const id = randomUUID();
  await database.pool.query(
    `insert into processor.retries values ($1, $2, 0, 1, 'ROW_MISSING', 'transactions_queue', 'not json', now() - interval '1 minute', now())`,
    [id, randomUUID()],
  );
  await start();
  await eventually(async () => expect(await retriesCount()).toBe('0'));
  expect(await letters()).toMatchObject([{ code: 'BODY_NOT_JSON' }]);
});

it('a refund is decided soon after its original, long before its next try', async () => {
  await start({ RETRY_DELAY_MS: '3600000' });
  const accountId = await newAccount(database.pool);
  const deposit = newCommand({ accountId, shape: 'documented' });
  const refund = newCommand({
    accountId,
    shape: 'documented',
    type: 'REFUND',
    originalId: deposit.transactionId,
  });
  await send([refund], 'refund_queue');
  await eventually(async () => expect(await retriesCount()).toBe('1'));
  await send([deposit]);
  await eventually(async () => expect(await statusOf(refund.transactionId)).toBe('APPROVED'));
});

it('keys of any characters are compared as they are', async () => {
  await start();
  const accountId = await newAccount(database.pool);
  const keys = [
    '"',
    '\\',
    '{',
    '}',
    ',',
    '(',
    ')',
    "'",
    'NULL',
    'null',
    ' ',
    '  x ',
    '\n\t\r',
    '\\"',
    '""',
    '😀'.repeat(255),
    '\u0001',
    '\u2028',
    '\ufeff',
  ];
  const commands = keys.map((idempotencyKey) =>
    newCommand({ accountId, shape: 'documented', idempotencyKey }),
  );
  await send(commands);
  await settled();
  await send(commands.map((command) => ({ ...command, transactionId: randomUUID() })));
  await settled();
  for (const command of commands) {
    expect((await rowOf(database.pool, command.transactionId))?.idempotency_key).toBe(command.idempotencyKey);
  }
  expect(await cell(database.pool, 'select count(*) from processor.journal')).toBe(String(keys.length));
  expect(await letters()).toEqual([]);
});

describe('every case of identity', () => {
  /** Sent in one go before the node starts, one by one, or with a restart between. */
  it.each(['batch', 'single', 'restart'] as const)('%s', async (way) => {
    // It declares the queues.
    await start();
    const accountId = await newAccount(database.pool);
    const other = await newAccount(database.pool);
    const live = newCommand({ accountId, amountCents: 700n });
    const doc = newCommand({ accountId, shape: 'documented', amountCents: 900n });
    await insertRow(database.pool, live);
    const docTwin = newCommand({ ...doc, transactionId: randomUUID() });
    const messages: TransactionCommand[] = [
      { ...live, idempotencyKey: 'other' }, // key differs from the row
      { ...live, accountId: other },
      { ...live, type: 'CHARGE' },
      { ...live, amountCents: 701n },
      live,
      doc,
      { ...live, shape: 'documented' }, // repeat
      { ...doc, shape: 'live' }, // repeat
      { ...live, shape: 'documented', idempotencyKey: 'new key' }, // decided: key is no part
      { ...live, shape: 'documented', amountCents: 5n }, // mismatch
      { ...doc, accountId: other }, // mismatch
      docTwin, // same key, other id
      { ...docTwin, shape: 'live' },
      { ...docTwin, amountCents: 1n }, // mismatch
      { ...docTwin, accountId: other }, // mismatch
    ];
    // Between accounts there is no order: without a row whichever comes first is the first payload.
    const inOrder = messages.filter((message) => message.accountId === accountId || message.shape === 'live');
    const refusedCount = way === 'batch' ? 6 : 8;
    if (way === 'batch') {
      await stop();
      await send(inOrder);
      await start();
      await settled();
    } else {
      for (const message of messages) {
        if (way === 'restart') {
          await stop();
          await start();
        }
        await send([message]);
        await settled();
      }
    }
    await eventually(async () => expect((await letters()).length).toBe(refusedCount));
    expect((await letters()).map(({ code }) => code)).toEqual(
      Array.from({ length: refusedCount }, () => 'PAYLOAD_MISMATCH'),
    );
    expect(await cell(database.pool, 'select count(*) from processor.journal')).toBe('2');
    expect(await cell(database.pool, 'select count(*) from transactions')).toBe('2');
    expect(await statusOf(live.transactionId)).toBe('APPROVED');
    expect(await statusOf(doc.transactionId)).toBe('APPROVED');
    expect(await retriesCount()).toBe('0');
  });
});
