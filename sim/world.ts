import type { AccountActor } from '../src/actors/account-actor.ts';
import { LIMITS } from '../src/limits.ts';
import type { AccountChange } from '../src/ports/ledger.ts';
import { Chance } from './chance.ts';
import { Coverage } from './coverage.ts';
import { HEALED_AT_MS, NODE_NAMES, REST_BY_MS } from './plan.ts';
import type { NodeName, Plan, Step } from './plan.ts';
import type { Bug } from './planted-bugs.ts';
import { brokenPromises, hasOutcome, short } from './promises.ts';
import type { Violation } from './promises.ts';
import { SimBroker } from './servers/sim-broker.ts';
import type { PostFate } from './servers/sim-inbox.ts';
import { SimRedis } from './servers/sim-redis.ts';
import { SimTables, timeText } from './servers/sim-tables.ts';
import type { JournalRow } from './servers/sim-tables.ts';
import { SimNode } from './sim-node.ts';
import type { ServerName } from './sim-node.ts';
import type { Surroundings } from './surroundings.ts';
import { VirtualTime } from './virtual-time.ts';

/** 2026-11-23, somewhere in the morning. */
export const START_MS = Date.UTC(2026, 10, 23, 9);
/** Whatever was committed shows by then. */
const SETTLING_MS = 6_000;
/** A start that goes well takes less; what comes before needs no place in a story. */
const LOG_MESSAGES_MAX = 400;

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Who did what when, one line each. */
  readonly story: readonly string[];
  readonly coverage: Coverage;
  readonly decisions: number;
}

/** A cluster on virtual time that goes through a plan. Used once. */
export class World {
  readonly #plan: Plan;
  readonly #time = new VirtualTime(START_MS);
  readonly #chance: Chance;
  readonly #tables = new SimTables(this.#time);
  readonly #broker = new SimBroker();
  readonly #redis: SimRedis;
  readonly #nodes = new Map<NodeName, SimNode>();
  readonly #surroundings: Surroundings;
  readonly #violations: Violation[] = [];
  readonly #story: string[] = [];
  readonly #coverage = new Coverage();
  readonly #refusedByApi = new Set<string>();
  #post: 'sound' | 'lossy' | 'doubling' = 'sound';
  #logged = 0;
  #restSinceMs: number | null = null;

  constructor(plan: Plan, bug: Bug | null) {
    this.#plan = plan;
    this.#chance = new Chance(plan.seed ^ 0x5eed);
    this.#redis = new SimRedis(this.#time, this.#chance.fork());
    if (bug === 'stale cache write') this.#redis.writes = 'blind';
    this.#surroundings = {
      time: this.#time,
      chance: this.#chance,
      tables: this.#tables,
      broker: this.#broker,
      redis: this.#redis,
      bug,
      postFate: () => this.#postFate(),
      onWritten: (rows, changes) => this.#written(rows, changes),
      onActor: (actor) => this.#watch(actor),
      onLog: (node, level, _fields, message) => {
        this.#logged += 1;
        this.#coverage.count(`log: ${message}`);
        if (this.#logged <= LOG_MESSAGES_MAX) this.#tell(node.nodeId, `${level}: ${message}`);
      },
    };
    this.#broker.onAck = (message) => {
      if (!hasOutcome(this.#tables, message))
        this.#violate(
          1,
          `a message was acknowledged without an outcome: ${message.body.toString().slice(0, 60)}`,
        );
    };
  }

  async run(): Promise<RunResult> {
    const plan = this.#plan;
    for (const account of plan.accounts) this.#tables.accounts.add(account);
    for (const [card, account] of plan.cards) this.#tables.cards.set(card, account);
    for (const [index, name] of NODE_NAMES.entries()) this.#time.after(index * 37, () => this.#start(name));
    for (const step of plan.steps) this.#time.after(step.atMs, () => this.#do(step));
    this.#time.after(HEALED_AT_MS, () => this.#heal());
    await this.#time.run(REST_BY_MS, () => this.#isOver());
    if (this.#violations.length === 0) this.#judge();
    return {
      seed: plan.seed,
      violations: this.#violations,
      story: this.#story,
      coverage: this.#coverage,
      decisions: this.#tables.journal.length,
    };
  }

  #judge(): void {
    if (!this.#isAtRest()) this.#violate(6, `not at rest at the end: ${this.#whatIsLeft()}`);
    const steps = this.#plan.steps.filter(
      (step) => step.kind !== 'publish' || !this.#refusedByApi.has(step.transactionId ?? ''),
    );
    const plan = { ...this.#plan, steps };
    const scene = { plan, tables: this.#tables, broker: this.#broker, redis: this.#redis };
    for (const { promise, detail } of brokenPromises(scene)) this.#violate(promise, detail);
  }

  #do(step: Step): void {
    this.#coverage.count(`fault: ${nameOf(step)}`);
    switch (step.kind) {
      case 'publish':
        this.#publish(step);
        return;
      case 'crash':
        this.#tell(step.node, 'is killed');
        this.#nodes.get(step.node)?.die();
        this.#afterwards(step.forMs, () => this.#start(step.node));
        return;
      case 'drain':
        this.#drain(step.node, step.forMs);
        return;
      case 'freeze': {
        const node = this.#nodes.get(step.node);
        this.#tell(step.node, `freezes for ${Math.round(step.forMs)} ms`);
        node?.freeze();
        this.#afterwards(step.forMs, () => node?.process.thaw());
        return;
      }
      case 'link': {
        const node = this.#nodes.get(step.node);
        this.#tell(
          step.node,
          `its link to ${step.server} is ${step.quality} for ${Math.round(step.forMs)} ms`,
        );
        node?.setLink(step.server, step.quality);
        this.#afterwards(step.forMs, () => node?.setLink(step.server, 'up'));
        return;
      }
      case 'restart':
        this.#restart(step.server, step.forMs);
        return;
      case 'flush':
        this.#tell('redis', 'FLUSHALL');
        this.#redis.flushAll();
        return;
      case 'post':
        this.#tell('post', `messages between nodes: ${step.fate} for ${Math.round(step.forMs)} ms`);
        this.#post = step.fate;
        this.#afterwards(step.forMs, () => {
          this.#post = 'sound';
        });
    }
  }

  #publish({
    what,
    queue,
    body,
    durability,
    row,
    isSent,
    transactionId,
  }: Extract<Step, { kind: 'publish' }>): void {
    const nowMs = this.#time.nowMs;
    // Its column is unique: the Go API answers with an error and publishes nothing.
    if (row !== null && this.#tables.keys.has(row.idempotencyKey)) {
      this.#refusedByApi.add(row.transactionId);
      return;
    }
    if (transactionId !== null && this.#refusedByApi.has(transactionId)) return;
    if (row !== null) {
      const created = { createdAtMs: nowMs, createdAt: timeText(nowMs), status: 'PENDING' } as const;
      this.#tables.addRow({ ...row, ...created, originalId: null });
    }
    const id = transactionId === null ? '' : ` ${short(transactionId)}`;
    this.#tell(
      'api',
      `${what}${id}${row === null ? '' : ` for ${short(row.accountId)}`}${isSent ? '' : ', never sent'}`,
    );
    if (isSent) this.#broker.publish(queue, body, durability);
  }

  #start(name: NodeName): void {
    if (this.#nodes.get(name)?.process.isAlive === true) return;
    const node = new SimNode(name, this.#surroundings);
    this.#nodes.set(name, node);
    this.#tell(name, `starts as ${short(node.incarnation)}`);
  }

  #drain(name: NodeName, forMs: number): void {
    const node = this.#nodes.get(name);
    if (node === undefined || !node.process.isAlive) return;
    this.#tell(name, 'drains');
    const over = (): void => {
      node.die();
      this.#start(name);
    };
    node.drain().then(
      () => this.#tell(name, 'has left'),
      () => this.#tell(name, 'could not leave in good order'),
    );
    this.#afterwards(forMs, over);
  }

  #restart(server: ServerName, forMs: number): void {
    const state = { postgres: this.#tables, broker: this.#broker, redis: this.#redis }[server];
    this.#tell(server, `is away for ${Math.round(forMs)} ms`);
    state.isUp = false;
    for (const node of this.#nodes.values()) node.serverChanged(server);
    if (server === 'broker') this.#broker.forgetTransient();
    this.#afterwards(forMs, () => {
      state.isUp = true;
      if (server !== 'broker') for (const node of this.#nodes.values()) node.serverChanged(server);
      this.#tell(server, 'is back');
    });
  }

  #afterwards(forMs: number, act: () => void): void {
    this.#time.after(forMs, act);
  }

  /** Whatever overlapped is over. */
  #heal(): void {
    this.#tell('world', 'everything is well from here');
    this.#post = 'sound';
    for (const server of [this.#tables, this.#broker, this.#redis]) server.isUp = true;
    for (const name of NODE_NAMES) {
      const node = this.#nodes.get(name);
      node?.process.thaw();
      for (const server of ['postgres', 'broker', 'redis'] as const) node?.setLink(server, 'up');
      this.#start(name);
    }
  }

  #postFate(): PostFate {
    if (this.#post === 'sound' || !this.#chance.happens(0.25)) return 'arrives';
    return this.#post === 'lossy' ? 'lost' : 'doubled';
  }

  /** Promise 3: who writes is who the directory names (or named, until the next takes it). */
  #written(rows: readonly JournalRow[], changes: readonly AccountChange[]): void {
    for (const { shard, accountId } of changes) {
      const owner = this.#tables.shards.rows[shard]?.owner ?? null;
      const writer = rows.find((row) => row.accountId === accountId)?.writer;
      if (owner !== null && owner.incarnation !== writer)
        this.#violate(
          3,
          `${short(writer ?? '')} decided for ${short(accountId)}, whose shard is ${short(owner.incarnation)}'s`,
        );
    }
    for (const { accountId, decision, writer, epoch } of rows) {
      const { command, outcome, reason, seq } = decision;
      const why = reason === null ? '' : ` (${reason})`;
      this.#coverage.count(`decided: ${command.type} ${outcome}${why}`);
      this.#coverage.count(`road: ${decision.road}`);
      const said = `${command.type} ${short(command.transactionId)} ${outcome}${why} by ${decision.road}`;
      this.#tell(short(writer), `${said}, ${short(accountId)} seq ${seq} epoch ${epoch}`);
    }
  }

  #watch(actor: AccountActor): void {
    this.#coverage.watch(actor.inspected);
  }

  #isOver(): boolean {
    if (this.#violations.length > 0) return true;
    if (this.#time.elapsedMs <= HEALED_AT_MS) return false;
    if (!this.#isAtRest()) this.#restSinceMs = null;
    else this.#restSinceMs ??= this.#time.elapsedMs;
    return this.#restSinceMs !== null && this.#time.elapsedMs - this.#restSinceMs > SETTLING_MS;
  }

  #isAtRest(): boolean {
    const { retries, parked, outbox } = this.#tables;
    const isWorkLeft = this.#broker.openCount > 0 || retries.size > 0 || parked.length > 0 || outbox.size > 0;
    return !isWorkLeft && this.#pendingCount() === 0;
  }

  /** Rows that nothing but a decision can end. */
  #pendingCount(): number {
    return [...this.#tables.rows.values()].filter(
      (row) => row.status === 'PENDING' && !this.#tables.isCaredFor(row),
    ).length;
  }

  #whatIsLeft(): string {
    const { retries, parked, outbox, shards } = this.#tables;
    const owned = shards.rows.filter(({ owner }) => owner !== null).length;
    return [
      `${this.#broker.openCount} messages`,
      `${retries.size} retries`,
      `${parked.length} parked`,
      `${outbox.size} outbox rows`,
      `${this.#pendingCount()} pending rows`,
      `${owned} of ${LIMITS.shardCount} shards owned`,
    ].join(', ');
  }

  #violate(promise: Violation['promise'], detail: string): void {
    this.#tell('PROMISE', `${promise} is broken: ${detail}`);
    this.#violations.push({ promise, detail });
  }

  #tell(who: string, what: string): void {
    this.#story.push(`${(this.#time.elapsedMs / 1000).toFixed(3).padStart(8)} ${who.padEnd(8)} ${what}`);
  }
}

function nameOf(step: Step): string {
  switch (step.kind) {
    case 'link':
      return `${step.server} ${step.quality}`;
    case 'restart':
      return `${step.server} restart`;
    case 'post':
      return `post ${step.fate}`;
    case 'publish':
      return step.isSent ? 'publish' : 'publish lost';
    case 'crash':
    case 'drain':
    case 'freeze':
    case 'flush':
      return step.kind;
  }
}
