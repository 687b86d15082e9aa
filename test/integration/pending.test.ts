/**
 * `paygate pending`: what an operator does about rows that are too old to be driven by themselves. Without this: months of PENDING
 * rows of an old installation stay as they are, or an order of an operator leaves no trace.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newAccount } from '../support/ledger-fixtures.ts';
import { paygate, startPaygateNode } from '../support/paygate.ts';
import type { PaygateNode } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';
import { cell } from './node-scene.ts';

const database = useDatabase('of the file');
let env: Record<string, string>;
let node: PaygateNode;
let accountId: string;
const drops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
  drops.push(
    () => vhost.drop(),
    () => redis.drop(),
  );
  env = {
    DATABASE_URL: database.url,
    RABBITMQ_URL: vhost.url,
    REDIS_URL: redis.url,
    LOG_LEVEL: 'error',
    CLUSTER_GRACE_MS: '0',
    SWEEP_AGE_MIN: '1s',
    SWEEP_POLL: '100ms',
  };
  node = await startPaygateNode(env);
}, 120_000);

afterAll(async () => {
  await node.drain();
  for (const drop of drops) await drop();
});

beforeEach(async () => {
  accountId = await newAccount(database.pool);
});

async function pending(type: string, amountCents: number, days: number): Promise<string> {
  const id = randomUUID();
  await database.pool.query(
    `insert into public.transactions (id, account_id, amount_cents, status, type, created_at, idempotency_key)
     values ($1, $2, $3, 'PENDING', $4, now() - $5 * interval '1 day', $6)`,
    [id, accountId, amountCents, type, days, `key-${id}`],
  );
  return id;
}

const statusOf = (id: string): Promise<string> =>
  cell(database.pool, 'select status from public.transactions where id = $1', [id]);

const logged = (subject: string): Promise<string> =>
  cell(
    database.pool,
    `select string_agg(operator || ' ' || action || ': ' || why, ', ' order by id)
       from processor.operator_log where subject = $1`,
    [subject],
  );

const BY = ['--operator', 'ann', '--why', 'lost on Monday'];

describe('paygate pending', { timeout: 120_000 }, () => {
  it('lists them oldest first, with what takes care of each', async () => {
    const younger = await pending('DEPOSIT', 100, 3);
    const older = await pending('PURCHASE', 250, 40);
    const answer = await paygate(['pending', 'list', '--account', accountId, '--json'], env);
    expect(answer.exitCode).toBe(0);
    expect(JSON.parse(answer.stdout)).toMatchObject({
      total: 2,
      rows: [
        { transactionId: older, type: 'PURCHASE', amountCents: 250, care: { kind: 'nothing' } },
        { transactionId: younger },
      ],
    });
    const text = await paygate(['pending', 'list', '--older-than', '30d', '--account', accountId], env);
    expect(text.stdout).toContain(older);
    expect(text.stdout).not.toContain(younger);
    expect(text.stdout).toContain('1 pending');
    const one = await paygate(['pending', 'list', '--account', accountId, '--limit', '1'], env);
    expect(one.stdout).toContain('1 younger ones');
  });

  it('drives all of an age, an account’s oldest first, and says what came of it', async () => {
    const purchase = await pending('PURCHASE', 900, 2);
    const deposit = await pending('DEPOSIT', 1_000, 50);
    const charge = await pending('CHARGE', 200, 1.5);
    const refund = await pending('REFUND', 10, 1.2);
    const answer = await paygate(
      ['pending', 'drive', '--all', '--older-than', '24h', '--account', accountId, ...BY],
      env,
    );
    expect(answer.all).toContain('Driven: 4 transactions, 2 approved, 1 rejected, 1 wait for something else');
    expect(answer.exitCode).toBe(1);
    expect(await Promise.all([deposit, purchase, charge, refund].map(statusOf))).toEqual([
      'APPROVED',
      'APPROVED',
      'REJECTED',
      'PENDING',
    ]);
    const roads = await cell(
      database.pool,
      `select string_agg(road, ' ') from processor.journal where account_id = $1`,
      [accountId],
    );
    expect(roads).toBe('sweep sweep sweep');
    expect(
      await cell(database.pool, 'select code from processor.dead_letters where transaction_id = $1', [
        refund,
      ]),
    ).toBe('REFUND_TARGET_UNKNOWN');
    expect(await logged('all')).toBe('ann pending.drive: lost on Monday');
  });

  it('drives those that are named, and names those that it did not', async () => {
    const deposit = await pending('DEPOSIT', 1_000, 50);
    const left = await pending('DEPOSIT', 5, 51);
    const answer = await paygate(['pending', 'drive', deposit, ...BY, '--json'], env);
    expect(answer.exitCode).toBe(0);
    expect(JSON.parse(answer.stdout)).toMatchObject({ asked: 1, notPending: 0, approved: 1, open: 0 });
    expect(await statusOf(left)).toBe('PENDING');
    expect(await logged(deposit)).toBe('ann pending.drive: lost on Monday');
    const again = await paygate(['pending', 'drive', deposit, ...BY], env);
    expect(again.exitCode).toBe(1);
    expect(again.stdout).toContain('1 of them are not PENDING');
  });

  it('discards: nothing decides it any more', async () => {
    const id = await pending('DEPOSIT', 1_000, 50);
    const unknown = randomUUID();
    const answer = await paygate(['pending', 'discard', id, unknown, ...BY], env);
    expect(answer.exitCode).toBe(1);
    expect(answer.stdout).toContain(`${id} is ERROR now`);
    expect(answer.stdout).toContain(`${unknown} does not exist`);
    expect(await statusOf(id)).toBe('ERROR');
    expect(await logged(id)).toBe('ann pending.discard: lost on Monday');
    const why = await paygate(['transaction', id], env);
    expect(why.stdout).toContain('ann');
    expect(why.stdout).toContain('lost on Monday');
    const drive = await paygate(['pending', 'drive', id, ...BY], env);
    expect(drive.exitCode).toBe(1);
    expect(await statusOf(id)).toBe('ERROR');
  });

  it('says what is missing before it does anything', async () => {
    const id = await pending('DEPOSIT', 1, 50);
    for (const [args, says] of [
      [['pending', 'drive', ...BY], 'which ones?'],
      [['pending', 'drive', '--all', ...BY], '--older-than'],
      [['pending', 'drive', id, '--all', '--older-than', '1d', ...BY], 'not both'],
      [['pending', 'drive', id], '--why'],
      [['pending', 'drive', 'nonsense', ...BY], 'UUID'],
      [['pending', 'list', '--older-than', 'long'], 'like 30s, 15m, 24h or 7d'],
    ] as const) {
      const answer = await paygate(args, env);
      expect(answer.exitCode, args.join(' ')).toBe(2);
      expect(answer.stderr).toContain(says);
    }
    await eventually(async () => expect(await statusOf(id)).toBe('PENDING'));
  });
});
