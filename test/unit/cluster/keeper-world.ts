import { INBOUND_QUEUES } from '../../../src/contracts/queues.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { Flow } from '../../../src/ports/cluster.ts';
import type { Clock } from '../../../src/ports/runtime.ts';
import { ClusterTick } from '../../../src/supervisor/cluster/cluster-tick.ts';
import { DirectoryWatch } from '../../../src/supervisor/cluster/directory-watch.ts';
import { ownerOf } from '../../../src/supervisor/cluster/placement.ts';
import { ShardTable } from '../../../src/supervisor/shard-table.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { FakeDirectory, FakeShardRows } from '../../support/fakes/fake-directory.ts';
import { FakeMembership, FakeRedis } from '../../support/fakes/fake-membership.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';

const STEP_MS = 50;
const PING_MS = 500;
/** The broker gives up a reader that is frozen. */
const HEARTBEAT_MS = 6_000;
const CLOSE_MS = 30;

/** The clock as one process sees it: while it is frozen nothing is called back, after its death nothing ever is. */
export class ProcessClock implements Clock {
  mode: 'running' | 'paused' | 'dead' = 'running';
  readonly #base: FakeClock;
  #due: (() => void)[] = [];

  constructor(base: FakeClock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    let wanted: (() => void) | null = callback;
    const cancel = this.#base.after(delayMs, () => this.#run(() => wanted?.()));
    return () => {
      wanted = null;
      cancel();
    };
  }

  soon(callback: () => void): void {
    this.#base.soon(() => this.#run(callback));
  }

  resume(): void {
    this.mode = 'running';
    for (const callback of this.#due.splice(0)) callback();
  }

  #run(callback: () => void): void {
    if (this.mode === 'running') callback();
    else if (this.mode === 'paused') this.#due.push(callback);
  }
}

/** Which queues are read by whom: the first who asked and is still there. */
class FakeExclusiveQueues {
  readonly #askers = new Map<string, string[]>(INBOUND_QUEUES.map((queue) => [queue, []]));

  ask(queue: string, who: string): void {
    if (!this.asks(queue, who)) this.#askers.get(queue)!.push(who);
  }

  asks(queue: string, who: string): boolean {
    return this.#askers.get(queue)!.includes(who);
  }

  leave(queue: string, who: string): void {
    this.#askers.set(
      queue,
      this.#askers.get(queue)!.filter((other) => other !== who),
    );
  }

  asking(queue: string): readonly string[] {
    return this.#askers.get(queue)!;
  }
}

export class WorldNode {
  readonly clock: ProcessClock;
  readonly membership: FakeMembership;
  readonly directory: FakeDirectory;
  readonly shards = new ShardTable();
  readonly tick: ClusterTick;
  readonly logger = new QuietLogger();
  readonly incarnation: string;
  readonly inbox: string;
  /** As the callbacks told. */
  readonly told: string[] = [];
  inboxLink: 'up' | 'cut' = 'up';
  inboxReachedMs: number;
  watched: readonly string[] = [];
  /** Hand-offs begun since the last tick. */
  begun = 0;
  pausedAtMs = 0;
  gone: 'no' | 'noticed' | 'silently' = 'no';
  draining: 'no' | 'yes' | 'done' = 'no';
  finishMs = 40;

  constructor(
    readonly nodeId: string,
    generation: number,
    readonly world: KeeperWorld,
  ) {
    this.incarnation = `${nodeId}#${generation}`;
    this.inbox = `inbox.${nodeId}.${generation}`;
    this.clock = new ProcessClock(world.clock);
    this.inboxReachedMs = world.clock.now();
    const { incarnation, inbox } = this;
    const self = { nodeId, incarnation, inbox, startedAtMs: world.clock.now() };
    this.membership = new FakeMembership({
      redis: world.redis,
      self,
      clock: this.clock,
      onTick: () => {
        this.begun = 0;
      },
      onRelease: (leases) => {
        for (const queue of INBOUND_QUEUES)
          if (leases.includes(`ingest:${queue}`) && world.broker.asks(queue, incarnation))
            throw new Error(`${incarnation} gives the lease of ${queue} back while it reads`);
      },
    });
    this.directory = new FakeDirectory(world.rows, { nodeId, incarnation, inbox }, this.clock);
    this.tick = this.#makeTick(self);
  }

  get isRunning(): boolean {
    return this.gone === 'no' && this.clock.mode === 'running';
  }

  #makeTick(self: { nodeId: string; incarnation: string }): ClusterTick {
    return new ClusterTick({
      self,
      membership: this.membership,
      directory: this.directory,
      watch: new DirectoryWatch({ directory: this.directory, clock: this.clock, logger: this.logger }),
      graceMs: 3_000,
      onOtherCluster: () => this.told.push('other cluster'),
      inbox: {
        silentMs: () => this.clock.now() - this.inboxReachedMs,
        watch: (inboxes) => {
          this.watched = inboxes;
        },
        send: (inbox) => this.world.nudge(inbox, this.inboxLink),
      },
      shards: this.shards,
      callbacks: {
        owned: (shards) => this.#owned(shards),
        lost: (shard) => this.told.push(`lost ${shard}`),
        beginHandOff: (shard) => this.#beginHandOff(shard),
        finished: (shard) => this.#after(this.finishMs, () => this.told.push(`finished ${shard}`)),
        left: (shard) => this.told.push(`left ${shard}`),
        openIntake: (queue) => this.world.broker.ask(queue, this.incarnation),
        closeIntake: (queue) => this.#after(CLOSE_MS, () => this.world.broker.leave(queue, this.incarnation)),
      },
      clock: this.clock,
      logger: this.logger,
    });
  }

  #owned(shards: readonly number[]): void {
    for (const shard of shards)
      if (this.shards.epochOf(shard) === null) this.world.fail(`${this.incarnation} owns ${shard} too early`);
  }

  #beginHandOff(shard: number): void {
    this.told.push(`begin ${shard}`);
    this.begun += 1;
    if (this.draining !== 'no') return;
    if (this.begun > LIMITS.handOffsMax) this.world.fail(`${this.incarnation} moves too much in a tick`);
    const answer = this.membership.lastTick;
    if (answer?.kind !== 'done' || answer.value.boot.young)
      this.world.fail(`${this.incarnation} hands off though the leases are not settled`);
  }

  async #after(delayMs: number, act: () => void): Promise<void> {
    await new Promise<void>((resolve) => {
      this.clock.after(delayMs, resolve);
    });
    act();
  }
}

/** Some nodes, one Redis, one PostgreSQL, one broker, on virtual time. Checks what must hold at every step. */
export class KeeperWorld {
  readonly clock = new FakeClock();
  readonly redis = new FakeRedis(this.clock);
  readonly rows = new FakeShardRows();
  readonly broker = new FakeExclusiveQueues();
  readonly nodes: WorldNode[] = [];
  readonly #failures: string[] = [];
  readonly #pinged = new Map<string, number>();
  #generation = 0;

  get present(): readonly WorldNode[] {
    return this.nodes.filter(({ gone }) => gone === 'no');
  }

  join(nodeId: string): WorldNode {
    this.#generation += 1;
    const node = new WorldNode(nodeId, this.#generation, this);
    this.nodes.push(node);
    node.tick.start();
    return node;
  }

  die(node: WorldNode, how: 'noticed' | 'silently'): void {
    node.gone = how;
    node.clock.mode = 'dead';
    for (const queue of INBOUND_QUEUES) this.broker.leave(queue, node.incarnation);
  }

  /** All that the keepers send. */
  nudge(inbox: string, link: WorldNode['inboxLink']): Flow {
    const node = this.present.find((other) => other.inbox === inbox);
    if (link === 'cut' || node?.inboxLink !== 'up') return 'away';
    node.clock.after(1, () => node.tick.nudge());
    return 'open';
  }

  pause(node: WorldNode): void {
    node.clock.mode = 'paused';
    node.pausedAtMs = this.clock.now();
  }

  resume(node: WorldNode): void {
    node.clock.resume();
    for (const queue of INBOUND_QUEUES)
      if (node.tick.ingestKeeper.stateOf(queue) === 'open') this.broker.ask(queue, node.incarnation);
  }

  drain(node: WorldNode): void {
    node.draining = 'yes';
    void node.tick.drain().then(() => {
      node.draining = 'done';
      this.die(node, 'noticed');
    });
  }

  /** A commit under an epoch that is not the shard's is refused. */
  commit(node: WorldNode, shard: number): void {
    const epoch = node.shards.epochOf(shard);
    if (epoch !== null && epoch !== this.rows.rows[shard]!.epoch) {
      node.shards.lose(shard);
      node.tick.fenced(shard, epoch);
    }
  }

  fail(what: string): void {
    this.#failures.push(what);
  }

  async run(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += STEP_MS) {
      this.clock.advance(STEP_MS);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      this.#keepInboxes();
      this.#check();
    }
  }

  /** Runs until everything is where it belongs; gives the number of ticks, or what is still wrong. */
  async ticksUntilPlaced(ticksMax: number): Promise<number | string> {
    for (let ticks = 0; ticks < ticksMax; ticks += 1) {
      if (this.misplaced().length === 0) return ticks;
      await this.run(LIMITS.leaseTickMs);
    }
    return this.misplaced().slice(0, 5).join('; ') || ticksMax;
  }

  /**
   * The same, where it is in its place only if it stays there for `calmTicks`: what was begun last may have its effect only when all looks
   * well.
   */
  async ticksUntilCalm(ticksMax: number, calmTicks: number): Promise<number | string> {
    let placedAtTick = 0;
    for (let ticks = 0; ticks - placedAtTick < calmTicks; ticks += 1) {
      const wrong = this.misplaced();
      if (wrong.length > 0) placedAtTick = ticks + 1;
      if (placedAtTick > ticksMax) return wrong.slice(0, 5).join('; ');
      await this.run(LIMITS.leaseTickMs);
    }
    return placedAtTick;
  }

  misplaced(): readonly string[] {
    const places = this.present.filter(({ draining }) => draining === 'no').map(({ nodeId }) => nodeId);
    if (places.length === 0) return [];
    const wrong: string[] = [];
    for (const { shard, epoch, owner } of this.rows.rows) {
      const serving = this.present.filter((node) => node.shards.epochOf(shard) !== null);
      const [node] = serving;
      const home = ownerOf(`shard:${shard}`, places);
      const right =
        serving.length === 1 &&
        node?.nodeId === home &&
        node.shards.epochOf(shard) === epoch &&
        owner?.incarnation === node.incarnation &&
        node.tick.shardKeeper.stateOf(shard) === 'owned' &&
        this.redis.holderOf(`shard:${shard}`) === node.incarnation;
      if (!right)
        wrong.push(
          `shard ${shard}: ${serving.map(({ incarnation }) => incarnation).join()} not ${home}, row ${String(epoch)} ${owner?.incarnation ?? '-'}, lease ${this.redis.holderOf(`shard:${shard}`) ?? '-'}`,
        );
    }
    for (const queue of INBOUND_QUEUES) {
      const home = this.present.find(({ nodeId }) => nodeId === ownerOf(`ingest:${queue}`, places))!;
      const asking = this.broker.asking(queue).join();
      const holder = this.redis.holderOf(`ingest:${queue}`);
      if (asking !== home.incarnation || holder !== home.incarnation)
        wrong.push(`${queue}: read by ${asking}, lease ${holder ?? '-'}, not ${home.incarnation}`);
    }
    return wrong;
  }

  #keepInboxes(): void {
    const nowMs = this.clock.now();
    const deadInboxes = new Set(
      this.nodes.filter(({ gone }) => gone === 'noticed').map(({ inbox }) => inbox),
    );
    for (const node of this.present) {
      if (node.clock.mode === 'paused' && nowMs - node.pausedAtMs > HEARTBEAT_MS)
        for (const queue of INBOUND_QUEUES) this.broker.leave(queue, node.incarnation);
      if (!node.isRunning || node.inboxLink === 'cut') continue;
      node.inboxReachedMs = nowMs;
      if (nowMs - (this.#pinged.get(node.incarnation) ?? 0) < PING_MS) continue;
      this.#pinged.set(node.incarnation, nowMs);
      for (const inbox of node.watched) if (deadInboxes.has(inbox)) node.tick.returned(inbox, 'gone');
    }
  }

  #check(): void {
    for (const { shard, epoch, owner } of this.rows.rows) {
      const entitled = this.present.filter((node) => node.shards.epochOf(shard) === epoch);
      if (entitled.length > 1) this.fail(`two nodes own shard ${shard}`);
      const [node] = entitled;
      if (node !== undefined && owner?.incarnation !== node.incarnation)
        this.fail(
          `${node.incarnation} writes shard ${shard}, whose row names ${owner?.incarnation ?? 'nobody'}`,
        );
      for (const other of this.present)
        if ((other.shards.epochOf(shard) ?? 0n) > epoch) this.fail(`an epoch of shard ${shard} from nowhere`);
    }
    for (const node of this.present)
      if (node.draining === 'no' && node.tick.shardKeeper.counts().handingOff > LIMITS.handOffsMax)
        this.fail(`${node.incarnation} hands off too much at a time`);
    const [failure] = this.#failures;
    if (failure !== undefined) throw new Error(failure);
  }
}
