/**
 * Without these, two nodes could both believe that a role is theirs, a dead node's roles could stay taken, a FLUSHALL could hand the
 * roles of nodes that are at work to whoever ticks first, or Redis could execute a claim long after its node has given it up.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisMembership, type MembershipOptions } from '../../src/infra/redis/membership.ts';
import { startServers, type RunningServers } from '../../src/infra/services/index.ts';
import { systemRandom } from '../../src/infra/system-clock.ts';
import type { ClusterView, LeaseAnswer, LeaseName } from '../../src/ports/cluster.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually, freshRedis, type TestPlace } from '../support/services.ts';

/**
 * Nothing of it ever runs out by itself, however slow the machine: a test that wants something old or gone makes it so in Redis.
 */
const LEASE_MS = 600_000;
const ANSWER_MS = 30_000;
const CLUSTER_ID = randomUUID();

interface TestNode {
  readonly membership: RedisMembership;
  readonly incarnation: string;
  readonly logger: QuietLogger;
}

let url: string;
let nodes: TestNode[] = [];

function startNode(nodeId: string, options: Partial<MembershipOptions> = {}): TestNode {
  const incarnation = randomUUID();
  const logger = new QuietLogger();
  const membership = new RedisMembership({
    url,
    name: `paygate/${nodeId}`,
    logger,
    random: systemRandom,
    self: { nodeId, incarnation, inbox: `inbox.${nodeId}.${incarnation}`, startedAtMs: 1_700_000_000_000 },
    clusterId: CLUSTER_ID,
    leaseMs: LEASE_MS,
    commandTimeoutMs: ANSWER_MS,
    ...options,
  });
  const node = { membership, incarnation, logger };
  nodes.push(node);
  return node;
}

function valueOf<T>(answer: LeaseAnswer<T>): T {
  if (answer.kind !== 'done')
    throw new Error(`not done: ${JSON.stringify(answer)} ${String('reason' in answer ? answer.reason : '')}`);
  return answer.value;
}

async function tick(node: TestNode): Promise<ClusterView> {
  return valueOf(await node.membership.tick(false));
}

async function connected(nodeId: string, options?: Partial<MembershipOptions>): Promise<TestNode> {
  const node = startNode(nodeId, options);
  await eventually(() => expect(node.membership.state()).toBe('up'));
  return node;
}

async function inRedis<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

/** They have all ticked, and a lease time has passed since the boot began. */
async function grown(...ticking: readonly TestNode[]): Promise<void> {
  await Promise.all(ticking.map(tick));
  await inRedis((redis) => redis.hincrby('paygate:boot', 'born', -LEASE_MS));
  const views = await Promise.all(ticking.map(tick));
  expect(views.map(({ boot }) => boot.young)).not.toContain(true);
}

async function closeNodes(): Promise<void> {
  await Promise.all(nodes.map(({ membership }) => membership.close()));
  nodes = [];
}

describe('on a shared server', () => {
  let place: TestPlace;
  let redis: Redis;

  beforeAll(async () => {
    place = await freshRedis();
    redis = new Redis(place.url);
  });
  beforeEach(async () => {
    url = place.url;
    await redis.flushdb();
  });
  afterEach(closeNodes);
  afterAll(async () => {
    redis.disconnect();
    await place.drop();
  });

  it('shows every node that ticks to the others, and no longer than a lease time after its last tick', async () => {
    const [a, b] = [await connected('a'), await connected('b', { leaseMs: 1_000 })];
    const seen = await eventually(async () => {
      valueOf(await b.membership.tick(true));
      const view = await tick(a);
      expect(view.nodes).toHaveLength(2);
      return view.nodes;
    });
    expect(new Map(seen.map((node) => [node.nodeId, node]))).toEqual(
      new Map([
        [
          'a',
          {
            nodeId: 'a',
            incarnation: a.incarnation,
            inbox: `inbox.a.${a.incarnation}`,
            startedAtMs: 1_700_000_000_000,
            draining: false,
          },
        ],
        [
          'b',
          {
            nodeId: 'b',
            incarnation: b.incarnation,
            inbox: `inbox.b.${b.incarnation}`,
            startedAtMs: 1_700_000_000_000,
            draining: true,
          },
        ],
      ]),
    );
    await eventually(async () => {
      const view = await tick(a);
      expect(view.nodes.map(({ nodeId }) => nodeId)).toEqual(['a']);
    });
    expect(await redis.zcard('paygate:nodes')).toBe(1);
  });

  it('leaves a record that it cannot read out, and goes on', async () => {
    const a = await connected('a');
    await redis.zadd('paygate:nodes', Date.now() + 60_000, 'x', Date.now() + 60_000, 'y');
    await redis.mset('paygate:node:x', 'not json', 'paygate:node:y', '{"nodeId":7}');
    const { nodes: seen } = await tick(a);
    expect(seen.map(({ nodeId }) => nodeId)).toEqual(['a']);
    expect(a.logger.messages('warn')).toHaveLength(2);
  });

  it('gives each role to one of two claimants, and says so again to the one that has it', async () => {
    const [a, b] = [await connected('a'), await connected('b')];
    await grown(a, b);
    const roles = Array.from({ length: 256 }, (_, shard): LeaseName => `shard:${shard}`);
    const answers = await Promise.all([
      a.membership.acquire(roles.slice(0, 200)),
      b.membership.acquire(roles.slice(100)),
      a.membership.acquire(roles.slice(50)),
      b.membership.acquire(roles),
    ]);
    const [a1, b1, a2, b2] = answers.map(valueOf);
    const [ofA, ofB] = [new Set([...a1!, ...a2!]), new Set([...b1!, ...b2!])];
    expect([...ofA].filter((role) => ofB.has(role))).toEqual([]);
    expect(ofA.size + ofB.size).toBe(256);
    expect(a.membership.held()).toEqual(ofA);
    expect(b.membership.held()).toEqual(ofB);
    expect(await redis.get(`paygate:lease:${[...ofA][0]!}`)).toBe(a.incarnation);
    expect(valueOf(await a.membership.acquire([...ofA]))).toHaveLength(ofA.size);
  });

  it('renews what it holds for as long as it ticks, and what it does not tick for runs out', async () => {
    const [a, b] = [await connected('a'), await connected('b')];
    await grown(a, b);
    valueOf(await a.membership.acquire(['shard:1', 'ingest:transactions_queue']));
    const keys = ['paygate:lease:shard:1', 'paygate:lease:ingest:transactions_queue'];
    for (const key of keys) {
      expect(await redis.pttl(key)).toBeGreaterThan(0);
      expect(await redis.pttl(key)).toBeLessThanOrEqual(LEASE_MS);
      await redis.pexpire(key, LEASE_MS / 2);
    }
    await tick(b);
    for (const key of keys) expect(await redis.pttl(key)).toBeLessThanOrEqual(LEASE_MS / 2);
    expect((await tick(a)).lost).toEqual([]);
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(LEASE_MS / 2);
    expect(valueOf(await b.membership.acquire(['shard:1', 'ingest:transactions_queue']))).toEqual([]);

    await redis.del(keys);
    expect(valueOf(await b.membership.acquire(['shard:1']))).toEqual(['shard:1']);
    expect(new Set((await tick(a)).lost)).toEqual(
      new Set([
        { lease: 'shard:1', holder: b.incarnation },
        { lease: 'ingest:transactions_queue', holder: null },
      ]),
    );
    expect(a.membership.held().size).toBe(0);
    expect((await tick(a)).lost).toEqual([]);
    expect(await redis.get('paygate:lease:shard:1')).toBe(b.incarnation);
  });

  it('refuses a node of another ledger, which then writes nothing', async () => {
    await tick(await connected('a'));
    const stranger = startNode('s', { clusterId: randomUUID() });
    await eventually(async () =>
      expect(await stranger.membership.tick(false)).toEqual({ kind: 'refused', reason: 'other-cluster' }),
    );
    expect(await redis.exists(`paygate:node:${stranger.incarnation}`)).toBe(0);
  });
});

describe('on a server that fails', () => {
  let servers: RunningServers<'redis'>;

  beforeAll(async () => {
    servers = await startServers({ env: process.env, kinds: ['redis'], allowInstall: true });
    url = servers.redis.url;
  });
  beforeEach(async () => {
    await servers.redis.start();
    await inRedis((redis) => redis.flushall());
  });
  afterEach(closeNodes);
  afterAll(() => servers.stop());

  it('answers unknown while Redis is away, at once, does nothing later by itself, and goes on when it is back', async () => {
    const a = await connected('a');
    await grown(a);
    valueOf(await a.membership.acquire(['shard:1']));
    await servers.redis.stop('orderly');
    await eventually(() => expect(a.membership.state()).not.toBe('up'));
    const answers = [
      await a.membership.tick(false),
      await a.membership.acquire(['shard:2']),
      await a.membership.overwrite(['shard:2']),
      await a.membership.reassert(['shard:2']),
      await a.membership.release(['shard:1']),
      await a.membership.forget('somebody'),
    ];
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['unknown']));
    expect(a.membership.held().size).toBe(0);
    await servers.redis.start();
    await eventually(async () => await tick(a));
    expect(await inRedis((redis) => redis.exists('paygate:lease:shard:2'))).toBe(0);
  });

  it('does not let a frozen Redis execute a claim after it was given up', async () => {
    await grown(await connected('b'));
    const a = await connected('a', { commandTimeoutMs: 1_000 });
    // From its answer a knows the clock of Redis.
    await eventually(() => tick(a));
    const commandsBefore = await inRedis(commandsDone);
    await servers.redis.pause();
    try {
      const answers = await Promise.all([
        a.membership.acquire(['shard:1']),
        a.membership.reassert(['shard:2']),
        a.membership.tick(false),
      ]);
      expect(answers.map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'unknown']);
      expect(a.membership.held().size).toBe(0);
    } finally {
      await servers.redis.resume();
    }
    // It did read them: they lay in its socket.
    await eventually(async () =>
      expect(await inRedis(commandsDone)).toBeGreaterThanOrEqual(commandsBefore + 3),
    );
    expect(await inRedis((redis) => redis.exists('paygate:lease:shard:1', 'paygate:lease:shard:2'))).toBe(0);
    await eventually(async () => {
      await tick(a);
      expect(valueOf(await a.membership.acquire(['shard:1']))).toEqual(['shard:1']);
    });
  });
});

async function commandsDone(redis: Redis): Promise<number> {
  return Number(/^cmdstat_eval:calls=(\d+)/m.exec(await redis.info('commandstats'))?.[1] ?? 0);
}
