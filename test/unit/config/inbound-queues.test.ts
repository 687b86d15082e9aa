/** Without this: a partition that nobody reads because its setting was misspelt, or a queue of the contract that is read as another. */
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config.ts';
import { sourceQueues } from '../../../src/contracts/queues.ts';

const read = (text: string) => loadConfig({ INBOUND_QUEUES: text }).inboundQueues;

describe('INBOUND_QUEUES', () => {
  it('adds queues to those of the contract', () => {
    expect(loadConfig({}).inboundQueues).toEqual(sourceQueues());
    expect(read(' payments_eu = transactions_queue,refunds.eu=refund_queue, ')).toEqual([
      ...sourceQueues(),
      { name: 'payments_eu', as: 'transactions_queue' },
      { name: 'refunds.eu', as: 'refund_queue' },
    ]);
  });

  it.each([
    ['payments_eu', /pairs like/],
    ['payments_eu=payments', /one of transactions_queue/],
    ['a=transactions_queue=b', /pairs like/],
    ['pay ments=transactions_queue', /pairs like/],
    ['refund_queue=transactions_queue', /refund_queue is the name of another queue/],
    ['system_dlq=transactions_queue', /another queue/],
    ['inbox.a=transactions_queue', /another queue/],
    ['a=transactions_queue,a=refund_queue', /a is there twice/],
    [Array.from({ length: 33 }, (_, n) => `q${n}=retry_queue`).join(','), /at most 32/],
  ])('refuses %s', (text, why) => {
    expect(() => read(text)).toThrow(ConfigError);
    expect(() => read(text)).toThrow(why);
  });
});
