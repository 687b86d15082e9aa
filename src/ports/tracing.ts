import type { InboundQueue } from '../contracts/queues.ts';

/**
 * What a command goes through on one node. `queue`: it waits, in the router or in its account's mailbox. `forward`: another
 * node has it. `decide`: its account reads what it needs and decides. `commit`: from the proposal to the ledger's answer.
 * `settle`: from its outcome to the acknowledgement.
 */
export type TraceStep = 'queue' | 'forward' | 'decide' | 'commit' | 'settle';

/** Facts about a command, for whoever looks at its trace. Never a card, a token or a body. */
export type TraceFacts = Readonly<Record<string, string | number | boolean>>;

/** The trace of one message on this node, from its receipt to its acknowledgement. Nothing here throws. */
export interface CommandTrace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** Of the present step, for what is sent on from it (W3C Trace Context). */
  readonly traceparent: string;
  note(facts: TraceFacts): void;
  /** It ended as nobody wants it to end. */
  fail(detail: string): void;
  /** Ends the step before. */
  enter(step: TraceStep): void;
  /** The message is answered, or somebody else's from here. Once; later calls do nothing. */
  end(): void;
}

/** A commit of many commands: a trace of its own, linked with theirs. */
export interface CommitTrace {
  readonly traceId: string;
  end(result: 'committed' | 'failed', detail?: string): void;
}

export interface ReceivedMessage {
  /** The queue it was read from, or what else has brought it. */
  readonly from: InboundQueue | 'inbox' | 'retry' | 'sweep' | 'parked';
  /** As the message has it; what is not a valid one is ignored. */
  readonly traceparent: unknown;
}

export interface CommitSize {
  readonly commands: number;
  readonly accounts: number;
}

/** Where parts of a node ask for it, null means that tracing is off. */
export interface Tracing {
  received(message: ReceivedMessage): CommandTrace;
  /** Of the commands of a batch that are traced; null: none of them is recorded. */
  commit(commands: readonly CommandTrace[], size: CommitSize): CommitTrace | null;
}

/** For a line of the log. */
export function traceId(trace: { readonly traceId: string } | null | undefined): {
  readonly trace_id?: string;
} {
  return trace == null ? {} : { trace_id: trace.traceId };
}
