/** Without it `npm start` might not end, or end well with a wrong ledger. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paygate } from '../support/paygate.ts';
import { freshRedis, freshVhost, withDatabase } from '../support/services.ts';

let env: Record<string, string>;
const drops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const [database, vhost, redis] = await Promise.all([
    withDatabase({ migrated: false }),
    freshVhost(),
    freshRedis(),
  ]);
  drops.push(
    () => database.drop(),
    () => vhost.drop(),
    () => redis.drop(),
  );
  env = {
    PAYGATE_DEMO_DATABASE_URL: database.url,
    PAYGATE_DEMO_RABBITMQ_URL: vhost.url,
    PAYGATE_DEMO_REDIS_URL: redis.url,
    // Must not be looked at: nothing answers there.
    DATABASE_URL: 'postgres://postgres@127.0.0.1:1/none',
    RABBITMQ_URL: 'amqp://127.0.0.1:1',
    REDIS_URL: 'redis://127.0.0.1:1',
  };
});

afterAll(async () => {
  for (const drop of drops) await drop();
});

describe('paygate demo', () => {
  it('processes as many as it is told, audits, and ends with 0', async () => {
    const demo = await paygate(['demo', '--transactions', '1000', '--accounts', '50'], env);
    expect(demo.all).toContain('The ledger is right');
    expect(demo.all).toContain('Every transaction was decided exactly once.');
    expect(demo.all).toMatch(/decisions +1,000:/);
    expect(demo.exitCode).toBe(0);
  });

  it('refuses servers that are not empty', async () => {
    const again = await paygate(['demo', '--transactions', '10'], env);
    expect(again.exitCode).toBe(3);
    expect(again.stderr).toContain('PAYGATE_DEMO_DATABASE_URL');
  });
});
