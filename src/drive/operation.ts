import type { BalanceCommand, TransactionCommand } from '../contracts/command.ts';
import type { InboundQueue } from '../contracts/queues.ts';

/** What an operation is meant to be. The last four are meant to be rejected. */
export const INTENTS = [
  'deposit',
  'purchase-with-card',
  'purchase-without-card',
  'charge',
  'full-refund',
  'partial-refund',
  'insufficient-funds',
  'foreign-card',
  'unknown-card',
  'over-refund',
] as const;
export type Intent = (typeof INTENTS)[number];

/** One thing that the Go API, or another producer, does. */
export type Operation =
  /** A new transaction; in the live shape its row is inserted before it is published. */
  | {
      readonly kind: 'transaction';
      readonly intent: Intent;
      readonly queue: InboundQueue;
      readonly command: TransactionCommand;
    }
  /** A message published before is published once more, byte for byte. */
  | { readonly kind: 'repeat'; readonly queue: InboundQueue; readonly command: TransactionCommand }
  | {
      readonly kind: 'balance-request';
      readonly queue: InboundQueue;
      readonly command: BalanceCommand;
      readonly requestedAt: string;
    }
  /** A message that cannot be decided. */
  | { readonly kind: 'poison'; readonly queue: InboundQueue; readonly text: string };

/** What can be decided. */
export type SoundOperation = Exclude<Operation, { kind: 'poison' }>;

export function isSound(operation: Operation): operation is SoundOperation {
  return operation.kind !== 'poison';
}
