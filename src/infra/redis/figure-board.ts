import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { NodeFigures, NodeSample } from '../../contracts/console.ts';
import { INBOUND_QUEUES } from '../../contracts/queues.ts';
import { LIMITS } from '../../limits.ts';
import { jsonText } from './json-text.ts';
import { MEMBERSHIP_KEYS } from './lease-scripts.ts';
import { membershipViewOf, type MembershipView } from './membership-view.ts';
import {
  connectInBackground,
  createRedisClient,
  disconnectClient,
  type RedisClientOptions,
} from './redis-client.ts';

/**
 * ```
 * paygate:figures:<incarnation>   what the node says of itself, JSON; expires after some seconds
 * paygate:samples:<incarnation>   list, newest first: its last five minutes, second by second
 * paygate:sampled                 sorted set: incarnation, by the second of its last sample
 * paygate:watched                 there while somebody looks at a console
 * ```
 */
const KEY = {
  figures: 'paygate:figures:',
  samples: 'paygate:samples:',
  sampled: 'paygate:sampled',
  watched: 'paygate:watched',
} as const;

const SAMPLE = z.object({
  second: z.number(),
  received: z.number(),
  approved: z.number(),
  rejected: z.number(),
  retried: z.number(),
  deadLettered: z.number(),
  latency: z.array(z.number()),
  commits: z.number(),
  committed: z.number(),
  mailboxAgeMs: z.number(),
}) satisfies z.ZodType<NodeSample>;

const NOTE = z.object({ accountId: z.string(), at: z.string(), unanswered: z.number(), ageMs: z.number() });

const FIGURES = z.object({
  nodeId: z.string(),
  incarnation: z.string(),
  status: z.string(),
  dependencies: z.record(z.string(), z.string()),
  uptimeSeconds: z.number(),
  cpuPercent: z.number(),
  residentBytes: z.number(),
  loopP99Ms: z.number(),
  accounts: z.number(),
  inFlight: z.number(),
  mailboxTotal: z.number(),
  mailboxMax: z.number(),
  survey: z
    .object({
      states: z.record(z.string(), z.number()),
      hot: z.array(NOTE),
      stuck: z.array(NOTE),
      byShard: z.array(z.tuple([z.number(), z.number()])),
    })
    .nullable(),
  sample: SAMPLE,
}) satisfies z.ZodType<NodeFigures>;

export interface BoardView {
  readonly membership: MembershipView;
  /** Since its last tick, by incarnation. */
  readonly heartbeatAgeMs: ReadonlyMap<string, number>;
  readonly figures: readonly NodeFigures[];
  /** Of every node that was there in the last minutes, newest first. */
  readonly samples: ReadonlyMap<string, readonly NodeSample[]>;
}

export interface FigureBoardOptions extends RedisClientOptions {
  /** Names of those that are read; the contract's unless given. */
  readonly queues?: readonly string[];
}

/**
 * Where nodes lay out their figures for each other, in Redis.
 *
 * Owns one connection. Nothing of it is needed for the work: what fails is left out and comes a second later.
 */
export class FigureBoard {
  readonly #client: Redis;
  readonly #queues: readonly string[];

  constructor({ queues = INBOUND_QUEUES, ...options }: FigureBoardOptions) {
    this.#queues = queues;
    this.#client = createRedisClient({ ...options, name: `${options.name}/figures` });
    connectInBackground(this.#client);
  }

  /** Lays out our figures. Says whether anybody watches. Rejects when Redis does not answer. */
  async publish(figures: NodeFigures): Promise<'watched' | 'unwatched'> {
    const { incarnation, sample } = figures;
    const samples = KEY.samples + incarnation;
    const answers = await this.#client
      .pipeline()
      .set(KEY.figures + incarnation, JSON.stringify(figures), 'PX', LIMITS.figuresKeptMs)
      .lpush(samples, JSON.stringify(sample))
      .ltrim(samples, 0, LIMITS.figureSecondsMax - 1)
      .expire(samples, LIMITS.figureSecondsMax)
      .zadd(KEY.sampled, sample.second, incarnation)
      .zremrangebyscore(KEY.sampled, '-inf', sample.second - LIMITS.figureSecondsMax)
      .exists(KEY.watched)
      .exec();
    // A pipeline does not reject by itself.
    for (const [error] of answers ?? []) if (error !== null) throw error;
    return answers?.at(-1)?.[1] === 1 ? 'watched' : 'unwatched';
  }

  /** Tells all nodes that somebody watches, for the next seconds. Rejects when Redis does not answer. */
  async watch(): Promise<void> {
    await this.#client.set(KEY.watched, '1', 'PX', LIMITS.figuresKeptMs);
  }

  /** @param seconds how much of each node's past. Rejects when Redis does not answer. */
  async read(seconds: number): Promise<BoardView> {
    const client = this.#client;
    const [membership, ends, time, incarnations] = await Promise.all([
      membershipViewOf(client, { shardCount: LIMITS.shardCount, queues: this.#queues }),
      client.zrange(MEMBERSHIP_KEYS.nodes, '0', '-1', 'WITHSCORES'),
      client.time(),
      client.zrange(KEY.sampled, '0', '-1'),
    ]);
    const texts =
      incarnations.length === 0 ? [] : await client.mget(incarnations.map((id) => KEY.figures + id));
    const lists = await Promise.all(
      incarnations.map((id) => client.lrange(KEY.samples + id, 0, seconds - 1)),
    );
    const nowMs = Number(time[0]) * 1_000 + Number(time[1]) / 1_000;
    return {
      membership,
      heartbeatAgeMs: new Map(pairsOf(ends).map(([id, endMs]) => [id, nowMs - (endMs - LIMITS.leaseMs)])),
      figures: texts.flatMap((text) => parsed(FIGURES, text)),
      samples: new Map(
        incarnations.map((id, index) => [id, (lists[index] ?? []).flatMap((text) => parsed(SAMPLE, text))]),
      ),
    };
  }

  close(): Promise<void> {
    return disconnectClient(this.#client);
  }
}

function pairsOf(flat: readonly string[]): readonly (readonly [string, number])[] {
  return flat.flatMap((id, index) => (index % 2 === 0 ? [[id, Number(flat[index + 1])] as const] : []));
}

/** One that cannot be read was written by another version: it is left out. */
function parsed<T>(shape: z.ZodType<T>, text: string | null): readonly T[] {
  const result = jsonText(shape).safeParse(text);
  return result.success ? [result.data] : [];
}
