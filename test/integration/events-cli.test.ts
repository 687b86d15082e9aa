/** Without this: an operator who looks whether anything is published sees nothing, or takes events away from others. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventSchema } from '../../src/contracts/events.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { newAccount } from '../support/ledger-fixtures.ts';
import { paygate } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost } from '../support/services.ts';
import type { TestPlace } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';
import { configOf, publish } from './node-scene.ts';

const database = useDatabase('of the file');
let vhost: TestPlace;
let redis: TestPlace;
let node: RunningNode;

beforeAll(async () => {
  [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
  const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  node = await startNode(configOf(place), { logger: new QuietLogger() });
});

afterAll(async () => {
  await node.drain();
  await Promise.all([vhost.drop(), redis.drop()]);
});

function deposit(accountId: string): Promise<void> {
  const body = {
    transaction_id: randomUUID(),
    account_id: accountId,
    amount_cents: 1_000,
    transaction_type: 'DEPOSIT',
    idempotency_key: randomUUID(),
    timestamp: '2026-11-22T10:40:00Z',
  };
  return publish(vhost.url, [{ queue: 'transactions_queue', body: JSON.stringify(body) }]);
}

/** Deposits into both until the command has seen enough: it may not listen yet when the first is published. */
async function tailed(args: readonly string[], accountIds: readonly string[]): Promise<string> {
  const state = { ended: false };
  const tail = paygate(['events', 'tail', ...args], { RABBITMQ_URL: vhost.url }).finally(() => {
    state.ended = true;
  });
  await eventually(
    async () => {
      for (const accountId of accountIds) await deposit(accountId);
      expect(state.ended).toBe(true);
    },
    { pollMs: 200 },
  );
  const { exitCode, stdout, stderr } = await tail;
  expect(stderr).toBe('listening; Ctrl-C ends it');
  expect(exitCode).toBe(0);
  return stdout;
}

it('shows what is published, whole or in words, of one type and account', async () => {
  const [accountId, other] = [await newAccount(database.pool), await newAccount(database.pool)];
  const json = await tailed(
    ['--json', '--count', '2', '--account', accountId, '--type', 'balance.updated', 'transaction.rejected'],
    [other, accountId],
  );
  const events = json.split('\n').map((line) => eventSchema.parse(JSON.parse(line)));
  expect(events).toHaveLength(2);
  for (const event of events) expect(event).toMatchObject({ type: 'balance.updated', account_id: accountId });
  const words = await tailed(['--count', '1', '--type', 'transaction.approved'], [other]);
  expect(words).toMatch(
    /transaction\.approved {2,}[0-9a-f-]{36} +\d+ {2}DEPOSIT 10\.00, balance [\d,.]+ {2}[0-9a-f-]{36}$/,
  );
});

it('says what is wrong where there is no broker, and refuses what is no event', async () => {
  const nowhere = await paygate(['events', 'tail'], { RABBITMQ_URL: 'amqp://127.0.0.1:1' });
  expect(nowhere.exitCode).toBe(3);
  expect(nowhere.stderr).toContain('RABBITMQ_URL');
  expect((await paygate(['events', 'tail', '--type', 'nothing'], {})).exitCode).toBe(2);
});
