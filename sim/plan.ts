import type { InboundQueue } from '../src/contracts/queues.ts';
import type { OperatorAction, TransactionType } from '../src/contracts/command.ts';
import type { LinkQuality } from './servers/sim-link.ts';
import type { ServerName } from './sim-node.ts';

export const NODE_NAMES = ['n1', 'n2', 'n3'] as const;
export type NodeName = (typeof NODE_NAMES)[number];

/** What ought to become of a message: a decision, a dead letter, or whatever (a repeat under another id). */
export type Expected = 'decision' | 'letter' | 'anything';

export interface PlannedRow {
  readonly transactionId: string;
  readonly accountId: string;
  readonly type: TransactionType;
  readonly cardId: string | null;
  readonly amountCents: bigint;
  readonly idempotencyKey: string;
}

interface At {
  /** Since the beginning. */
  readonly atMs: number;
}

/** A message of the Go API, or of another producer. */
export interface Publication extends At {
  readonly kind: 'publish';
  readonly what: string;
  readonly queue: InboundQueue;
  readonly body: Buffer;
  readonly durability: 'transient' | 'persistent';
  /** Committed by the Go API; null: no row. */
  readonly row: PlannedRow | null;
  /** The row is committed so long after the message was published; 0: before it, as the Go API does. */
  readonly rowLateMs: number;
  /** false: the Go API dies before it publishes. */
  readonly isSent: boolean;
  readonly expected: Expected;
  readonly transactionId: string | null;
}

/** What an operator wants done to an account. */
export interface PlannedOrder extends At {
  readonly kind: 'order';
  readonly orderId: string;
  readonly accountId: string;
  readonly action: OperatorAction;
}

type Lasting = At & { readonly forMs: number };

/** What happens to messages between nodes; each of them with some probability. */
export type PostTrouble = 'lossy' | 'doubling' | 'reordering';

export type Fault =
  | (Lasting & { readonly kind: 'crash' | 'drain' | 'freeze'; readonly node: NodeName })
  | (Lasting & {
      readonly kind: 'link';
      readonly node: NodeName;
      readonly server: ServerName;
      readonly quality: Exclude<LinkQuality, 'up'>;
    })
  | (Lasting & { readonly kind: 'restart'; readonly server: ServerName })
  | (At & { readonly kind: 'flush' })
  | (Lasting & { readonly kind: 'post'; readonly fate: PostTrouble })
  /** What one node sends the other is lost, while both reach all servers. */
  | (Lasting & {
      readonly kind: 'partition';
      readonly from: NodeName;
      readonly to: NodeName;
      readonly way: 'one way' | 'both ways';
    })
  /** The broker takes no publications. */
  | (Lasting & { readonly kind: 'alarm' })
  /** The node's clock is put forward, or back, and right again at the end. */
  | (At & { readonly kind: 'clock'; readonly node: NodeName; readonly byMs: number })
  /** Somebody holds the account's row: commits that touch it give up waiting. */
  | (Lasting & { readonly kind: 'lock'; readonly accountId: string })
  /** The actor of the account throws so many times when it has read its account. */
  | (At & { readonly kind: 'throw'; readonly accountId: string; readonly times: number });

/** One thing that is done to the cluster. */
export type Step = Publication | PlannedOrder | Fault;

/** All that a run does, made from its seed alone; parts of it may be left out to find the shortest story. */
export interface Plan {
  readonly seed: number;
  readonly accounts: readonly string[];
  /** Card → account. */
  readonly cards: ReadonlyMap<string, string>;
  /** Of each node; few: accounts must make room for each other. */
  readonly activeAccountsMax: number;
  readonly steps: readonly Step[];
}

export const WORK_FROM_MS = 4_000;
export const WORK_UNTIL_MS = 20_000;
/** All faults are over by then. */
export const HEALED_AT_MS = 32_000;
/** Everything must be at rest by then. */
export const REST_BY_MS = 140_000;
