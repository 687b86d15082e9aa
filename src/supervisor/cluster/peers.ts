import { LIMITS } from '../../limits.ts';
import type { ClusterView, LeaseAnswer, NodeAddress, NodeRecord, ShardRow } from '../../ports/cluster.ts';
import { StableView } from './stable-view.ts';

/** What the leases are worth. `young`: after a FLUSHALL those at work may not have put theirs back. `unknown`: Redis is away. */
export type LeaseTrust = 'settled' | 'young' | 'unknown';

/** What is known of an incarnation that a row names. */
export type Standing = 'self' | 'live' | 'gone' | 'proven-dead';

/** What a node goes by when it decides which roles to take and to give away. */
export interface Situation {
  readonly trust: LeaseTrust;
  readonly nodeId: string;
  readonly draining: boolean;
  /** Nodes that roles are placed on, by `nodeId`, sorted; null: too early to say. */
  readonly places: readonly string[] | null;
  /** Whether the directory names anybody but us. `nobody`: no lease that Redis may have lost is anybody's. */
  readonly othersAtWork: 'nobody' | 'somebody';
  /** `paused`: by an operator; no node reads a queue. */
  readonly intake: 'open' | 'paused';
  readonly standingOf: (incarnation: string) => Standing;
}

export interface PeersOptions {
  readonly self: Pick<NodeRecord, 'nodeId' | 'incarnation'>;
  readonly startedAtMs: number;
  /** How long the nodes of a cluster that boots wait for each other. */
  readonly graceMs: number;
}

/**
 * The nodes of the cluster as this node believes in them. Owns their last known records, the stable view, the proofs of death.
 *
 * P1. Counted are incarnations; roles are placed on `nodeId`s, so that a node that is started again gets its old ones.
 * P2. While the boot is young, a missing record says nothing.
 * P3. The grace period is for a cluster that boots. Where others are at work, they give to a new node as soon as they
 *     count it, so it must not wait longer than they do.
 * P4. A node that is started under a name replaces whoever had it before: an earlier run of that name counts as dead.
 * P5. Where Redis has been away since the start, for a lease time beyond the grace period, a node goes by itself alone: it
 *     takes what the directory says is nobody's, by epoch, and reads the queues that the broker lets it read.
 * P6. A proof of death is refuted by a record that the dead could not have left: nothing is taken from who is still seen after
 *     `leaseMs`, though it counts again only by the stable view. Else what a wrong proof was kept from while the leases were
 *     young would be taken from the living when they settle.
 */
export class Peers {
  readonly #options: PeersOptions;
  /** By incarnation: when that was proven. */
  readonly #provenDead = new Map<string, number>();
  #records: ReadonlyMap<string, NodeRecord> = new Map();
  #seen: ReadonlySet<string> = new Set();
  #counted: ReadonlySet<string> = new Set();
  #view: StableView | null = null;
  #trust: LeaseTrust = 'unknown';
  #othersAtWork: Situation['othersAtWork'] = 'somebody';
  #observedAtMs = -Infinity;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Records of the nodes seen last, ourselves left out and those that are proven dead. */
  get others(): readonly NodeRecord[] {
    return [...this.#records.values()].filter(
      ({ incarnation }) =>
        incarnation !== this.#options.self.incarnation &&
        this.#seen.has(incarnation) &&
        !this.#provenDead.has(incarnation),
    );
  }

  /** Gives the earlier runs of our own name that were not known to be dead yet. */
  observe(answer: LeaseAnswer<ClusterView>, rows: readonly ShardRow[], nowMs: number): readonly string[] {
    const { incarnation: own } = this.#options.self;
    this.#observedAtMs = nowMs;
    const isAtWork = rows.some(({ owner }) => owner !== null && owner.incarnation !== own);
    this.#othersAtWork = isAtWork ? 'somebody' : 'nobody';
    if (answer.kind !== 'done') {
      this.#trust = 'unknown';
      this.#view?.observe({ kind: 'unknown' }, nowMs);
      return [];
    }
    const { boot, nodes } = answer.value;
    this.#trust = boot.young ? 'young' : 'settled';
    this.#seen = new Set(nodes.map(({ incarnation }) => incarnation));
    const live = boot.young ? new Set([...this.#seen, ...this.#counted]) : this.#seen;
    this.#view ??= this.#open(rows);
    this.#view.observe({ kind: 'known', live }, nowMs);
    this.#count();
    this.#forgetRefuted(nowMs);
    const kept = [...this.#records].filter(([incarnation]) => this.#counted.has(incarnation));
    this.#records = new Map([...kept, ...nodes.map((record) => [record.incarnation, record] as const)]);
    this.#forgetDead(rows);
    return this.#earlierRuns(rows).filter((incarnation) => this.proveDead(incarnation, nowMs) === 'news');
  }

  /** The incarnation behind an inbox, if it is known and not ours. */
  behind(inbox: string, rows: readonly ShardRow[]): string | null {
    const incarnation =
      [...this.#records.values()].find((record) => record.inbox === inbox)?.incarnation ??
      rows.find(({ owner }) => owner?.inbox === inbox)?.owner?.incarnation;
    return incarnation === undefined || incarnation === this.#options.self.incarnation ? null : incarnation;
  }

  /** By its last record. */
  isDraining(incarnation: string): boolean {
    return this.#records.get(incarnation)?.draining ?? false;
  }

  /** Where its admin port is, by its last record; null: not known. It stays what it is as long as the incarnation lives. */
  addressOf(incarnation: string): NodeAddress | null {
    const { address, peerAddress = address } = this.#records.get(incarnation) ?? {};
    return address === undefined || peerAddress === undefined ? null : { address, peerAddress };
  }

  /** A message to the node came back. `known`: that was known. */
  proveDead(incarnation: string, nowMs: number): 'news' | 'known' {
    if (this.#provenDead.has(incarnation)) return 'known';
    this.#provenDead.set(incarnation, nowMs);
    this.#view?.proveDead(incarnation, nowMs);
    this.#count();
    return 'news';
  }

  situation(draining: boolean, intake: Situation['intake']): Situation {
    return {
      trust: this.#trust,
      nodeId: this.#options.self.nodeId,
      draining,
      intake,
      places: this.#places(draining),
      othersAtWork: this.#othersAtWork,
      standingOf: (incarnation) => this.#standingOf(incarnation),
    };
  }

  #places(draining: boolean): readonly string[] | null {
    const { nodeId, incarnation: own } = this.#options.self;
    if (this.#view === null) {
      if (!this.#isOnItsOwn()) return null;
      return draining ? [] : [nodeId];
    }
    if (this.#view.nodes === null) return null;
    const places = [...this.#counted].flatMap((incarnation) => {
      const record = this.#records.get(incarnation);
      const leaves = incarnation === own ? draining : (record?.draining ?? true);
      return record === undefined || leaves ? [] : [record.nodeId];
    });
    return [...new Set(places)].sort();
  }

  #isOnItsOwn(): boolean {
    const { startedAtMs, graceMs } = this.#options;
    return this.#trust === 'unknown' && this.#observedAtMs - startedAtMs >= graceMs + LIMITS.leaseMs;
  }

  #standingOf(incarnation: string): Standing {
    if (incarnation === this.#options.self.incarnation) return 'self';
    if (this.#provenDead.has(incarnation)) return 'proven-dead';
    return this.#counted.has(incarnation) || this.#seen.has(incarnation) ? 'live' : 'gone';
  }

  #earlierRuns(rows: readonly ShardRow[]): readonly string[] {
    const { self, startedAtMs } = this.#options;
    const named = [
      ...this.#records.values(),
      ...rows.flatMap(({ owner }) => (owner === null ? [] : [owner])),
    ];
    const namesakes = named.filter(
      ({ nodeId, incarnation }) => nodeId === self.nodeId && incarnation !== self.incarnation,
    );
    const isEarlier = (incarnation: string): boolean =>
      (this.#records.get(incarnation)?.startedAtMs ?? -Infinity) < startedAtMs;
    return [...new Set(namesakes.map(({ incarnation }) => incarnation))].filter(isEarlier);
  }

  #open(rows: readonly ShardRow[]): StableView {
    const { startedAtMs, graceMs, self } = this.#options;
    const atWork = rows.some(
      ({ owner }) =>
        owner !== null && owner.incarnation !== self.incarnation && this.#seen.has(owner.incarnation),
    );
    return new StableView({ startedAtMs, graceMs: atWork ? 0 : graceMs, deathHoldMs: LIMITS.leaseMs });
  }

  #count(): void {
    this.#counted = new Set(this.#view?.nodes ?? []);
  }

  #forgetRefuted(nowMs: number): void {
    for (const [incarnation, provenAtMs] of this.#provenDead) {
      const outlivedIt = this.#seen.has(incarnation) && nowMs - provenAtMs >= LIMITS.leaseMs;
      if (outlivedIt || this.#counted.has(incarnation)) this.#provenDead.delete(incarnation);
    }
  }

  /** Keeps what somebody may still ask about: a proof is forgotten when neither a row nor a record names the node. */
  #forgetDead(rows: readonly ShardRow[]): void {
    const named = new Set(rows.flatMap(({ owner }) => (owner === null ? [] : [owner.incarnation])));
    for (const incarnation of this.#provenDead.keys())
      if (!named.has(incarnation) && !this.#seen.has(incarnation)) this.#provenDead.delete(incarnation);
  }
}
