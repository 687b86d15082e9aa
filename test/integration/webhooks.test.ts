/**
 * Webhooks on real servers, posted to a real endpoint. Without this: a receiver that misses a payment, or believes somebody
 * else's; an endpoint that is away and holds up everybody; a request of ours that opens a door into the operator's own network.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config.ts';
import { eventSchema } from '../../src/contracts/events.ts';
import { EventQueue } from '../support/event-queue.ts';
import { newAccount, pendingCommand } from '../support/ledger-fixtures.ts';
import { addressOf, nodeProcess, paygate } from '../support/paygate.ts';
import { eventually } from '../support/services.ts';
import { OK, WebhookReceiver } from '../support/webhook-receiver.ts';
import type { Posted } from '../support/webhook-receiver.ts';
import { cell, figure } from './node-scene.ts';
import { useOneNode } from './use-one-node.ts';

const scene = useOneNode();
const WEBHOOK_KEY = 'a key of the tests that is long enough';
const SETTINGS: Environment = {
  WEBHOOK_KEY,
  WEBHOOK_ALLOW: 'http,loopback',
  WEBHOOK_RETRY_DELAY: '50ms',
  WEBHOOK_TIMEOUT: '20s',
};
let receiver: WebhookReceiver;
const children: ChildProcess[] = [];

beforeEach(async () => {
  receiver = await WebhookReceiver.listen();
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await scene.stop();
  await receiver.close();
});

async function webhooks(...args: readonly string[]): Promise<unknown> {
  const env = { ...scene.env, WEBHOOK_KEY, WEBHOOK_ALLOW: 'http,loopback' };
  const { exitCode, stdout, stderr } = await paygate(['webhooks', ...args, '--json'], env);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout);
}

interface Added {
  readonly id: number;
  readonly secret: string;
}

/** Before a node starts: it knows the endpoint from its first event on. */
async function add(url = receiver.url(), ...args: readonly string[]): Promise<Added> {
  return (await webhooks('add', url, ...args, '--why', 'test')) as Added;
}

async function show(id: number): Promise<Record<string, unknown>> {
  return (await webhooks('show', String(id))) as Record<string, unknown>;
}

/** Deposits of 1,000 cents into an account. */
async function deposit(count: number): Promise<string> {
  const accountId = await newAccount(scene.pool);
  const rows = Array.from({ length: count }, () => pendingCommand(scene.pool, { accountId }));
  const commands = await Promise.all(rows);
  await scene.send(commands);
  return accountId;
}

const count = (from: string): Promise<number> =>
  cell(scene.pool, `select count(*) from processor.${from}`).then(Number);

/** Until everything that is decided is told, and so is written down for webhooks. */
async function told(decided: number): Promise<void> {
  await eventually(async () => {
    expect(await count('journal')).toBe(decided);
    expect(await count('outbox')).toBe(0);
  });
}

async function delivered(expected: number): Promise<void> {
  await eventually(async () =>
    expect(await count(`webhook_deliveries where state = 'delivered'`)).toBe(expected),
  );
}

type Verify = (secret: string, headers: Posted['headers'], body: string) => unknown;

/** The example of the documentation, as a receiver would have it. */
async function documentedVerify(): Promise<Verify> {
  const manual = await readFile(new URL('../../docs/WEBHOOKS.md', import.meta.url), 'utf8');
  const [, example] = /```js\n([^]+?)```/.exec(manual) ?? [];
  const directory = await mkdtemp(join(tmpdir(), 'paygate-webhooks-'));
  try {
    const file = join(directory, 'verify.mjs');
    await writeFile(file, example ?? '');
    const { verifyWebhook } = (await import(pathToFileURL(file).href)) as { verifyWebhook: Verify };
    return verifyWebhook;
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function spawnNode(settings: Environment): Promise<ChildProcess> {
  const child = nodeProcess({ ...scene.env, ...settings, LOG_LEVEL: 'error', NODE_ID: 'killed' });
  children.push(child);
  await addressOf(child);
  return child;
}

describe('what is posted', () => {
  it('is what is published, byte for byte, signed as the documentation says; of the types that are wanted', async () => {
    const queue = await EventQueue.bind(scene.rabbitmqUrl);
    const all = await add();
    const some = await add(receiver.url('/some'), '--types', 'balance.updated');
    await scene.start(SETTINGS);
    await deposit(3);
    await told(3);
    const events = await queue.events();
    const balances = events.filter(({ type }) => type === 'balance.updated');
    await eventually(() => expect(receiver.posted).toHaveLength(events.length + balances.length));
    const verify = await documentedVerify();
    const lines = new Map(queue.received.map(({ event, line }) => [event.id, line]));
    for (const { path, headers, body } of receiver.posted) {
      const secret = path === '/some' ? some.secret : all.secret;
      const event = eventSchema.parse(verify(secret, headers, body));
      expect(headers['webhook-id']).toBe(event.id);
      expect(body).toBe(lines.get(event.id));
      expect(() => verify(path === '/some' ? all.secret : some.secret, headers, body)).toThrow('signature');
      expect(() => verify(secret, { ...headers, 'webhook-timestamp': '1' }, body)).toThrow('timestamp');
      expect(() => verify(secret, headers, `${body} `)).toThrow('signature');
    }
    const ofSome = receiver.posted.filter(({ path }) => path === '/some');
    expect(new Set(ofSome.map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set(balances.map(({ id }) => id)),
    );
  });

  it('a secret is shown once, and is neither in the ledger nor with the endpoint', async () => {
    const { id, secret } = await add();
    const [, base64 = ''] = secret.split('_');
    expect(base64).toMatch(/^[\w+/]{43}=$/);
    const kept = await cell(scene.pool, `select json_agg(e)::text from processor.webhook_endpoints e`);
    const logged = await cell(scene.pool, `select json_agg(o)::text from processor.operator_log o`);
    const hex = Buffer.from(base64, 'base64').toString('hex');
    for (const text of [kept, logged, JSON.stringify(await show(id)), JSON.stringify(await webhooks('list'))])
      for (const form of [base64, hex, WEBHOOK_KEY]) expect(text).not.toContain(form);
    expect(logged).toContain('webhook-add');
  });

  it('after a rotation both secrets sign, until the overlap is over', async () => {
    const { id, secret } = await add();
    const next = (await webhooks('rotate-secret', String(id), '--why', 'leaked')) as Added;
    expect(next.secret).not.toBe(secret);
    await scene.start(SETTINGS);
    const verify = await documentedVerify();
    await webhooks('test', String(id));
    const [first] = receiver.posted;
    if (first === undefined) throw new Error('nothing was posted');
    for (const one of [secret, next.secret]) verify(one, first.headers, first.body);
    const last = (await webhooks('rotate-secret', String(id), '--overlap', '0', '--why', 'now')) as Added;
    await eventually(async () => {
      await webhooks('test', String(id));
      const { headers, body } = receiver.posted.at(-1) ?? first;
      verify(last.secret, headers, body);
      expect(() => verify(next.secret, headers, body)).toThrow('signature');
    });
  });
});

describe('nothing is lost', () => {
  it('while the endpoint is away: every event comes in the end, under the same id at each try', async () => {
    await add(receiver.url(), '--types', 'transaction.approved');
    receiver.answer = () => ({ status: 500, body: 'x'.repeat(200_000) });
    const node = await scene.start(SETTINGS);
    await deposit(30);
    await told(30);
    await eventually(() => expect(receiver.posted.length).toBeGreaterThan(6));
    const tried = new Set(receiver.ids());
    receiver.answer = () => OK;
    await delivered(30);
    const { rows } = await scene.pool.query<{ event_id: string; body: string; type: string }>(
      'select event_id, body, type from processor.webhook_deliveries',
    );
    const ids = new Set(rows.map(({ event_id }) => event_id));
    expect(new Set(receiver.ids())).toEqual(ids);
    for (const id of tried) expect(ids).toContain(id);
    expect(await figure(node, 'paygate_webhook_deliveries_total{result="delivered"}')).toBe(30);
    expect(await figure(node, 'paygate_webhook_deliveries_total{result="failed"}')).toBeGreaterThan(6);
    expect(await figure(node, 'paygate_webhooks_waiting')).toBe(0);
  });

  it('when a node is killed in the middle: another one posts what it was at', async () => {
    await add(receiver.url(), '--types', 'transaction.approved');
    receiver.answer = () => 'never';
    // A claim outlives the longest try by five seconds.
    const child = await spawnNode({ ...SETTINGS, WEBHOOK_TIMEOUT: '5s' });
    await deposit(20);
    await told(20);
    await eventually(() => expect(receiver.posted.length).toBeGreaterThan(0));
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(await count(`webhook_deliveries where state = 'delivered'`)).toBe(0);
    receiver.answer = () => OK;
    await scene.start(SETTINGS);
    await delivered(20);
    expect(new Set(receiver.ids()).size).toBe(20);
  });

  it('when Redis forgets everything with tries scheduled', async () => {
    await add(receiver.url(), '--types', 'transaction.approved');
    receiver.answer = () => ({ status: 503 });
    await scene.start({ ...SETTINGS, WEBHOOK_RETRY_DELAY: '2s' });
    await deposit(4);
    await told(4);
    const redis = new Redis(scene.redisUrl);
    await eventually(async () =>
      expect(await redis.zcard('paygate:paygate-webhooks:delayed')).toBeGreaterThan(0),
    );
    await redis.flushdb();
    redis.disconnect();
    receiver.answer = () => OK;
    await delivered(4);
  });

  it('neither the ledger nor the events wait for an endpoint that hangs', async () => {
    const queue = await EventQueue.bind(scene.rabbitmqUrl);
    await add();
    receiver.answer = () => 'never';
    await scene.start({ ...SETTINGS, WEBHOOK_TIMEOUT: '60s' });
    await deposit(100);
    await told(100);
    const approved = await queue.of('transaction.approved');
    expect(new Set(approved.map(({ id }) => id)).size).toBe(100);
    // No more than its places are taken by it.
    expect(receiver.posted.length).toBeLessThanOrEqual(10);
  });
});

describe('an endpoint that fails', () => {
  const FAST = { ...SETTINGS, WEBHOOK_DISABLE_FAILURES: '4', WEBHOOK_DISABLE_AFTER: '0' };

  it('is disabled, keeps what comes meanwhile, and gets it when an operator enables it', async () => {
    const { id } = await add(receiver.url(), '--types', 'transaction.approved');
    receiver.answer = () => ({ status: 500 });
    const node = await scene.start(FAST);
    await deposit(2);
    await eventually(async () =>
      expect(await show(id)).toMatchObject({ state: 'disabled', disabledBecause: 'failures' }),
    );
    expect(
      await cell(scene.pool, `select string_agg(action, ',' order by id) from processor.operator_log`),
    ).toBe('webhook-add,webhook-disable');
    expect(await figure(node, 'paygate_webhooks_disabled')).toBe(1);
    await deposit(3);
    await told(5);
    expect(await count(`webhook_deliveries where state = 'pending'`)).toBe(5);
    receiver.answer = () => OK;
    await webhooks('enable', String(id), '--why', 'mended');
    await delivered(5);
    expect(await show(id)).toMatchObject({ state: 'active', failuresInRow: 0, waiting: 0 });
  });

  it('is disabled at once when it says that it is gone', async () => {
    const { id } = await add();
    receiver.answer = () => ({ status: 410 });
    await scene.start(SETTINGS);
    await deposit(1);
    await eventually(async () =>
      expect(await show(id)).toMatchObject({ state: 'disabled', disabledBecause: 'gone' }),
    );
  });

  it('a delivery that spends its tries is given up and can be posted again; others go on', async () => {
    const { id } = await add(receiver.url(), '--types', 'transaction.approved', 'balance.updated');
    receiver.answer = ({ body }) => (body.includes('balance.updated') ? { status: 422 } : OK);
    const node = await scene.start({ ...SETTINGS, WEBHOOK_ATTEMPTS: '3' });
    await deposit(1);
    await eventually(async () => expect(await count(`webhook_deliveries where state = 'failed'`)).toBe(1));
    await delivered(1);
    expect(receiver.posted.filter(({ body }) => body.includes('balance.updated'))).toHaveLength(3);
    expect(await figure(node, 'paygate_webhook_deliveries_total{result="given_up"}')).toBe(1);
    expect(await webhooks('deliveries', '--failed')).toMatchObject([
      {
        endpointId: id,
        type: 'balance.updated',
        attempts: 3,
        lastStatus: 422,
        lastFailure: 'ENDPOINT_REFUSED: HTTP 422',
      },
    ]);
    receiver.answer = () => OK;
    expect(await webhooks('replay', '--webhook', String(id), '--why', 'mended')).toEqual({ replayed: 1 });
    await delivered(2);
  });

  it('another endpoint gets everything meanwhile', async () => {
    const away = await WebhookReceiver.listen();
    await away.close();
    await add(`http://127.0.0.1:${String(receiver.port)}/never`, '--types', 'transaction.approved');
    await add(receiver.url('/well'), '--types', 'transaction.approved');
    receiver.answer = ({ path }) => (path === '/well' ? OK : 'never');
    await scene.start(SETTINGS);
    await deposit(60);
    await delivered(60);
    expect(receiver.posted.filter(({ path }) => path === '/well')).toHaveLength(60);
  });
});

describe('what is never called', () => {
  it.each([
    [
      'a redirect is not followed',
      {},
      (port: number) => `http://127.0.0.1:${port}/redirect`,
      /^ENDPOINT_REDIRECTS/,
    ],
    [
      'a name that points to this machine',
      { WEBHOOK_ALLOW: 'http' },
      (port: number) => `http://localhost:${port}/`,
      /^ENDPOINT_FORBIDDEN: localhost: .* is this machine/,
    ],
    [
      'an address of this machine, although it was registered when that was allowed',
      { WEBHOOK_ALLOW: 'http' },
      (port: number) => `http://127.0.0.1:${port}/`,
      /^ENDPOINT_FORBIDDEN: 127.0.0.1 is this machine/,
    ],
    [
      'http, where only https is allowed',
      { WEBHOOK_ALLOW: 'loopback' },
      (port: number) => `http://127.0.0.1:${port}/`,
      /^ENDPOINT_FORBIDDEN: expected a URL that starts with https/,
    ],
  ])('%s', async (_, settings, url, failure) => {
    receiver.answer = ({ path }) =>
      path === '/redirect' ? { status: 302, headers: { location: receiver.url('/secret') } } : OK;
    const { id } = await add(url(receiver.port));
    await scene.start({ ...SETTINGS, ...settings });
    const env = { ...scene.env, WEBHOOK_KEY };
    const { exitCode, stdout } = await paygate(['webhooks', 'test', String(id), '--json'], env);
    expect(exitCode).toBe(1);
    expect((JSON.parse(stdout) as { lastFailure: string }).lastFailure).toMatch(failure);
    const paths = receiver.posted.map(({ path }) => path);
    expect(paths).toEqual(url(0).endsWith('/redirect') ? ['/redirect'] : []);
  });

  it('add refuses what cannot be called, and needs the key; removing forgets what waits', async () => {
    const env = { ...scene.env, WEBHOOK_KEY };
    const refused = await paygate(['webhooks', 'add', 'https://10.1.2.3/', '--why', 'x'], env);
    expect(refused).toMatchObject({
      exitCode: 2,
      stderr: 'paygate: https://10.1.2.3/: 10.1.2.3 is in a private network',
    });
    const keyless = await paygate(['webhooks', 'add', 'https://example.com/', '--why', 'x'], scene.env);
    expect(keyless.exitCode).toBe(2);
    expect(keyless.stderr).toContain('WEBHOOK_KEY is not set');
    const { id } = await add();
    await scene.start({ ...SETTINGS, WEBHOOK_KEY: 'another key than the one of the command' });
    await deposit(1);
    await eventually(async () => expect(await count(`webhook_deliveries where state = 'pending'`)).toBe(2));
    await webhooks('remove', String(id), '--why', 'over');
    expect(await webhooks('list')).toEqual([]);
    expect(await count('webhook_deliveries')).toBe(0);
    expect(receiver.posted).toEqual([]);
  });
});
