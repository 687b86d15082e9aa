/**
 * Ten thousand messages that cannot be decided, between good ones. Without this: one of them stops the queue, is dropped, or is
 * recorded with a reason that sends its reader the wrong way.
 */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import type { InboundQueue } from '../../src/contracts/queues.ts';
import { newAccount, newCommand } from '../support/ledger-fixtures.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { eventually } from '../support/services.ts';
import { audited, cell, figure, publish } from './node-scene.ts';
import { useOneNode } from './use-one-node.ts';

const scene = useOneNode();

const POISON_COUNT = 10_000;
const ACCOUNTS = 20;

interface Message {
  readonly queue: InboundQueue;
  readonly body: string | Buffer;
}

/** Each kind with its reason; `good` has been sent before. */
const KINDS: readonly (readonly [reason: string, make: (good: TransactionCommand) => Message])[] = [
  ['BODY_EMPTY', () => ({ queue: 'transactions_queue', body: '' })],
  ['BODY_NOT_JSON', () => ({ queue: 'refund_queue', body: `{"id":"${randomUUID()}"` })],
  ['BODY_NOT_UTF8', () => ({ queue: 'transactions_queue', body: Buffer.from([0x7b, 0xff, 0x00, 0xfe]) })],
  ['BODY_NOT_OBJECT', () => ({ queue: 'calculate_balance_queue', body: '["account_id"]' })],
  [
    'BODY_TOO_DEEP',
    () => ({ queue: 'transactions_queue', body: `{"a":${'['.repeat(200)}${']'.repeat(200)}}` }),
  ],
  ['MESSAGE_INVALID', (good) => ({ queue: 'transactions_queue', body: changed(good, { amount_cents: -1 }) })],
  ['MESSAGE_INVALID', () => ({ queue: 'balance_calculation_queue', body: '{"account_id":"me"}' })],
  [
    'ACCOUNT_UNKNOWN',
    () => ({
      queue: 'transactions_queue',
      body: bodyOf(newCommand({ accountId: randomUUID(), shape: 'documented' })),
    }),
  ],
  ['ACCOUNT_UNKNOWN', () => ({ queue: 'calculate_balance_queue', body: `{"account_id":"${randomUUID()}"}` })],
  [
    'PAYLOAD_MISMATCH',
    (good) => ({ queue: 'transactions_queue', body: changed(good, { amount_cents: 1_001 }) }),
  ],
];

function changed(command: TransactionCommand, fields: object): string {
  return JSON.stringify({ ...(JSON.parse(bodyOf(command)) as object), ...fields });
}

it('all good ones are decided, all poison is recorded with its reason', { timeout: 300_000 }, async () => {
  const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, () => newAccount(scene.pool)));
  const goodOnes: TransactionCommand[] = [];
  const messages: Message[] = [];
  const expected = new Map<string, number>();
  for (let n = 0; n < POISON_COUNT; n += 1) {
    if (n % 5 === 0) {
      const good = newCommand({ accountId: accounts[n % ACCOUNTS] ?? '', shape: 'documented' });
      goodOnes.push(good);
      messages.push({ queue: 'transactions_queue', body: bodyOf(good) });
    }
    const [reason, make] = KINDS[n % KINDS.length] ?? KINDS[0] ?? [];
    const good = goodOnes.at(-1);
    if (reason === undefined || make === undefined || good === undefined)
      throw new Error('there is no poison');
    messages.push(make(good));
    expected.set(reason, (expected.get(reason) ?? 0) + 1);
  }
  const node = await scene.start();
  await publish(scene.rabbitmqUrl, messages);
  await eventually(
    async () => {
      expect(await cell(scene.pool, 'select count(*) from processor.dead_letters')).toBe(
        String(POISON_COUNT),
      );
      expect(await cell(scene.pool, 'select count(*) from processor.journal')).toBe(String(goodOnes.length));
      expect(await figure(node, 'paygate_in_flight')).toBe(0);
    },
    { timeoutMs: 240_000, pollMs: 200 },
  );
  const { rows } = await scene.pool.query<{ code: string; n: number }>(
    'select code, count(*)::int as n from processor.dead_letters group by code',
  );
  expect(new Map(rows.map(({ code, n }) => [code, n]))).toEqual(expected);
  const ids = goodOnes.map(({ transactionId }) => transactionId);
  expect(
    await cell(
      scene.pool,
      `select count(*) from processor.journal where transaction_id = any ($1) and outcome = 'APPROVED'`,
      [ids],
    ),
  ).toBe(String(ids.length));
  await scene.stop();
  const audit = await audited(scene.pool, scene.redisUrl);
  expect(audit.violations).toEqual([]);
  expect(audit.counts).toMatchObject({ deadLetters: POISON_COUNT, pending: 0, retries: 0 });
});
