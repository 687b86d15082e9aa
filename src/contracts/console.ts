/**
 * What a node tells the others of itself once a second, and what the console's page is sent. Types only: both ends are ours.
 *
 * Amounts, balances and sequence numbers are decimal strings (they may exceed 2^53); times are RFC 3339 in UTC or whole
 * seconds since the epoch.
 */

/** Upper ends of the latency buckets, in milliseconds; one more bucket holds the rest. */
export const LATENCY_BUCKETS_MS = [
  1, 2, 3, 5, 7.5, 10, 15, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
] as const;

/** What one node did in one second. */
export interface NodeSample {
  /** The second that ended, since the epoch. */
  readonly second: number;
  /** These five: per second. */
  readonly received: number;
  readonly approved: number;
  readonly rejected: number;
  readonly retried: number;
  readonly deadLettered: number;
  /** Settled commands by bucket of `LATENCY_BUCKETS_MS`. */
  readonly latency: readonly number[];
  readonly commits: number;
  /** Commands in these commits. */
  readonly committed: number;
  /** Of the oldest command in a mailbox; 0: none waits. */
  readonly mailboxAgeMs: number;
}

export interface AccountNote {
  readonly accountId: string;
  /** Where its statechart is, such as `active.committing`. */
  readonly at: string;
  /** Commands it has not answered. */
  readonly unanswered: number;
  /** Of its oldest command. */
  readonly ageMs: number;
}

/** A look at the accounts; taken only while somebody watches. */
export interface AccountSurvey {
  readonly states: Readonly<Record<string, number>>;
  readonly hot: readonly AccountNote[];
  readonly stuck: readonly AccountNote[];
  /** Active accounts of each shard, [shard, count]. */
  readonly byShard: readonly (readonly [number, number])[];
}

/** A node as it describes itself. */
export interface NodeFigures {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly status: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly uptimeSeconds: number;
  /** Of one core. */
  readonly cpuPercent: number;
  readonly residentBytes: number;
  readonly loopP99Ms: number;
  readonly accounts: number;
  readonly inFlight: number;
  /** Unanswered commands of all accounts, and of the account with the most. */
  readonly mailboxTotal: number;
  readonly mailboxMax: number;
  readonly survey: AccountSurvey | null;
  readonly sample: NodeSample;
}

/** One second of the whole cluster, for the plots. */
export interface ClusterPoint {
  readonly second: number;
  readonly received: number;
  readonly approved: number;
  readonly rejected: number;
  readonly retried: number;
  /** null: nothing was settled in this second. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly mailboxAgeMs: number;
  /** Commands per commit; null: there was none. */
  readonly commitSize: number | null;
}

export type HealthLevel = 'green' | 'amber' | 'red' | 'unknown';

export interface HealthItem {
  readonly id: 'nodes' | 'shards' | 'dependencies' | 'oldest' | 'letters' | 'invariant';
  readonly title: string;
  readonly level: HealthLevel;
  /** Short enough to stand large. */
  readonly value: string;
  /** The reason, in words. */
  readonly why: string;
}

export interface NodeRow {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly state: 'working' | 'draining' | 'absent' | 'unknown';
  /** Base URL of its admin port; null: not known. */
  readonly address: string | null;
  readonly shards: number;
  /** Queues that it reads. */
  readonly reads: readonly string[];
  /** Since its last tick; null: Redis would know. */
  readonly heartbeatAgeMs: number | null;
  /** Without its survey. null: it has not told anything for some seconds. */
  readonly figures: NodeFigures | null;
  /** Decisions per second. */
  readonly decidedPerSecond: number | null;
}

/** How many there are, up to a bound; `more`: it was reached. */
export interface BoundedCount {
  readonly count: number;
  readonly more: boolean;
  /** By code or reason, the most frequent first. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  /** Of the oldest; null: there is none. */
  readonly oldest: string | null;
}

export interface Waiting {
  readonly deadLetters: BoundedCount;
  readonly retries: BoundedCount;
  readonly parked: BoundedCount;
}

/** The cluster at one moment. A part that could not be read is null, and `troubles` says why. */
export interface ClusterState {
  readonly at: string;
  /** The node that says so. */
  readonly servedBy: string;
  readonly troubles: readonly string[];
  readonly paused: { readonly operator: string; readonly why: string } | null;
  readonly health: readonly HealthItem[];
  readonly nodes: readonly NodeRow[];
  readonly accounts: {
    readonly active: number;
    readonly states: Readonly<Record<string, number>>;
    readonly hot: readonly (AccountNote & { readonly nodeId: string })[];
    readonly stuck: readonly (AccountNote & { readonly nodeId: string })[];
  };
  readonly waiting: Waiting | null;
}

export interface ShardCell {
  readonly shard: number;
  /** null: nobody. */
  readonly owner: string | null;
  readonly epoch: string;
  readonly since: string | null;
  /** Redis and the directory name different owners: it changes hands. */
  readonly moving: boolean;
  /** Active accounts; null: its owner has not told. */
  readonly accounts: number | null;
}

export interface JournalRow {
  readonly seq: string;
  readonly transactionId: string | null;
  readonly type: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly requestedCents: string;
  readonly amountCents: string;
  readonly balanceAfterCents: string;
  readonly epoch: string;
  readonly road: string;
  readonly decidedAt: string;
  readonly order: { readonly operator: string; readonly why: string } | null;
}

export interface AccountPage {
  readonly accountId: string;
  readonly balanceCents: string;
  readonly overdraftCents: string;
  readonly seq: string;
  readonly status: string;
  readonly shard: number;
  readonly epoch: string;
  readonly owner: string | null;
  readonly takenAt: string | null;
  readonly retries: number;
  readonly parked: number;
  readonly deadLetters: number;
  /** Newest first. */
  readonly journal: readonly JournalRow[];
  /** Its actor; null: not active, or on a node that cannot be asked from here. */
  readonly live: AccountNote | null;
}

/** Everything known about one transaction. Amounts as decimal strings. */
export interface TransactionPage {
  readonly transactionId: string;
  readonly known: boolean;
  /** Why it is what it is, in words. */
  readonly sentence: string;
  readonly accountId: string | null;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** What happened to it, oldest first. */
  readonly story: readonly { readonly at: string; readonly what: string; readonly detail: string }[];
}

/** A row of the lists of dead letters, retries and parked commands. */
export interface WaitingRow {
  readonly id: string;
  readonly reason: string;
  readonly detail: string | null;
  readonly since: string;
  /** When it is tried next; null: not by itself. */
  readonly dueAt: string | null;
  readonly queue: string;
  readonly attempts: number | null;
  readonly transactionId: string | null;
  readonly accountId: string | null;
  /** Only its shape: values that may identify somebody are hidden. */
  readonly payload: string;
}

/** What the stream carries, by the name of the event. */
export interface FeedEvents {
  readonly state: ClusterState;
  /** Seconds that are new or known better now. */
  readonly points: readonly ClusterPoint[];
  readonly shards: readonly ShardCell[];
  readonly account: AccountPage | null;
}
export type FeedEventName = keyof FeedEvents;
