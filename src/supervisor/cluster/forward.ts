import type { Road } from '../../contracts/command.ts';
import type { InboundQueue } from '../../contracts/queues.ts';
import type { DeferralCode } from '../../domain/codes.ts';

/** The place of a command in the stream of its shard from one sender to one owner. */
export interface Position {
  /** The owner's epoch, as the sender knows it. */
  readonly epoch: bigint;
  /** Which stream of this sender and shard; a later one has a higher number. */
  readonly stream: number;
  /** Counts up from 0 within the stream. */
  readonly n: number;
  /** Everything between this number and `n` is settled. −1: everything before `n` is. */
  readonly after: number;
}

/** A command on its way to the owner of its shard. The owner decodes the body again. */
export interface Forward extends Position {
  readonly shard: number;
  readonly queue: InboundQueue;
  readonly road: Road;
  readonly attempt: number;
  readonly deferredFor: DeferralCode | null;
  readonly mayDecideError: boolean;
  readonly redelivered: boolean;
  /** Milliseconds since the epoch, by the sender's clock. */
  readonly receivedAtMs: number;
  readonly firstSeenAtMs: number;
  readonly body: Buffer;
  /** Of the span of the sender that waits for it (W3C Trace Context); none: it is not traced. */
  readonly traceparent?: string;
}

export interface ForwardBatch {
  /** Incarnation of the sender. */
  readonly from: string;
  /** Its inbox, for the answers. */
  readonly replyTo: string;
  readonly forwards: readonly Forward[];
}

/** What the owner says to the sender of a stream. */
export type Answer =
  /** Their outcomes are durable. In any order. */
  | {
      readonly kind: 'settled';
      readonly shard: number;
      readonly stream: number;
      readonly numbers: readonly number[];
    }
  /** Something before is missing: send again from `expected`. */
  | { readonly kind: 'gap'; readonly shard: number; readonly stream: number; readonly expected: number }
  /** Neither this command nor any later one of the stream is taken. `epoch`: of the shard, if it is ours under another one. */
  | {
      readonly kind: 'not-owner';
      readonly shard: number;
      readonly stream: number;
      readonly epoch: bigint | null;
    };

export interface AnswerBatch {
  /** Incarnation of the owner. */
  readonly from: string;
  readonly answers: readonly Answer[];
}
