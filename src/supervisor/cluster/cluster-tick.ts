import { LIMITS } from '../../limits.ts';
import type {
  ClusterDirectory,
  Inbox,
  Membership,
  NodeAddress,
  NodeRecord,
  ReturnMeaning,
} from '../../ports/cluster.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { ShardTable } from '../shard-table.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import { encodeNudge } from './forward-codec.ts';
import { HealthGate } from './health-gate.ts';
import type { GateState } from './health-gate.ts';
import { IngestKeeper } from './ingest-keeper.ts';
import type { IntakeCallbacks } from './ingest-keeper.ts';
import { Peers } from './peers.ts';
import type { Situation } from './peers.ts';
import { ShardKeeper } from './shard-keeper.ts';
import type { Pass, ShardCallbacks } from './shard-keeper.ts';

export interface ClusterTickOptions {
  readonly self: Pick<NodeRecord, 'nodeId' | 'incarnation'>;
  readonly membership: Membership;
  readonly directory: Pick<ClusterDirectory, 'takeOverSeen' | 'release'>;
  readonly watch: DirectoryWatch;
  readonly inbox: Pick<Inbox, 'silentMs' | 'watch' | 'send'>;
  readonly shards: ShardTable;
  readonly callbacks: ShardCallbacks & IntakeCallbacks;
  /** As for `IngestKeeper`. */
  readonly queues?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the nodes of a cluster that boots wait for each other before they place anything. */
  readonly graceMs: number;
  /** Redis serves another cluster: this node must not work with it. Told with every tick. Must not throw. */
  readonly onOtherCluster: () => void;
}

type Stage = 'new' | 'ticking' | 'draining' | 'stopped';

/**
 * The heartbeat of a node in its cluster: looks at Redis and PostgreSQL, then lets the keepers act on what it saw.
 *
 * Owns the keepers of shards and of ingest roles and the peers.
 * T1. One tick a second (more often until the node knows who is there), one at a time, each bounded by the longest wait for Redis and for the directory.
 * T2. The gate is looked at before anything else, also while a tick is under way: a process that was frozen closes its
 *     intake before it learns anything new.
 * T3. Only a tick counts as a look at the membership and only a tick begins hand-offs; a nudge takes what became free.
 * T4. Who gives something away tells the others, so that they take it at once and not with their next tick.
 */
export class ClusterTick {
  readonly shardKeeper: ShardKeeper;
  readonly ingestKeeper: IngestKeeper;
  readonly #options: ClusterTickOptions;
  readonly #watch: DirectoryWatch;
  readonly #gate: HealthGate;
  readonly #peers: Peers;
  #stage: Stage = 'new';
  /** Since when the others can know that we leave: a tick later they do, and what we give away is taken by one of them. */
  #announcedAtMs = Infinity;
  #gateState: GateState = 'no-ledger';
  #activity: 'idle' | 'ticking' = 'idle';
  #cancelNext: () => void = () => undefined;
  #onDrained: () => void = () => undefined;
  readonly #whenPlaced: (() => void)[] = [];

  constructor(options: ClusterTickOptions) {
    const { directory, watch, membership, inbox, clock, logger, callbacks, shards, self } = options;
    this.#options = options;
    this.#watch = watch;
    this.#gate = new HealthGate({ directory: this.#watch, inbox, clock });
    this.#peers = new Peers({ self, startedAtMs: clock.now(), graceMs: options.graceMs });
    const onSettled = (): void => {
      this.#checkPlaced();
      this.#checkDrained();
    };
    const onIntakeSettled = (): void => {
      onSettled();
      // Its end is what a drain goes on with.
      if (this.#isDraining() && this.ingestKeeper.isEmpty) this.#tickAtOnce();
    };
    const onReleased = (): void => this.#nudgeOthers();
    this.shardKeeper = new ShardKeeper({
      membership,
      directory,
      watch: this.#watch,
      shards,
      callbacks,
      logger,
      onSettled,
      onReleased,
    });
    this.ingestKeeper = new IngestKeeper({
      queues: options.queues,
      membership,
      callbacks,
      logger,
      onSettled: onIntakeSettled,
      onReleased,
    });
  }

  get gate(): GateState {
    return this.#gate.state();
  }

  /** As of the last tick: for inspection. */
  situation(): Situation {
    return this.#peers.situation(this.#isDraining(), this.#watch.pause === null ? 'open' : 'paused');
  }

  /** Where a node's admin port is, also while Redis is away; null: not known. */
  addressOf(incarnation: string): NodeAddress | null {
    return this.#peers.addressOf(incarnation);
  }

  /** Resolves when this node knows its place for the first time and has taken what it could. */
  placed(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenPlaced.push(resolve);
      this.#checkPlaced();
    });
  }

  /** To be called when our own inbox is there. */
  start(): void {
    if (this.#stage !== 'new') throw new Error('it ticks already');
    this.#stage = 'ticking';
    this.#tickAndGoOn();
  }

  /** Stops at once; leases run out, rows go on naming us. Idempotent. */
  stop(): void {
    this.#stage = 'stopped';
    this.#cancelNext();
    this.ingestKeeper.shut();
  }

  /** Gives everything away, then leaves. Resolves when nothing is ours any more; bounding it is the caller's. */
  async drain(): Promise<void> {
    if (this.#stage !== 'ticking') throw new Error('only a node that ticks can drain');
    this.#stage = 'draining';
    this.ingestKeeper.shut();
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
    this.#tickAtOnce();
    await drained;
    this.stop();
    await this.#options.membership.forget(this.#options.self.incarnation);
  }

  /** The region was refused a commit. */
  fenced(shard: number, epoch: bigint): void {
    this.shardKeeper.fenced(shard, epoch);
    this.nudge();
  }

  /** From the inbox: a message or ping came back. Proof of death unless our own connection is new. */
  returned(inbox: string, meaning: ReturnMeaning): void {
    if (meaning === 'unsure') return;
    const incarnation = this.#peers.behind(inbox, this.#watch.rows);
    if (incarnation === null) return;
    const hasLeft = this.#peers.isDraining(incarnation);
    if (this.#peers.proveDead(incarnation, this.#options.clock.now()) === 'known') return;
    this.#bury(incarnation, hasLeft ? 'it has left' : 'its inbox does not exist any more');
  }

  /** Something may have become free: reads the directory and takes what belongs here, between two ticks. */
  nudge(): void {
    void this.#lookAgain();
  }

  #bury(incarnation: string, why: string): void {
    this.#options.logger.warn({ gone: incarnation, why }, 'a node is gone');
    void this.#forget(incarnation);
  }

  async #forget(incarnation: string): Promise<void> {
    if (this.#gate.state() === 'open') await this.#options.membership.forget(incarnation);
    await this.#lookAgain();
  }

  async #lookAgain(): Promise<void> {
    // A read that is under way may have missed the news.
    if (this.#watch.isReading) await this.#watch.refresh();
    await this.#watch.refresh();
    if (this.#isOver()) return;
    this.shardKeeper.reconcile();
    if (this.#gate.state() === 'open') this.#act('take');
  }

  #tickAtOnce(): void {
    this.#cancelNext();
    this.#tickAndGoOn();
  }

  #tickAndGoOn(): void {
    if (this.#isOver()) return;
    const delayMs = this.situation().places === null ? LIMITS.startTickMs : LIMITS.leaseTickMs;
    this.#cancelNext = this.#options.clock.after(delayMs, () => this.#tickAndGoOn());
    if (this.#noteGate() !== 'open') this.ingestKeeper.shut();
    if (this.#activity === 'ticking') return;
    this.#activity = 'ticking';
    void this.#tick().finally(() => {
      this.#activity = 'idle';
    });
  }

  async #tick(): Promise<void> {
    const beganAtMs = this.#options.clock.now();
    await this.#watch.refreshWithin(LIMITS.leaseAnswerTimeoutMs);
    if (this.#isOver()) return;
    if (this.#noteGate() === 'open' && this.#gate.isFresh(beganAtMs)) {
      await this.#lookAndAct();
      return;
    }
    const unknown = {
      kind: 'unknown',
      reason: new Error('PostgreSQL or our inbox is out of reach'),
    } as const;
    this.#peers.observe(unknown, this.#watch.rows, this.#options.clock.now());
    this.shardKeeper.reconcile();
    this.shardKeeper.retryReleases();
    this.#checkDrained();
  }

  async #lookAndAct(): Promise<void> {
    const { membership, clock, inbox } = this.#options;
    const knewOfDrain = clock.now() - this.#announcedAtMs >= LIMITS.leaseTickMs;
    const wasDraining = this.#isDraining();
    const answer = await membership.tick(wasDraining);
    if (this.#isOver()) return;
    if (answer.kind === 'refused') this.#options.onOtherCluster();
    if (answer.kind === 'done' && wasDraining)
      this.#announcedAtMs = Math.min(this.#announcedAtMs, clock.now());
    const replaced = this.#peers.observe(answer, this.#watch.rows, clock.now());
    for (const incarnation of replaced) this.#bury(incarnation, 'this node was started again');
    inbox.watch(this.#peers.others.map((record) => record.inbox));
    this.shardKeeper.reconcile();
    this.shardKeeper.retryReleases();
    if (this.#noteGate() === 'open') this.#act(this.#passOf(knewOfDrain));
    else this.ingestKeeper.shut();
    this.#checkPlaced();
    this.#checkDrained();
  }

  /**
   * A draining node first ends its intake, then gives its shards away: what it has read is decided on the short way.
   * While somebody is there to take them, it is told first, and goes step by step. Where it cannot be told (Redis is
   * away), they take over when our inbox is gone: then the sooner we are gone the better.
   */
  #passOf(knewOfDrain: boolean): Pass {
    if (!this.#isDraining()) return 'take-and-hand-off';
    if (!this.ingestKeeper.isEmpty) return 'take';
    const { places, trust } = this.situation();
    if (places === null || places.length === 0) return 'take-and-hand-off-all';
    if (knewOfDrain) return 'take-and-hand-off';
    return trust === 'unknown' ? 'take-and-hand-off-all' : 'take';
  }

  #nudgeOthers(): void {
    for (const { inbox } of this.#peers.others) this.#options.inbox.send(inbox, encodeNudge());
  }

  #act(pass: Pass): void {
    const situation = this.situation();
    this.shardKeeper.act(situation, pass);
    this.ingestKeeper.act(situation);
  }

  #noteGate(): GateState {
    const state = this.#gate.state();
    const { logger } = this.#options;
    if (state !== this.#gateState) {
      if (state === 'open') logger.info({ was: this.#gateState }, 'this node can hold roles again');
      else logger.warn({ gate: state }, 'this node renews and takes nothing, and reads no queue');
    }
    this.#gateState = state;
    return state;
  }

  #isDraining(): boolean {
    return this.#stage === 'draining';
  }

  #isOver(): boolean {
    return this.#stage === 'stopped';
  }

  #checkPlaced(): void {
    const isPlaced = this.situation().places !== null && this.shardKeeper.counts().acquiring === 0;
    if (isPlaced) for (const resolve of this.#whenPlaced.splice(0)) resolve();
  }

  #checkDrained(): void {
    if (this.#isDraining() && this.shardKeeper.isEmpty && this.ingestKeeper.isEmpty) this.#onDrained();
  }
}
