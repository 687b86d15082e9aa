/**
 * Without this: a queue named by INBOUND_QUEUES that nobody reads, that two nodes read at once (so that an account's order is lost), whose
 * messages are taken for something else, or that loses its reader with a node.
 */
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { queueStatus } from '../../src/infra/rabbitmq/queue-status.ts';
import { insertRow, newAccount, newCommand } from '../support/ledger-fixtures.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { paygate } from '../support/paygate.ts';
import { eventually } from '../support/services.ts';
import { audited, cell, messagesIn, publish } from './node-scene.ts';
import { useOneNode } from './use-one-node.ts';

const PARTITIONS = ['payments_eu', 'refunds_eu'] as const;
const SETTINGS = { INBOUND_QUEUES: 'payments_eu=transactions_queue,refunds_eu=refund_queue' };
const PATIENCE = { timeoutMs: 60_000, pollMs: 50 };
const ROUNDS = 100;

const overview = z.object({
  ingest: z.record(z.string(), z.string().nullable()),
  nodes: z.array(z.object({ nodeId: z.string(), incarnation: z.string(), state: z.string() })),
});

const scene = useOneNode();

const sendBy = (queue: string, commands: readonly TransactionCommand[]): Promise<void> =>
  publish(
    scene.rabbitmqUrl,
    commands.map((command) => ({ queue, body: bodyOf(command) })),
  );

/** Deposits and purchases of all that is there, in turn: any other order refuses one for good. */
function inAndOut(accountId: string): readonly TransactionCommand[] {
  return Array.from({ length: 2 * ROUNDS }, (_, n) =>
    newCommand({ accountId, shape: 'documented', type: n % 2 === 0 ? 'DEPOSIT' : 'PURCHASE' }),
  );
}

async function seenBy(env: Record<string, string>): Promise<z.infer<typeof overview>> {
  const { stdout } = await paygate(['cluster', '--json'], { ...env, ...SETTINGS });
  return overview.parse(JSON.parse(stdout));
}

const decided = (): Promise<string> =>
  cell(scene.pool, `select count(*) from processor.journal where outcome = 'APPROVED'`);

it('each partition has a reader of its own, counts as what it is said to, and finds another reader when its node leaves', async () => {
  const [first] = await Promise.all([
    scene.start({ ...SETTINGS, NODE_ID: 'one' }),
    scene.start({ ...SETTINGS, NODE_ID: 'two' }),
  ]);
  const [accountId, otherId, thirdId] = await Promise.all([1, 2, 3].map(() => newAccount(scene.pool)));
  if (accountId === undefined || otherId === undefined || thirdId === undefined)
    throw new Error('no account');

  await eventually(async () => {
    const status = await queueStatus(scene.rabbitmqUrl, PARTITIONS);
    for (const queue of PARTITIONS) expect(status.get(queue)?.consumers).toBe(1);
    const { ingest } = await seenBy(scene.env);
    for (const queue of PARTITIONS) expect(ingest[queue]).toEqual(expect.any(String));
  }, PATIENCE);

  const payments = inAndOut(accountId);
  const third = { accountId: thirdId, shape: 'documented' } as const;
  const deposit = newCommand(third);
  const purchase = newCommand({ ...third, type: 'PURCHASE' });
  const refund = newCommand({ ...third, type: 'REFUND', originalId: purchase.transactionId });
  const live = newCommand({ accountId: thirdId });
  await insertRow(scene.pool, live);
  await Promise.all([
    sendBy('payments_eu', [...payments, ...payments, deposit, purchase, live]),
    sendBy('transactions_queue', inAndOut(otherId)),
    sendBy('refunds_eu', [refund]),
    publish(scene.rabbitmqUrl, [{ queue: 'payments_eu', body: '{"no":"command"}' }]),
  ]);
  await eventually(async () => expect(Number(await decided())).toBe(4 * ROUNDS + 4), PATIENCE);
  expect(await messagesIn(scene.rabbitmqUrl, 'transactions_dlq')).toHaveLength(1);

  // Whoever reads it: the other node goes on.
  await first.drain();
  await sendBy('payments_eu', inAndOut(accountId));
  await eventually(async () => expect(Number(await decided())).toBe(6 * ROUNDS + 4), PATIENCE);
  const { ingest, nodes } = await seenBy(scene.env);
  const left = nodes.find(({ nodeId }) => nodeId === 'two')?.incarnation;
  for (const queue of PARTITIONS) expect(ingest[queue]).toBe(left);
  await scene.stop();
  expect((await audited(scene.pool, scene.redisUrl)).violations).toEqual([]);
});
