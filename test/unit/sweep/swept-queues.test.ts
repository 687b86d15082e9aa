/**
 * Without this: at the end of an old backlog the broker has nothing more, hundreds of messages wait in this node's reader, and the rows that
 * they stand for are driven as if their messages were lost.
 */
import { expect, it } from 'vitest';
import type { SourceQueue } from '../../../src/contracts/queues.ts';
import { SweptQueues } from '../../../src/supervisor/sweep/swept-queues.ts';

const SOURCES: readonly SourceQueue[] = [
  { name: 'transactions_queue', as: 'transactions_queue' },
  { name: 'transactions_queue.1', as: 'transactions_queue' },
  { name: 'refund_queue', as: 'refund_queue' },
];

function queues(
  atBroker: Readonly<Record<string, number>>,
  inReader: Readonly<Record<string, () => number>>,
) {
  return new SweptQueues({
    sources: SOURCES,
    broker: {
      queueStatus: (names) =>
        Promise.resolve(new Map(names.map((name) => [name, { messages: atBroker[name] ?? 0 }]))),
    },
    inbound: {
      reader: (name) => {
        const waiting = inReader[name];
        return waiting === undefined ? null : { waiting, state: () => 'up' };
      },
    },
  });
}

it('what waits is what the broker has and what has come and was not handed out', async () => {
  const depths = await queues(
    { 'transactions_queue.1': 5 },
    { transactions_queue: () => 3, refund_queue: () => 0 },
  ).depths();
  expect([...depths]).toEqual([
    ['transactions_queue', 8],
    ['refund_queue', 0],
  ]);
});

it('what comes while the broker is being asked is seen', async () => {
  let here = 0;
  const asked = queues({}, { transactions_queue: () => here }).depths();
  here = 1;
  expect((await asked).get('transactions_queue')).toBe(1);
});
