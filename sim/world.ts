import { LIMITS } from '../src/limits.ts';
import type { AccountChange } from '../src/ports/ledger.ts';
import { Chance } from './chance.ts';
import type { Coverage } from './coverage.ts';
import { Faults, nameOf } from './faults.ts';
import { HEALED_AT_MS, NODE_NAMES, REST_BY_MS } from './plan.ts';
import type { NodeName, Plan, PlannedRow, Publication, Step } from './plan.ts';
import type { Bug } from './planted-bugs.ts';
import { brokenPromises, hasOutcome } from './promises.ts';
import { SimBroker } from './servers/sim-broker.ts';
import { SimRedis } from './servers/sim-redis.ts';
import { SimTables, timeText } from './servers/sim-tables.ts';
import type { JournalRow, OrderRow } from './servers/sim-tables.ts';
import { SimNode } from './sim-node.ts';
import { SimOperator } from './sim-operator.ts';
import type { Surroundings } from './surroundings.ts';
import type { Violation } from './violation.ts';
import { VirtualTime } from './virtual-time.ts';
import { short } from './words.ts';

/** 2026-11-23, somewhere in the morning. */
export const START_MS = Date.UTC(2026, 10, 23, 9);
/** Whatever was committed shows by then. */
const SETTLING_MS = 6_000;
/** How often the operator looks for quarantined accounts. */
const RELEASE_MS = 3_000;
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
  readonly #coverage: Coverage;
  readonly #refusedByApi = new Set<string>();
  readonly #operator: SimOperator;
  readonly #faults: Faults;
  #logged = 0;
  #restSinceMs: number | null = null;

  constructor(plan: Plan, bug: Bug | null, coverage: Coverage) {
    this.#plan = plan;
    this.#coverage = coverage;
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
      activeAccountsMax: plan.activeAccountsMax,
      post: (from, to, kind) => this.#faults.post(from, to, kind),
      onOrder: (row, shard) => this.#ordered(row, shard),
      onFault: (promise, detail) => this.#violate(promise, detail),
      onWritten: (rows, changes) => this.#written(rows, changes),
      onActor: (actor) => this.#coverage.watchAccount(actor.inspected),
      onLog: (node, level, _fields, message) => {
        this.#logged += 1;
        this.#coverage.count(`log: ${message}`);
        if (this.#logged <= LOG_MESSAGES_MAX) this.#tell(node.nodeId, `${level}: ${message}`);
      },
    };
    this.#operator = new SimOperator(this.#time, this.#tables, this.#broker, (orderId, result) => {
      this.#coverage.count(`done: order ${result.kind}`);
      this.#tell('operator', `order ${short(orderId)} is ${result.kind}`);
    });
    this.#faults = new Faults({
      time: this.#time,
      chance: this.#chance.fork(),
      tables: this.#tables,
      broker: this.#broker,
      redis: this.#redis,
      nodes: this.#nodes,
      start: (name) => this.#start(name),
      tell: (who, what) => this.#tell(who, what),
    });
    this.#redis.onOlder = (key) => this.#violate('cache', `an older balance of ${key} replaced a newer one`);
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
    const servers = { tables: this.#tables, broker: this.#broker, redis: this.#redis };
    const { results: orderResults } = this.#operator;
    const scene = { plan, ...servers, orderResults, thrownAt: this.#faults.thrownAt };
    for (const { promise, detail } of brokenPromises(scene)) this.#violate(promise, detail);
  }

  #do(step: Step): void {
    if (step.kind === 'publish') {
      this.#coverage.count(step.isSent ? 'done: publish' : 'done: publish lost');
      this.#publish(step);
    } else if (step.kind === 'order') {
      this.#coverage.count(`done: order ${step.action.kind}`);
      this.#tell('operator', `${step.action.kind} ${short(step.accountId)}, order ${short(step.orderId)}`);
      this.#operator.give(step.orderId, step.accountId, step.action);
    } else {
      this.#coverage.count(`fault: ${nameOf(step)}`);
      this.#faults.begin(step);
    }
  }

  #publish({ what, queue, body, durability, row, rowLateMs, isSent, transactionId }: Publication): void {
    // Its column is unique: the Go API answers with an error and publishes nothing.
    if (row !== null && this.#tables.keys.has(row.idempotencyKey)) {
      this.#refusedByApi.add(row.transactionId);
      return;
    }
    if (transactionId !== null && this.#refusedByApi.has(transactionId)) return;
    if (row !== null && rowLateMs > 0) this.#time.after(rowLateMs, () => this.#addRow(row));
    else if (row !== null) this.#addRow(row);
    const id = transactionId === null ? '' : ` ${short(transactionId)}`;
    this.#tell(
      'api',
      `${what}${id}${row === null ? '' : ` for ${short(row.accountId)}`}${isSent ? '' : ', never sent'}`,
    );
    if (isSent) this.#broker.publish(queue, body, durability);
  }

  #addRow(row: PlannedRow): void {
    const createdAtMs = this.#time.nowMs;
    const created = { createdAtMs, createdAt: timeText(createdAtMs), status: 'PENDING' } as const;
    this.#tables.addRow({ ...row, ...created, originalId: null });
  }

  #start(name: NodeName): void {
    if (this.#nodes.get(name)?.process.isAlive === true) return;
    const node = new SimNode(name, this.#surroundings);
    this.#nodes.set(name, node);
    this.#tell(name, `starts as ${short(node.incarnation)}`);
  }

  /** Whatever overlapped is over. */
  #heal(): void {
    this.#tell('world', 'everything is well from here');
    this.#faults.heal();
    this.#release();
  }

  /** The operator looks after what was quarantined meanwhile. */
  #release(): void {
    for (const [accountId, { status }] of this.#tables.states) {
      if (status !== 'quarantined' || this.#operator.openCount > 0) continue;
      this.#operator.give(this.#chance.uuid(), accountId, { kind: 'release' });
    }
    this.#time.after(RELEASE_MS, () => this.#release());
  }

  /** Promise 3: who writes is who the directory names (or named, until the next takes it). */
  #written(rows: readonly JournalRow[], changes: readonly AccountChange[]): void {
    for (const { shard, accountId } of changes)
      this.#checkOwner(shard, accountId, rows.find((row) => row.accountId === accountId)?.writer ?? '');
    for (const { accountId, decision, writer, epoch } of rows) {
      const { command, outcome, reason, seq } = decision;
      const why = reason === null ? '' : ` (${reason})`;
      this.#coverage.count(`decided: ${command.type} ${outcome}${why}`);
      this.#coverage.count(`road: ${decision.road}`);
      const said = `${command.type} ${short(command.transactionId)} ${outcome}${why} by ${decision.road}`;
      this.#tell(short(writer), `${said}, ${short(accountId)} seq ${seq} epoch ${epoch}`);
    }
  }

  #ordered({ accountId, orderId, action, seq, writer }: OrderRow, shard: number): void {
    this.#checkOwner(shard, accountId, writer);
    const said = `order ${action.kind} ${short(orderId)}, ${short(accountId)} seq ${seq}`;
    this.#tell(short(writer), said);
  }

  #checkOwner(shard: number, accountId: string, writer: string): void {
    const owner = this.#tables.shards.rows[shard]?.owner ?? null;
    if (owner === null || owner.incarnation === writer) return;
    const whose = short(owner.incarnation);
    this.#violate(3, `${short(writer)} decided for ${short(accountId)}, whose shard is ${whose}'s`);
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
    const isQuarantined = [...this.#tables.states.values()].some(({ status }) => status === 'quarantined');
    if (isQuarantined || this.#operator.openCount > 0) return false;
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
      `${this.#operator.openCount} orders`,
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
