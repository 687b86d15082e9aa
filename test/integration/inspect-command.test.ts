/**
 * `paygate inspect`. Without this: nobody can watch an account from a terminal, it is lost when it moves to another node, or the page
 * on the developer's machine tells more, or to others, than it should.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startBridge, type Bridge } from '../../src/cli/inspect/bridge.ts';
import { followAccount } from '../../src/cli/inspect/follow-account.ts';
import type { StreamMessage, WireActor, WireMessage, WireSnapshot } from '../../src/contracts/inspection.ts';
import { readEventStream } from '../../src/infra/inspection/read-event-stream.ts';
import { readShardOwner } from '../../src/infra/postgres/cluster-view.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { LIMITS } from '../../src/limits.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { startPaygate } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { configOf, environmentOf, publish } from './node-scene.ts';

const base = { rootId: 'n/x:0', createdAt: '1', id: null, _version: '0.7.2' } as const;

function actorMessage(sessionId: string, name = 'account-1'): WireActor {
  const snapshot = { status: 'active', value: 'hydrating' } as const;
  return { ...base, type: '@xstate.actor', sessionId, name, definition: '{}', snapshot };
}

function step(sessionId: string, value: string): WireSnapshot {
  return {
    ...base,
    type: '@xstate.snapshot',
    sessionId,
    event: { type: 'x' },
    snapshot: { status: 'active', value },
  };
}

describe('the page on the developer’s machine', () => {
  let bridge: Bridge;
  let leave: AbortController;

  beforeEach(async () => {
    leave = new AbortController();
    bridge = await startBridge({
      port: 0,
      inspectorUrl: 'https://inspector.example/inspect',
      consoleUrl: 'http://127.0.0.1:9464/console',
    });
  });

  afterEach(async () => {
    leave.abort();
    await bridge.close();
  });

  async function load(): Promise<WireMessage[]> {
    const seen: WireMessage[] = [];
    const response = await fetch(`${bridge.address}/events`, { signal: leave.signal });
    const reading = async (): Promise<void> => {
      for await (const { data } of readEventStream(response.body!))
        seen.push(JSON.parse(data) as WireMessage);
    };
    reading().catch(() => undefined);
    return seen;
  }

  it('tells a page that is loaded again everything, the chart first, of the present actor only', async () => {
    bridge.show(actorMessage('n/x:1'));
    bridge.show(step('n/x:1', 'old'));
    bridge.show(actorMessage('n/x:2'));
    bridge.show(step('n/x:2', 'idle'));
    const expected = [actorMessage('n/x:2'), step('n/x:2', 'idle')];
    const first = await load();
    await eventually(() => expect(first).toEqual(expected));
    bridge.show(step('n/x:2', 'committing'));
    await eventually(() => expect(first).toHaveLength(3));
    const again = await load();
    await eventually(() => expect(again).toEqual([...expected, step('n/x:2', 'committing')]));
  });

  it('speaks to the inspector’s origin only, and points to the console', async () => {
    const page = await fetch(`${bridge.address}/`);
    expect(page.headers.get('content-security-policy')).toContain('frame-src https://inspector.example;');
    expect(await page.text()).toContain('<iframe');
    const script = await (await fetch(`${bridge.address}/bridge.js`)).text();
    expect(script).toContain('const ORIGIN = "https://inspector.example";');
    expect(script).toContain('frame.src = "https://inspector.example/inspect";');
    expect(script).not.toContain("'*'");
    expect(script).toContain('http://127.0.0.1:9464/console');
  });

  it('is for this machine’s own pages only', async () => {
    const stranger = await fetch(`${bridge.address}/events`, { headers: { origin: 'https://evil.example' } });
    expect(stranger.status).toBe(401);
    expect(bridge.address).toMatch(/^http:\/\/127\.0\.0\.1:/);
  });
});

it('an account is followed to the node that takes it over', async () => {
  const [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  const stop = new AbortController();
  const nodes: RunningNode[] = [];
  const start = async (id: string): Promise<RunningNode> => {
    const node = await startNode(configOf(place, { NODE_ID: id }), { logger: new QuietLogger() });
    nodes.push(node);
    return node;
  };
  try {
    const first = await start('first');
    const accountId = randomUUID();
    await database.pool.query('insert into accounts (id, username) values ($1, $2)', [accountId, 'ada']);
    const seen: StreamMessage[] = [];
    const following = followAccount({
      accountId,
      ownerAddress: async () => {
        const owner = await readShardOwner(database.pool, shardOf(accountId, LIMITS.shardCount));
        const node = nodes.find(({ incarnation }) => incarnation === owner?.incarnation);
        return node === undefined
          ? { kind: 'not-yet', why: 'nobody' }
          : { kind: 'found', addresses: [node.address] };
      },
      token: null,
      tls: { caFile: null, certFile: null, keyFile: null },
      operator: 'ada',
      signal: stop.signal,
      onMessage: (message) => void seen.push(message),
      onTrouble: () => undefined,
    });
    await eventually(() => expect(seen).toMatchObject([{ type: 'paygate.inactive', node: 'first' }]));
    await start('second');
    await first.drain();
    const body = JSON.stringify({
      transaction_id: randomUUID(),
      account_id: accountId,
      amount_cents: 7,
      transaction_type: 'DEPOSIT',
      idempotency_key: randomUUID(),
      timestamp: '2026-11-22T10:40:00Z',
    });
    await publish(vhost.url, [{ queue: 'transactions_queue', body }]);
    await eventually(() =>
      expect(seen.at(-1)).toMatchObject({
        type: '@xstate.snapshot',
        snapshot: { value: { active: 'idle' }, context: { state: { balanceCents: '7' } } },
      }),
    );
    expect(seen.findLast(({ type }) => type === 'paygate.live')).toMatchObject({ node: 'second' });
    stop.abort();
    await following;
  } finally {
    stop.abort();
    await Promise.all(nodes.map((node) => node.drain()));
    await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
  }
});

describe('paygate inspect', () => {
  const account = randomUUID();
  let database: TestDatabase;
  let vhost: TestPlace;
  let redis: TestPlace;
  let node: RunningNode;
  let env: Record<string, string>;

  beforeAll(async () => {
    [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
    const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
    env = environmentOf(place);
    node = await startNode(configOf(place, { NODE_ID: 'shown' }), { logger: new QuietLogger() });
    await database.pool.query('insert into accounts (id, username) values ($1, $2)', [account, 'ada']);
  });
  afterAll(async () => {
    await node.drain();
    await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
  });

  it('finds the node by itself and prints what happens, a message a line, until Ctrl-C', async () => {
    const inspect = startPaygate(['inspect', account, '--json', '--operator', 'ada'], env);
    const line = await inspect.line(/^(\{.*"type":"paygate\.inactive".*\})$/);
    expect(JSON.parse(line)).toMatchObject({ accountId: account, node: 'shown' });
    inspect.interrupt();
    expect((await inspect.ended).exitCode).toBe(0);
    const { rows } = await database.pool.query(
      `select operator from processor.operator_log where action = 'inspect' and subject = $1`,
      [account],
    );
    expect(rows).toEqual([{ operator: 'ada' }]);
  });

  it('says where its page is; the page is there, and gone after Ctrl-C', async () => {
    const inspect = startPaygate(['inspect', account, '--node', node.address], env);
    const page = await inspect.line(/^Open (http:\/\/127\.0\.0\.1:\d+)\/ /);
    expect(await (await fetch(page)).text()).toContain('<iframe');
    await inspect.line(new RegExp(`^Account (${account}) is not active`));
    inspect.interrupt();
    expect((await inspect.ended).exitCode).toBe(0);
    await expect(fetch(page)).rejects.toThrow();
  });
});
