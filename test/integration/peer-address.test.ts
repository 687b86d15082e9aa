/**
 * Nodes in containers: the address that a browser on the machine calls is nobody for the other nodes. Without this: accounts of other
 * nodes cannot be watched there, from the console or with `paygate inspect`, and balances lead nowhere.
 */
import getPort from 'get-port';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readShardOwner } from '../../src/infra/postgres/cluster-view.ts';
import { readEventStream } from '../../src/infra/inspection/read-event-stream.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { LIMITS } from '../../src/limits.ts';
import { startNode, type RunningNode } from '../../src/node.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { newAccount } from '../support/ledger-fixtures.ts';
import { paygate, startPaygate } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase, type TestDatabase } from '../support/services.ts';
import { configOf, environmentOf, type Place } from './node-scene.ts';

/** Nobody listens there. */
const FOR_BROWSERS = 'http://127.0.0.1:1';

let database: TestDatabase;
let place: Place;
let nodes: RunningNode[] = [];
let drops: readonly (() => Promise<void>)[] = [];

async function start(id: string): Promise<RunningNode> {
  const port = String(await getPort());
  const settings = { NODE_ID: id, HTTP_PORT: port, HTTP_ADVERTISED_URL: FOR_BROWSERS };
  const config = configOf(place, { ...settings, HTTP_PEER_URL: `http://localhost:${port}/` });
  const node = await startNode(config, { logger: new QuietLogger() });
  nodes.push(node);
  return node;
}

beforeEach(async () => {
  const [made, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  database = made;
  place = { databaseUrl: made.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  drops = [() => made.drop(), () => vhost.drop(), () => redis.drop()];
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
  nodes = [];
  await Promise.all(drops.map((drop) => drop()));
});

/** An account of this node, once it has some. */
async function accountOf(owner: RunningNode): Promise<string> {
  return eventually(async () => {
    const accountId = await newAccount(database.pool);
    const found = await readShardOwner(database.pool, shardOf(accountId, LIMITS.shardCount));
    expect(found?.incarnation).toBe(owner.incarnation);
    return accountId;
  });
}

it('nodes, and commands beside them, use the address that is for them; people get the other', async () => {
  const [asked, owner] = [await start('asked'), await start('owner')];
  const accountId = await accountOf(owner);
  const path = `/accounts/${accountId}/balance`;
  const port = (node: RunningNode): string => new URL(node.address).port;

  const gone = new AbortController();
  const steps = await eventually(async () => {
    const url = `${asked.address}/console/api/account/${accountId}/steps`;
    const answer = await fetch(url, { signal: gone.signal });
    expect(answer.status).toBe(200);
    return answer;
  });
  if (steps.body === null) throw new Error('no steps');
  for await (const { data } of readEventStream(steps.body)) {
    expect(data).toContain(accountId);
    break;
  }
  gone.abort();

  const locationFrom = async (base: string): Promise<string | null> =>
    (await fetch(`${base}${path}`, { redirect: 'manual' })).headers.get('location');
  // It learns of the other's shards some time after their taking.
  await eventually(async () =>
    expect(await locationFrom(`http://127.0.0.1:${port(asked)}`)).toBe(`${FOR_BROWSERS}${path}`),
  );
  expect(await locationFrom(`http://localhost:${port(asked)}`)).toBe(
    `http://localhost:${port(owner)}${path}`,
  );

  const following = startPaygate(['inspect', accountId, '--json'], environmentOf(place));
  expect(await following.line(/"type":"(@xstate\.actor|paygate\.[a-z-]+)"/)).not.toBe('');
  following.interrupt();
  expect((await following.ended).exitCode).toBe(0);

  const links = await paygate(['console'], environmentOf(place));
  expect(links.stdout.trim().split('\n')).toEqual([`${FOR_BROWSERS}/console`, `${FOR_BROWSERS}/console`]);
});

it('a command from elsewhere, for which the nodes’ own addresses are nobody, takes the other', async () => {
  const port = String(await getPort());
  const settings = { HTTP_PORT: port, HTTP_ADVERTISED_URL: `http://127.0.0.1:${port}` };
  const config = configOf(place, { ...settings, HTTP_PEER_URL: FOR_BROWSERS });
  nodes.push(await startNode(config, { logger: new QuietLogger() }));
  const accountId = await newAccount(database.pool);
  const following = startPaygate(['inspect', accountId, '--json'], environmentOf(place));
  expect(await following.line(/"type":"(@xstate\.actor|paygate\.[a-z-]+)"/)).not.toBe('');
  following.interrupt();
  expect((await following.ended).exitCode).toBe(0);
});
