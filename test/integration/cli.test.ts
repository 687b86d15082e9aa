/** Without it the commands of the README might not work as written, or answer the shell with the wrong exit code. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paygate, paygateUnread, startPaygateNode } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase, type TestDatabase } from '../support/services.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';

let database: TestDatabase;
let env: Record<string, string>;
const drops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await withDatabase({ migrated: false });
  const [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
  drops.push(
    () => database.drop(),
    () => vhost.drop(),
    () => redis.drop(),
  );
  env = { DATABASE_URL: database.url, RABBITMQ_URL: vhost.url, REDIS_URL: redis.url };
});

afterAll(async () => {
  for (const drop of drops) await drop();
});

const answered = async (
  table: string,
): Promise<readonly { readonly id: string; readonly account_id: string }[]> => {
  const { rows } = await database.pool.query<{ id: string; account_id: string }>(table);
  return rows;
};

describe('paygate', () => {
  it('ends in silence when nobody reads on', async () => {
    expect(await paygateUnread(['--help'], env)).toBe('exit code 0');
  });

  it('helps, and refuses what it does not know', async () => {
    const help = await paygate(['--help'], env);
    expect(help.exitCode).toBe(0);
    for (const command of [
      'node',
      'migrate',
      'verify',
      'account',
      'transaction',
      'cluster',
      'cache',
      'rules',
      'events',
      'drive',
      'services',
    ]) {
      expect(help.stdout).toContain(`  ${command}`);
      const own = await paygate([command, '--help'], env);
      expect(own.exitCode).toBe(0);
      expect(own.stdout).toContain(`Usage: paygate ${command}`);
    }
    const unknown = await paygate(['frobnicate'], env);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain("unknown command 'frobnicate'");
  });

  it('says what to do where there is no ledger yet', async () => {
    const node = await paygate(['node'], { ...env, HTTP_PORT: '0' });
    expect(node.exitCode).toBe(3);
    expect(node.all).toContain('run "paygate migrate" first');
    expect(node.all).not.toContain('    at ');
    const verify = await paygate(['verify'], env);
    expect(verify.exitCode).toBe(3);
    expect(verify.stderr).toContain('run `paygate migrate` first');
  });

  it('says which setting is wrong', async () => {
    const node = await paygate(['node'], { ...env, LOG_LEVEL: 'loud', PROCESSOR_WORKERS: 'many' });
    expect(node.exitCode).toBe(2);
    expect(node.stderr).toContain('LOG_LEVEL');
    expect(node.stderr).toContain('PROCESSOR_WORKERS');
  });

  it('says which server does not answer', async () => {
    const nowhere = { ...env, DATABASE_URL: 'postgres://postgres@127.0.0.1:1/none' };
    const account = await paygate(['account', NOBODY], nowhere);
    expect(account.exitCode).toBe(3);
    expect(account.stderr).toContain('127.0.0.1:1');
    expect(account.stderr).not.toContain('    at ');
  });

  it('migrates, once', async () => {
    const first = await paygate(['migrate'], env);
    expect(first.all).toContain('0001_tables');
    expect(first.exitCode).toBe(0);
    const second = await paygate(['migrate', '--json'], env);
    expect(second.exitCode).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ migrations: [], opening: { kind: 'opened-before' } });
  });

  it('drives, decides, explains and verifies', async () => {
    const driven = await paygate(['drive', '--count', '400', '--accounts', '20', '--json'], env);
    expect(driven.exitCode).toBe(0);
    expect(JSON.parse(driven.stdout)).toMatchObject({ transactions: 400, ended: 'complete' });
    const [waiting] = await answered(
      `select id, account_id from transactions where status = 'PENDING' limit 1`,
    );
    const pending = await paygate(['transaction', waiting!.id], env);
    expect(pending.exitCode).toBe(0);
    expect(pending.stdout).toContain('PENDING');

    const node = await startPaygateNode(env);
    await eventually(async () => expect((await fetch(new URL('/readyz', node.address))).status).toBe(200));
    await eventually(async () =>
      expect(await answered('select transaction_id as id, account_id from processor.journal')).toHaveLength(
        400,
      ),
    );
    expect(await node.drain()).toBe(0);

    const verified = await paygate(['verify', '--drained', '--json'], env);
    expect(verified.exitCode).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, counts: { decisions: 400, pending: 0 } });
    const words = await paygate(['verify'], env);
    expect(words.stdout).toContain('The ledger is right');
  });

  it('says why a transaction was rejected', async () => {
    const [poor] = await answered(
      `select transaction_id as id, account_id from processor.journal where reason = 'INSUFFICIENT_FUNDS' limit 1`,
    );
    const why = await paygate(['transaction', poor!.id], env);
    expect(why.stdout.toLowerCase()).toContain('rejected');
    const data = await paygate(['transaction', poor!.id, '--json'], env);
    expect(JSON.parse(data.stdout)).toMatchObject({ decision: { reason: 'INSUFFICIENT_FUNDS' } });
    const account = await paygate(['account', poor!.account_id, '--last', '3'], env);
    expect(account.exitCode).toBe(0);
    expect(account.stdout).toContain('balance');
  });

  it('answers 1 for what is not there', async () => {
    expect((await paygate(['transaction', NOBODY], env)).exitCode).toBe(1);
    expect((await paygate(['account', NOBODY], env)).exitCode).toBe(1);
    const nonsense = await paygate(['account', 'abc'], env);
    expect(nonsense.exitCode).toBe(2);
    expect(nonsense.stderr).toContain('expected a UUID');
  });

  it('drives only into a database that holds nobody else’s transactions', async () => {
    await database.pool.query(`insert into accounts (id, username) values ($1, 'somebody')`, [NOBODY]);
    await database.pool.query(
      `insert into transactions (account_id, amount_cents, status, type) values ($1, 1, 'PENDING', 'DEPOSIT')`,
      [NOBODY],
    );
    const refused = await paygate(['drive', '--count', '1'], env);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('--into');
  });

  it('finds a balance that was changed by hand', async () => {
    await database.pool.query(
      `update processor.accounts set balance_cents = balance_cents + 1
       where account_id = (select account_id from processor.accounts limit 1)`,
    );
    const verified = await paygate(['verify'], env);
    expect(verified.exitCode).toBe(1);
    expect(verified.stdout).toContain('balance-not-journal');
    expect(verified.stdout).toContain('NOT right');
  });
});
