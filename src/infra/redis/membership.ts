import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type {
  ClusterView,
  LeaseAnswer,
  LeaseName,
  LeaseRefusal,
  LostLease,
  Membership,
  NodeRecord,
} from '../../ports/cluster.ts';
import type { LinkState } from '../../ports/connection.ts';
import { FORGET, RELEASE, TAKE, TICK } from './lease-scripts.ts';
import { NODE_RECORD_TEXT } from './node-record.ts';
import {
  connectInBackground,
  createRedisClient,
  disconnectClient,
  linkStateOf,
  type RedisClientOptions,
} from './redis-client.ts';

export interface MembershipOptions extends RedisClientOptions {
  readonly self: Omit<NodeRecord, 'draining'>;
  /** `processor.cluster.cluster_id` of our ledger. */
  readonly clusterId: string;
  /** Default `LIMITS.leaseMs`; the same on every node. */
  readonly leaseMs?: number;
}

/** How much of the wait for an answer is left to the way there: timers and clocks are exact to some milliseconds only. */
const EXECUTION_SHARE = 0.9;

type TakeMode = 'acquire' | 'reassert' | 'overwrite';

/**
 * Records and leases in Redis (keys: lease-scripts.ts). Owns one connection, the set of leases we believe to hold, and what is
 * known about the clock of Redis.
 *
 * M1. A lease counts as held only after Redis said so, and no longer from the moment it is given up. So of an unknown
 *     answer nothing is renewed: whatever it left in Redis runs out.
 * M2. A command is executed before its sender gives it up, or never: each carries its deadline on the clock of Redis, as
 *     reckoned from the last answer. The reckoning is late by that answer's way here, so a deadline is early, never late.
 * M3. Answers are taken in the order of the calls: one connection, one EVAL per call, no second attempt.
 */
export class RedisMembership implements Membership {
  readonly #client: Redis;
  readonly #options: MembershipOptions;
  readonly #leaseMs: number;
  readonly #answerTimeoutMs: number;
  readonly #held = new Set<LeaseName>();
  /** Clock of Redis minus `performance.now()`; null: not known on this connection. */
  #redisAheadMs: number | null = null;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LIMITS.leaseMs;
    this.#answerTimeoutMs = options.commandTimeoutMs ?? LIMITS.leaseAnswerTimeoutMs;
    this.#client = createRedisClient({
      ...options,
      name: `${options.name}/membership`,
      commandTimeoutMs: this.#answerTimeoutMs,
    });
    this.#client.on('close', () => {
      this.#redisAheadMs = null;
    });
    connectInBackground(this.#client);
  }

  state(): LinkState {
    return linkStateOf(this.#client);
  }

  held(): ReadonlySet<LeaseName> {
    return this.#held;
  }

  async tick(draining: boolean): Promise<LeaseAnswer<ClusterView>> {
    const { self, clusterId } = this.#options;
    const record: NodeRecord = { ...self, draining };
    const answer = await this.#ask(TICK, TICK_ANSWER, [
      clusterId,
      randomUUID(),
      JSON.stringify(record),
      ...this.#held,
    ]);
    if (answer.kind !== 'done') return answer;
    const [id, ageMs, records, lostPairs] = answer.value;
    const lost = lostPairs.map(([lease, holder]): LostLease => ({
      lease,
      holder: holder === '' ? null : holder,
    }));
    for (const { lease } of lost) this.#held.delete(lease);
    return done({ boot: { id, ageMs, young: ageMs < this.#leaseMs }, nodes: this.#nodesOf(records), lost });
  }

  acquire(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>> {
    return this.#take('acquire', leases);
  }

  reassert(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>> {
    return this.#take('reassert', leases);
  }

  overwrite(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>> {
    return this.#take('overwrite', leases);
  }

  async release(leases: readonly LeaseName[]): Promise<LeaseAnswer<null>> {
    const forgetThem = (): void => leases.forEach((lease) => this.#held.delete(lease));
    forgetThem();
    const answer = await this.#ask(RELEASE, z.tuple([]), leases);
    // Once more: an answer to an earlier call may have brought them back.
    forgetThem();
    return answer.kind === 'done' ? done(null) : answer;
  }

  async forget(incarnation: string): Promise<LeaseAnswer<readonly LeaseName[]>> {
    const isOurs = incarnation === this.#options.self.incarnation;
    if (isOurs) this.#held.clear();
    const answer = await this.#ask(FORGET, LEASES_ANSWER, [incarnation]);
    if (isOurs) this.#held.clear();
    return answer.kind === 'done' ? done(answer.value[0]) : answer;
  }

  async close(): Promise<void> {
    await disconnectClient(this.#client);
  }

  async #take(mode: TakeMode, leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>> {
    const answer = await this.#ask(TAKE, LEASES_ANSWER, [mode, ...leases]);
    if (answer.kind !== 'done') return answer;
    const [ours] = answer.value;
    for (const lease of ours) this.#held.add(lease);
    return done(ours);
  }

  async #ask<T>(lua: string, shape: z.ZodType<T>, values: readonly string[]): Promise<LeaseAnswer<T>> {
    try {
      const aheadMs = this.#redisAheadMs ?? (await this.#askTime());
      const deadlineMs = Math.floor(performance.now() + aheadMs + EXECUTION_SHARE * this.#answerTimeoutMs);
      const { incarnation } = this.#options.self;
      const raw = await this.#client.eval(lua, 0, deadlineMs, incarnation, this.#leaseMs, ...values);
      const [nowMs, kind, ...rest] = ANSWER.parse(raw);
      this.#noteTime(nowMs);
      switch (kind) {
        case 'done':
          return done(shape.parse(rest));
        case 'refused':
          return { kind, reason: REFUSAL.parse(rest[0]) };
        case 'late':
          return { kind: 'unknown', reason: new Error('Redis got to it too late and left it undone') };
      }
    } catch (error) {
      return { kind: 'unknown', reason: ensureError(error) };
    }
  }

  /** One that cannot be read is left out: it must not keep the others from working. */
  #nodesOf(texts: readonly string[]): readonly NodeRecord[] {
    const nodes = texts.flatMap((text) => {
      const record = NODE_RECORD_TEXT.safeParse(text);
      if (record.success) return [record.data];
      this.#options.logger.warn(
        { reason: record.error.message },
        'the record of a node in Redis is unreadable',
      );
      return [];
    });
    return nodes.sort((a, b) => (a.incarnation < b.incarnation ? -1 : 1));
  }

  async #askTime(): Promise<number> {
    const [seconds, microseconds] = await this.#client.time();
    return this.#noteTime(Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000));
  }

  #noteTime(redisNowMs: number): number {
    const aheadMs = redisNowMs - performance.now();
    // The connection may have broken between the answer and here; the next one asks again.
    if (this.#client.status === 'ready') this.#redisAheadMs = aheadMs;
    return aheadMs;
  }
}

function done<T>(value: T): LeaseAnswer<T> {
  return { kind: 'done', value };
}

/** Whatever stands in Redis was written by somebody: an answer of another shape is an unknown answer. */
const LEASE = z.custom<LeaseName>(
  (value) => typeof value === 'string' && /^(shard:\d+|ingest:.+)$/.test(value),
);

const ANSWER = z.tuple([z.number(), z.enum(['done', 'refused', 'late'])], z.unknown());
const REFUSAL = z.enum(['young', 'other-cluster']) satisfies z.ZodType<LeaseRefusal>;
const LEASES_ANSWER = z.tuple([z.array(LEASE)]);
const TICK_ANSWER = z.tuple([
  z.string(),
  z.number(),
  z.array(z.string()),
  z.array(z.tuple([LEASE, z.string()])),
]);
