/**
 * Orders as an operator types them, through the real servers to a node's desk. Without these, an order could reach a node that no
 * longer owns the account, be taken for done when it was refused, or a pause could go unnoticed.
 */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OperatorResult } from '../../src/domain/settlement.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { readDirectoryView } from '../../src/infra/postgres/cluster-view.ts';
import { LIMITS } from '../../src/limits.ts';
import { newAccount } from '../support/ledger-fixtures.ts';
import { paygate, startPaygateNode, type PaygateNode } from '../support/paygate.ts';
import {
  eventually,
  freshRedis,
  freshVhost,
  withDatabase,
  type TestDatabase,
  type TestPlace,
} from '../support/services.ts';
import { ALL_SHARDS, OrderNode, type OrderNodeOptions } from './orders-scene.ts';

const DONE = {
  kind: 'done',
  seq: 3n,
  balanceCents: 123_456n,
  overdraftCents: 1_000n,
  status: 'frozen',
} as const satisfies OperatorResult;

let vhost: TestPlace;
let redis: TestPlace;
let database: TestDatabase;
let env: Record<string, string>;
let accountId: string;
const nodes: OrderNode[] = [];

beforeAll(async () => {
  [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
});

afterAll(async () => {
  await Promise.all([vhost.drop(), redis.drop()]);
});

beforeEach(async () => {
  database = await withDatabase();
  env = { DATABASE_URL: database.url, RABBITMQ_URL: vhost.url, REDIS_URL: redis.url };
  accountId = await newAccount(database.pool);
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  await database.drop();
  await redis.drop();
});

async function nodeCalled(nodeId: string, options: Partial<OrderNodeOptions> = {}): Promise<OrderNode> {
  const node = await OrderNode.start({
    nodeId,
    pool: database.pool,
    rabbitmqUrl: vhost.url,
    decide: (envelope) => envelope.settle({ kind: 'operated', result: DONE }),
    ...options,
  });
  nodes.push(node);
  return node;
}

const account = (...words: readonly string[]): ReturnType<typeof paygate> =>
  paygate(['account', accountId, ...words], env);

/** A busy machine takes seconds to start a process. */
const PATIENTLY = { timeout: 180_000 };

describe('paygate account <id> <action>', PATIENTLY, () => {
  it('reaches the owner and prints the new state', async () => {
    const node = await nodeCalled('node-a');
    await node.takeOver(ALL_SHARDS);
    const frozen = await account('freeze', '--why', 'card stolen');
    expect(frozen.exitCode).toBe(0);
    expect(frozen.stdout).toContain(`${accountId} is frozen; balance 1,234.56, overdraft 10.00.`);
    expect(node.orders).toMatchObject([
      { accountId, action: { kind: 'freeze' }, why: 'card stolen', operator: userInfo().username },
    ]);
    expect(frozen.stdout).toContain(node.orders[0]!.orderId);
    expect(node.inFlight.count).toBe(0);
  });

  it('takes amounts either way, whoever acts, and an order id', async () => {
    const node = await nodeCalled('node-a');
    await node.takeOver(ALL_SHARDS);
    const orderId = randomUUID();
    const adjusted = await account(
      ...['adjust', '-500', '--why', 'booked twice', '--operator', 'Ann B', '--order', orderId, '--json'],
    );
    expect(adjusted.exitCode).toBe(0);
    expect(JSON.parse(adjusted.stdout)).toMatchObject({
      accountId,
      orderId,
      action: { kind: 'adjust', amountCents: -500 },
      result: { kind: 'done', seq: 3, balanceCents: 123_456, status: 'frozen' },
    });
    await account('overdraft', '2500', '--why', 'agreed');
    expect(node.orders).toMatchObject([
      { orderId, operator: 'Ann B', action: { kind: 'adjust', amountCents: -500n } },
      { action: { kind: 'overdraft', overdraftCents: 2_500n } },
    ]);
  });

  it('follows the account to its new owner', async () => {
    const former = await nodeCalled('former');
    const owner = await nodeCalled('owner');
    await former.takeOver(ALL_SHARDS);
    former.forget(ALL_SHARDS);
    const placed = account('release', '--why', 'checked', '--wait', '60');
    await owner.takeOver([shardOf(accountId, LIMITS.shardCount)]);
    expect((await placed).exitCode).toBe(0);
    expect([former.orders.length, owner.orders.length]).toEqual([0, 1]);
  });

  it('says why it was refused', async () => {
    const result = { kind: 'refused', detail: 'it is closed' } as const;
    const node = await nodeCalled('node-a', {
      decide: (envelope) => envelope.settle({ kind: 'operated', result }),
    });
    await node.takeOver(ALL_SHARDS);
    const refused = await account('freeze', '--why', 'x');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('refused, nothing was changed: it is closed');
    const data = await account('freeze', '--why', 'x', '--json');
    expect(data.exitCode).toBe(1);
    expect(JSON.parse(data.stdout)).toMatchObject({ result });
  });

  it('says whether anybody was asked when nobody answers', async () => {
    const unowned = await account('freeze', '--why', 'x', '--wait', '1');
    expect(unowned.exitCode).toBe(3);
    expect(unowned.stderr).toContain('no node owns this account at the moment');
    expect(unowned.stderr).toContain('nothing was done');

    const silent = await nodeCalled('silent', { decide: () => undefined });
    await silent.takeOver(ALL_SHARDS);
    const unanswered = await account('close', '--why', 'x', '--wait', '1');
    expect(unanswered.exitCode).toBe(3);
    expect(unanswered.stderr).toContain(`--order ${silent.orders[0]!.orderId}`);
  });

  it('has help of its own, and is not sent with a slip in it', async () => {
    const own = await account('adjust', '--help');
    expect(own.exitCode).toBe(0);
    expect(own.stdout).toContain('Usage: paygate account <id> adjust');
    const slip = await account('freeze');
    expect(slip.exitCode).toBe(2);
    expect(slip.stderr).toContain("required option '--why <text>'");
  });
});

async function clusterId(): Promise<string> {
  return (await readDirectoryView(database.pool)).clusterId;
}

describe('paygate cluster', PATIENTLY, () => {
  it('shows nodes, roles, shards without owner, and leases that do not fit', async () => {
    const place = { url: redis.url, clusterId: await clusterId() };
    const a = await nodeCalled('node-a', { redis: place });
    const b = await nodeCalled('node-b', { redis: place });
    await a.takeOver(ALL_SHARDS.slice(0, 100));
    await b.takeOver(ALL_SHARDS.slice(100, 250));
    await b.takeOver([249]);
    const held = ALL_SHARDS.slice(0, 90).map((shard) => `shard:${shard}` as const);
    await eventually(async () =>
      expect((await a.membership!.reassert([...held, 'ingest:refund_queue'])).kind).toBe('done'),
    );
    const others = ALL_SHARDS.slice(100, 250).map((shard) => `shard:${shard}` as const);
    await eventually(async () => expect((await b.membership!.reassert(others)).kind).toBe('done'));
    await eventually(async () => expect((await b.membership!.tick(true)).kind).toBe('done'));
    await eventually(async () => expect((await a.membership!.tick(false)).kind).toBe('done'));

    const [data, text] = await Promise.all([paygate(['cluster', '--json'], env), paygate(['cluster'], env)]);
    expect(JSON.parse(data.stdout)).toMatchObject({
      clusterId: place.clusterId,
      intakePause: null,
      redis: { kind: 'answers' },
      nodes: [
        {
          nodeId: 'node-a',
          incarnation: a.identity.incarnation,
          state: 'working',
          shards: 100,
          ingest: ['refund_queue'],
        },
        { nodeId: 'node-b', incarnation: b.identity.incarnation, state: 'draining', shards: 150, ingest: [] },
      ],
      shardCount: 256,
      unowned: { shards: [250, 251, 252, 253, 254, 255], since: null },
      epochs: { lowest: 0, highest: 2 },
      ingest: { refund_queue: a.identity.incarnation, transactions_queue: null },
      misfits: [{ lease: null, directory: a.identity.incarnation, shards: ALL_SHARDS.slice(90, 100) }],
    });
    expect(text.exitCode).toBe(0);
    for (const words of [/node-a +\w{8} +working .* 100 +refund_queue/, /6 without owner/, /10 do not fit/])
      expect(text.stdout).toMatch(words);
  });

  it('shows what the ledger knows while Redis is away, and does not trust another cluster’s', async () => {
    const node = await nodeCalled('node-a', { redis: { url: redis.url, clusterId: randomUUID() } });
    await node.takeOver(ALL_SHARDS);
    const away = await paygate(['cluster'], { ...env, REDIS_URL: 'redis://127.0.0.1:1' });
    expect(away.exitCode).toBe(0);
    expect(away.stdout).toContain('Redis does not answer');
    expect(away.stdout).toMatch(/node-a +\w{8} +unknown .* 256/);
    await eventually(async () => expect((await node.membership!.tick(false)).kind).toBe('done'));
    const foreign = await paygate(['cluster'], env);
    expect(foreign.stdout).toContain('serves another cluster');
    expect(foreign.stdout).toMatch(/node-a +\w{8} +unknown/);
  });

  it('lets a node drain and watches it', async () => {
    const node = await nodeCalled('node-a', {
      onDrain: (drained) =>
        void drained.release(ALL_SHARDS.slice(0, 128)).then(() => drained.release(ALL_SHARDS)),
    });
    await node.takeOver(ALL_SHARDS);
    const drained = await paygate(['cluster', 'drain', 'node-a', '--operator', 'ann'], env);
    expect(drained.all).toContain('node-a owns nothing any more');
    expect(drained.exitCode).toBe(0);
    const { shards } = await readDirectoryView(database.pool);
    expect(shards.filter(({ owner }) => owner !== null)).toEqual([]);
    expect(shards.every(({ since }) => since !== null)).toBe(true);
    const { rows } = await database.pool.query(
      'select operator, action, subject from processor.operator_log',
    );
    const subject = `node-a:${node.identity.incarnation}`;
    expect(rows).toEqual([{ operator: 'ann', action: 'drain', subject }]);
  });

  it('names the nodes there are, and says when one cannot be reached', async () => {
    const node = await nodeCalled('node-a');
    await node.takeOver(ALL_SHARDS);
    const unknown = await paygate(['cluster', 'drain', 'node-x'], env);
    expect(unknown.exitCode).toBe(1);
    expect(unknown.stderr).toContain('there is no node node-x; there are node-a');
    await node.close();
    nodes.splice(0);
    const gone = await paygate(['cluster', 'drain', 'node-a'], env);
    expect(gone.exitCode).toBe(3);
    expect(gone.stderr).toContain('its inbox is gone');
  });
});

describe('a pause of intake', PATIENTLY, () => {
  it('is seen wherever somebody looks, and ends', async () => {
    const node = await nodeCalled('node-a');
    expect(await node.directory.paused()).toBeNull();
    const paused = await paygate(['cluster', 'pause', '--why', 'broker moves', '--operator', 'ann'], env);
    expect(paused.exitCode).toBe(0);
    const pause = await node.directory.paused();
    expect(pause).toMatchObject({ operator: 'ann', why: 'broker moves' });
    for (const words of [['cluster'], ['account', accountId], ['verify']]) {
      const { stdout } = await paygate(words, env);
      expect(stdout).toContain(`Intake is PAUSED by ann since ${pause!.since}: broker moves`);
      const data = await paygate([...words, '--json'], env);
      expect(JSON.parse(data.stdout)).toMatchObject({ intakePause: pause });
    }
    const again = await paygate(['cluster', 'pause', '--why', 'me too', '--operator', 'ben', '--json'], env);
    expect(again.exitCode).toBe(1);
    expect(JSON.parse(again.stdout)).toEqual({ kind: 'kept', pause });

    expect((await paygate(['cluster', 'resume', '--operator', 'ben'], env)).stdout).toContain(
      'Intake goes on',
    );
    expect(await node.directory.paused()).toBeNull();
    expect((await paygate(['cluster', 'resume'], env)).stdout).toContain('was not paused');
    const { rows } = await database.pool.query(
      `select operator, action, why from processor.operator_log where action in ('pause', 'resume') order by id`,
    );
    expect(rows).toEqual([
      { operator: 'ann', action: 'pause', why: 'broker moves' },
      { operator: 'ben', action: 'resume', why: null },
    ]);
  });
});

describe('with real nodes', PATIENTLY, () => {
  const started: PaygateNode[] = [];

  afterEach(async () => {
    await Promise.all(started.splice(0).map((node) => node.drain()));
  });

  const startNode = async (nodeId: string): Promise<PaygateNode> => {
    const node = await startPaygateNode({
      ...env,
      NODE_ID: nodeId,
      LOG_LEVEL: 'error',
      CLUSTER_GRACE_MS: '0',
    });
    started.push(node);
    return node;
  };

  const ordered = async (...words: readonly string[]): Promise<unknown> => {
    const { stdout, all } = await account(...words, '--why', 'a test', '--wait', '120', '--json');
    expect(all).toContain('{');
    return (JSON.parse(stdout) as { readonly result: unknown }).result;
  };

  const nodesShown = async (): Promise<readonly { readonly nodeId: string; readonly shards: number }[]> => {
    const { stdout } = await paygate(['cluster', '--json'], env);
    return (JSON.parse(stdout) as { readonly nodes: { readonly nodeId: string; readonly shards: number }[] })
      .nodes;
  };

  it('orders are decided once, by whoever owns the account, also after its owner was drained', async () => {
    const first = await startNode('first');
    const orderId = randomUUID();
    expect(await ordered('adjust', '500', '--order', orderId)).toMatchObject({
      kind: 'done',
      seq: 1,
      balanceCents: 500,
    });
    expect(await ordered('freeze')).toMatchObject({ kind: 'done', seq: 2, status: 'frozen' });
    await startNode('second');
    await eventually(
      async () => expect((await nodesShown()).filter(({ shards }) => shards > 0)).toHaveLength(2),
      {
        timeoutMs: 120_000,
      },
    );

    const drained = await paygate(['cluster', 'drain', 'first'], env);
    expect(drained.all).toContain('first owns nothing any more');
    // Not asked again: a signal in its last moments would end it otherwise.
    expect(await first.ended).toBe(0);

    expect(await ordered('adjust', '500', '--order', orderId)).toMatchObject({
      kind: 'done',
      seq: 1,
      balanceCents: 500,
    });
    expect(await ordered('adjust', '-501')).toMatchObject({ kind: 'refused' });
    expect(await ordered('adjust', '-500')).toMatchObject({
      kind: 'done',
      seq: 3,
      balanceCents: 0,
      status: 'frozen',
    });
    expect(await ordered('close')).toMatchObject({ kind: 'done', seq: 4, status: 'closed' });
    accountId = randomUUID();
    expect(await ordered('freeze')).toMatchObject({ kind: 'refused' });

    const verified = await paygate(['verify', '--json'], env);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true });
  });
});
