import type { Command, Road } from '../contracts/command.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { CommandTrace } from '../ports/tracing.ts';

/**
 * A command on its way, with the road it came by. Exactly one of `settle` and `giveBack` is called, once.
 *
 * E1. Settled means the outcome is committed or handed to somebody who will commit it before the acknowledgement.
 * E2. Given back means: not decided here, route it again, at the head, in delivery order.
 */
export interface Envelope<C extends Command = Command> {
  readonly command: C;
  readonly road: Road;
  readonly shard: number;
  /** 0 = first try. */
  readonly attempt: number;
  /** True where a row in status `ERROR` may still be decided (operator's replay, `retry_queue`). */
  readonly mayDecideError: boolean;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** When the transaction was first deferred, or `receivedAtMs`. */
  readonly firstSeenAtMs: number;
  /** None: it is not traced. */
  readonly trace?: CommandTrace | null;
  settle(settlement: Settlement): void;
  giveBack(reason: GiveBackReason): void;
}

export const GIVE_BACK_REASONS = ['fenced', 'stopped', 'crashed', 'shutdown'] as const;
export type GiveBackReason = (typeof GIVE_BACK_REASONS)[number];
