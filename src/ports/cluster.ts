import type { LinkState } from './connection.ts';

/** What a node tells the others about itself. */
export interface NodeRecord {
  readonly nodeId: string;
  /** UUID of this run of the node. */
  readonly incarnation: string;
  /** Queue for commands that other nodes send to it. */
  readonly inbox: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** Gives its roles away and takes none. */
  readonly draining: boolean;
  /** Base URL of its admin port, as people and their programs reach it; absent: it does not say. */
  readonly address?: string | undefined;
  /** The same for other nodes; absent: they reach it there as well. */
  readonly peerAddress?: string | undefined;
}

/** What a node tells of its admin port. */
export type ToldAddress = Pick<NodeRecord, 'address' | 'peerAddress'>;

/** Base URLs of the admin port of a node. */
export interface NodeAddress {
  /** As people and their programs reach it. */
  readonly address: string;
  /** As other nodes reach it. */
  readonly peerAddress: string;
}

/** A role that one node has at a time: a shard, or the reading of an inbound queue. */
export type LeaseName = `shard:${number}` | `ingest:${string}`;

/** Why Redis, which did answer, did nothing. */
export type LeaseRefusal =
  /** The boot is young: the leases of those who are at work may not be back yet. */
  | 'young'
  /** This Redis serves another cluster (another ledger). */
  | 'other-cluster';

/** Yes, no, or unknown: after the last one Redis may or may not have done it. It does not do it later. */
export type LeaseAnswer<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused'; readonly reason: LeaseRefusal }
  | { readonly kind: 'unknown'; readonly reason: Error };

/**
 * A stretch of time over which the leases in Redis can be believed. It ends with a FLUSHALL, with a restart that lost the data,
 * and when no node at all was able to tick for a lease time (so that all leases are gone, though their owners are at work).
 */
export interface Boot {
  readonly id: string;
  readonly ageMs: number;
  /** Younger than one lease time: until then whoever is at work and reaches Redis has ticked, or counts as cut off from it. */
  readonly young: boolean;
}

export interface LostLease {
  readonly lease: LeaseName;
  /** Incarnation that has it now; null: it ran out, or Redis lost it. */
  readonly holder: string | null;
}

export interface ClusterView {
  readonly boot: Boot;
  /** Nodes that ticked within the last lease time, ourselves among them, by incarnation. */
  readonly nodes: readonly NodeRecord[];
  /** Leases that we believed to hold and do not. */
  readonly lost: readonly LostLease[];
}

/**
 * Who is there, and who may try for which role. A lease never entitles to write: that is the epoch in PostgreSQL.
 *
 * Calls may overlap; they take effect in the order in which they were made. None rejects. What is asked for while
 * Redis is away is not done later.
 */
export interface Membership {
  state(): LinkState;
  /** Leases that we hold as far as we know; they are renewed by `tick`. */
  held(): ReadonlySet<LeaseName>;
  /**
   * Writes our record and renews what we hold, in one round trip. To be called only while the inbox and PostgreSQL are
   * within reach, a few times per lease time. `refused`: `other-cluster`.
   */
  tick(draining: boolean): Promise<LeaseAnswer<ClusterView>>;
  /** Takes those that are free; the answer names those of them that are ours now. `refused`: `young`. */
  acquire(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>>;
  /**
   * The same while the boot is young as well: for shards that PostgreSQL says are ours, or nobody's. Somebody else's
   * lease is left alone.
   */
  reassert(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>>;
  /** Takes them whoever has them: for shards whose owner's inbox has returned a forward. `refused`: `young`. */
  overwrite(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>>;
  /**
   * Gives up those that are ours; somebody else's are left alone. They count as given up at once: where the answer is
   * unknown they run out.
   */
  release(leases: readonly LeaseName[]): Promise<LeaseAnswer<null>>;
  /**
   * Removes a node that is proven dead, and its leases; names those freed. A node that lives after all is back with
   * its next tick, without leases. Our own incarnation, at the end of a drain: we are gone at once for the others.
   */
  forget(incarnation: string): Promise<LeaseAnswer<readonly LeaseName[]>>;
  /** Closes the connection; leases run out by themselves. Idempotent, never rejects. */
  close(): Promise<void>;
}

/** Whether something can be sent. `blocked`: the broker takes nothing (memory or disk alarm), or more than it takes is under way. */
export type Flow = 'open' | 'blocked' | 'away';

/**
 * What it means that a message came back. `gone`: the node's connection was lost, which a process that was killed shows at once.
 * `unsure`: our own connection is new, perhaps because the broker restarted or ended all connections, and the node may
 * be about to come back as we did.
 */
export type ReturnMeaning = 'gone' | 'unsure';

export interface InboxEvents {
  /**
   * Something for us, in the order of each sender. Must not throw and must not block.
   *
   * @param receivedAtMs when it came into the process, by the node's clock: it may have waited since.
   */
  readonly onMessage: (body: Buffer, receivedAtMs: number) => void;
  /**
   * A queue that we sent to or watch does not exist. Told for every message and every ping that comes back. Must not
   * throw.
   */
  readonly onReturned: (inbox: string, meaning: ReturnMeaning) => void;
  /** Told on change; it starts as `away`. Must not throw. */
  readonly onFlow: (flow: Flow) => void;
}

/** Messages between nodes. Any of them may be lost: a lost connection, a dead node, a broker that restarts. */
export interface Inbox {
  /** Our own. It exists only while we are connected. */
  readonly name: string;
  /** Resolves when our own inbox is there for the first time. Rejects when closed before. */
  ready(): Promise<void>;
  /** Of the connection that reads our inbox. */
  state(): LinkState;
  flow(): Flow;
  /**
   * Milliseconds since a message of ours last came back to us by way of our own inbox; Infinity before the first. While the
   * broker takes no publications it cannot be asked: then a connection that reads counts as reached.
   */
  silentMs(): number;
  /** Sends without waiting: `open` = handed to the connection, anything else = not sent. An empty body is not allowed. */
  send(inbox: string, body: Buffer): Flow;
  /** Inboxes of the peers whose death is to be noticed; replaces those given before. Each is sent a ping every `LIMITS.inboxPingMs`. */
  watch(inboxes: readonly string[]): void;
  /** The inbox is gone with it. Idempotent, never rejects. */
  close(): Promise<void>;
}

/** An incarnation of a node as the directory names it. */
export interface ShardOwner {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly inbox: string;
}

export interface ShardRow {
  readonly shard: number;
  readonly epoch: bigint;
  /** null: nobody. */
  readonly owner: ShardOwner | null;
}

/** An operator has said that no node reads a queue; what was taken is finished. */
export interface IntakePause {
  /** RFC 3339. */
  readonly since: string;
  readonly operator: string;
  readonly why: string;
}

/** `processor.shards`, as the nodes of a cluster use it. Rejects when PostgreSQL does not answer. */
export interface ClusterDirectory {
  /** All shards, by number. */
  read(): Promise<readonly ShardRow[]>;
  /** Whether an operator has paused intake; null: no. */
  paused(): Promise<IntakePause | null>;
  /**
   * Raises the epochs of these shards in our name where they still are what was seen; returns the new epoch per shard
   * that is ours now, committed. Balances are read after that, in new statements.
   *
   * After a rejection the outcome is unknown: a row that then names us under an epoch we were never given is to be
   * taken again, with that epoch as the one seen.
   */
  takeOverSeen(seen: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<number, bigint>>;
  /** Names nobody as the owner of the shards that are still ours. */
  release(shards: readonly number[]): Promise<void>;
}
