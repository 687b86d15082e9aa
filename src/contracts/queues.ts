import type { Road } from './command.ts';

/** The queues of the contract. All are declared durable, with no arguments: any argument makes the Go API's own declare fail. */

export const INBOUND_QUEUES = [
  'transactions_queue',
  'refund_queue',
  'calculate_balance_queue',
  'balance_calculation_queue',
  'retry_queue',
] as const;
export type InboundQueue = (typeof INBOUND_QUEUES)[number];

/** A queue that is read. `as`: which of the contract's it counts as, and for a queue of the contract that one itself. */
export interface SourceQueue {
  readonly name: string;
  readonly as: InboundQueue;
}

/** The contract's queues, then further ones that count as one of them (partitions by tenant or type). */
export function sourceQueues(partitions: readonly SourceQueue[] = []): readonly SourceQueue[] {
  return [...INBOUND_QUEUES.map((name) => ({ name, as: name })), ...partitions];
}

export const DEAD_LETTER_QUEUES = ['transactions_dlq', 'balance_dlq', 'system_dlq'] as const;
export type DeadLetterQueue = (typeof DEAD_LETTER_QUEUES)[number];

/** By which road a queue's messages come. `retry_queue` is the operators': it may decide a row in `ERROR`. */
export const ROAD_OF_QUEUE: Readonly<Record<InboundQueue, Road>> = {
  transactions_queue: 'delivery',
  refund_queue: 'delivery',
  calculate_balance_queue: 'delivery',
  balance_calculation_queue: 'delivery',
  retry_queue: 'replay',
};

/** What a queue carries decides which schemas are tried. */
export const QUEUE_KIND: Readonly<Record<InboundQueue, 'transaction' | 'balance'>> = {
  transactions_queue: 'transaction',
  refund_queue: 'transaction',
  retry_queue: 'transaction',
  calculate_balance_queue: 'balance',
  balance_calculation_queue: 'balance',
};
