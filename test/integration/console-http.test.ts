/**
 * The console's routes over HTTP. Without this: a stranger, or a page of somebody else's, reads balances; a route comes to change
 * something; the page may load from elsewhere; a page that comes back starts from nothing; one that does not read what it is sent
 * fills the node's memory.
 */
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClusterPoint, ClusterState } from '../../src/contracts/console.ts';
import { ConsoleFeed } from '../../src/infra/console/console-feed.ts';
import { Access, consoleLink } from '../../src/infra/http/access.ts';
import { consoleRoutes } from '../../src/infra/http/console-routes.ts';
import type { ConsoleSource } from '../../src/infra/http/console-routes.ts';
import { startHttpServer } from '../../src/infra/http/http-server.ts';
import type { HttpServer } from '../../src/infra/http/http-server.ts';
import { inspectRoutes } from '../../src/infra/http/inspect-routes.ts';
import { readEventStream } from '../../src/infra/inspection/read-event-stream.ts';
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fakes/fake-clock.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';

const TOKEN = '0123456789abcdef-token';
const ID = '0b7e19f4-1111-4222-8333-44445555c2d1';
const ELSEWHERE = { 'x-forwarded-for': '10.0.0.7' };

const CONSOLE_PATHS = [
  '/console',
  '/console/assets/app.js',
  '/console/api/stream',
  `/console/api/account/${ID}`,
  `/console/api/account/${ID}/steps`,
  `/console/api/transaction/${ID}`,
  '/console/api/dead-letters',
];

const STATE: ClusterState = {
  ...{ at: '2027-01-15T08:00:00.000Z', servedBy: 'node-1', troubles: [], paused: null },
  ...{ health: [], nodes: [], waiting: null },
  accounts: { active: 0, states: {}, hot: [], stuck: [] },
};

function point(second: number): ClusterPoint {
  const none = { p50Ms: null, p95Ms: null, p99Ms: null, mailboxAgeMs: 0, commitSize: null };
  return { second, received: 1, approved: 1, rejected: 0, retried: 0, ...none };
}

interface Served {
  readonly http: HttpServer;
  readonly clock: FakeClock;
  readonly feed: ConsoleFeed;
  /** All routes of the server, as fastify prints them. */
  readonly printed: string;
}

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface ServeOptions {
  readonly token?: string | null;
  /** Text that the state of each second carries along. */
  readonly ballast?: string;
  readonly isOpen?: boolean;
}

/** The admin port with its console, and a cluster with five minutes of past; seconds pass by `clock` alone. */
async function serve({ token = null, ballast = '', isOpen = true }: ServeOptions = {}): Promise<Served> {
  const clock = new FakeClock();
  const logger = new QuietLogger();
  const access = new Access({ token, now: () => Date.now() });
  const feed = new ConsoleFeed({
    look: () => {
      const last = Math.floor(clock.now() / 1_000);
      const points = Array.from({ length: LIMITS.figureSecondsMax }, (_, index) =>
        point(last - LIMITS.figureSecondsMax + 1 + index),
      );
      return Promise.resolve({ state: { ...STATE, troubles: [ballast] }, shards: [], points });
    },
    account: () => Promise.resolve(null),
    clock,
    logger,
  });
  const source: ConsoleSource = {
    feed,
    account: () => Promise.resolve(null),
    transaction: () => Promise.reject(new Error('the ledger is away')),
    waiting: () => Promise.resolve([]),
    ownerAddress: () => Promise.resolve(null),
  };
  const asset = { type: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html>') };
  let printed = '';
  const http = await startHttpServer({
    ...{ host: '127.0.0.1', port: 0, access, tls: null, peerUrl: null },
    status: () => ({ ...STATUS }),
    figures: () => ({ ...FIGURES }),
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
    readBalance: () => Promise.resolve({ kind: 'account-unknown' }),
    routes: [
      inspectRoutes({
        access,
        desk: { open: () => ({ kind: 'refused', reason: 'not-ready' }) },
        keep: () => Promise.resolve(),
        logger,
      }),
      consoleRoutes({
        ...{ access, token, logger, tls: { caFile: null, certFile: null, keyFile: null } },
        assets: new Map([
          ['index.html', asset],
          ['app.js', asset],
        ]),
        source: () => (isOpen ? source : null),
      }),
      (server) => {
        printed = server.printRoutes({ commonPrefix: false });
        return Promise.resolve();
      },
    ],
  });
  closers.push(async () => {
    feed.stop();
    await http.close();
  });
  return { http, clock, feed, printed };
}

const STATUS = {
  ...({ status: 'ready', serving: true, node: 'node-1', paused: null } as const),
  dependencies: { postgresql: 'up', rabbitmq: 'up', redis: 'up' } as const,
};
const FIGURES = {
  ...{ queueDepths: new Map(), transactionsPerSecond: 0, oldestCommandAgeSeconds: 0 },
  ...{ inFlight: 0, cacheWriteSeconds: null },
};

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** `Host` can be anything here, which `fetch` does not let one say. The body is not waited for: a stream has no end. */
function ask({ http }: Served, path: string, headers: Record<string, string> = {}, method = 'GET') {
  return new Promise<Answer>((resolve, reject) => {
    const asked = request(new URL(path, http.address), { headers, method }, (answer) => {
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
      answer.destroy();
    });
    asked.once('error', reject);
    asked.end();
  });
}

describe('who may read', () => {
  it.each(CONSOLE_PATHS)(
    '%s: nobody who is elsewhere, under a foreign name, or a foreign page',
    async (path) => {
      const served = await serve({ token: TOKEN });
      const { host } = new URL(served.http.address);
      const strangers: readonly Record<string, string>[] = [
        ELSEWHERE,
        { ...ELSEWHERE, authorization: 'Bearer another' },
        { ...ELSEWHERE, cookie: 'paygate_console=1.2.3' },
        { host: 'evil.example' },
        { origin: 'http://evil.example' },
        { host, origin: `http://${host.replace(/\d+$/, '1')}` },
      ];
      for (const headers of strangers)
        expect((await ask(served, path, headers)).status, JSON.stringify(headers)).toBe(403);
      const friends: readonly Record<string, string>[] = [
        {},
        { host, origin: `http://${host}` },
        { ...ELSEWHERE, authorization: `Bearer ${TOKEN}` },
      ];
      for (const headers of friends) expect((await ask(served, path, headers)).status).not.toBe(403);
    },
  );

  it('a link lets a browser in, once, by a cookie that no script reads and no other page sends', async () => {
    const served = await serve({ token: TOKEN });
    const link = new URL(consoleLink(served.http.address, TOKEN, Date.now()));
    const path = `${link.pathname}${link.search}`;
    const entered = await ask(served, path, ELSEWHERE);
    expect([entered.status, entered.headers.location]).toEqual([303, '/console']);
    const [cookie = ''] = entered.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/);
    const withCookie = { ...ELSEWHERE, cookie: cookie.split(';')[0] ?? '' };
    expect((await ask(served, '/console', withCookie)).status).toBe(200);
    expect((await ask(served, path, ELSEWHERE)).status, 'a second time').toBe(403);
  });
});

describe('what an answer allows the page', () => {
  it.each([...CONSOLE_PATHS, '/console/enter?ticket=x'])('%s', async (path) => {
    const served = await serve();
    for (const headers of [{}, ELSEWHERE] as Record<string, string>[]) {
      const { 'content-security-policy': policy, ...others } = (await ask(served, path, headers)).headers;
      const rules = String(policy).split('; ');
      expect(rules).toEqual(
        expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'", "form-action 'none'"]),
      );
      for (const rule of rules) expect(rule).toMatch(/^[a-z-]+ '(none|self)'$/);
      expect(others).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    }
  });
});

describe('reading only', () => {
  it('no route of the admin port takes anything but GET and HEAD', async () => {
    const { printed } = await serve();
    const methods = [...printed.matchAll(/\(([A-Z, ]+)\)/g)].flatMap(([, names = '']) => names.split(', '));
    expect(methods.length).toBeGreaterThan(20);
    expect([...new Set(methods)].sort()).toEqual(['GET', 'HEAD']);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s is answered with 404', async (method) => {
    const served = await serve();
    for (const path of CONSOLE_PATHS) expect((await ask(served, path, {}, method)).status).toBe(404);
  });
});

describe('answers in words', () => {
  it('a node that has not opened its ledger, a ledger that is away, an id that is none', async () => {
    const starting = await serve({ isOpen: false });
    expect((await ask(starting, '/console')).status).toBe(200);
    expect((await ask(starting, '/console/api/stream')).status).toBe(503);
    const served = await serve();
    expect((await ask(served, `/console/api/transaction/${ID}`)).status).toBe(503);
    expect((await ask(served, `/console/api/account/${ID}`)).status).toBe(404);
    expect((await ask(served, "/console/api/account/1'or'1")).status).toBe(400);
    expect((await ask(served, '/console/api/accounts')).status).toBe(400);
  });
});

interface Heard {
  readonly ids: string[];
  /** Of the points that came. */
  readonly seconds: number[];
}

async function listen({ http }: Served, headers: Record<string, string>, since: number): Promise<Heard> {
  const heard: Heard = { ids: [], seconds: [] };
  const gone = new AbortController();
  closers.unshift(() => {
    gone.abort();
    return Promise.resolve();
  });
  const url = new URL(`/console/api/stream?since=${since}`, http.address);
  const { body } = await fetch(url, { headers, signal: gone.signal });
  const reading = async (): Promise<void> => {
    for await (const { id, data } of readEventStream(body!)) {
      heard.ids.push(id);
      const told = JSON.parse(data) as unknown;
      if (Array.isArray(told)) heard.seconds.push(...(told as ClusterPoint[]).map(({ second }) => second));
    }
  };
  reading().catch(() => undefined);
  return heard;
}

it('a page that comes back says where it was in Last-Event-ID, which counts more than its old address', async () => {
  const served = await serve();
  const now = Math.floor(served.clock.now() / 1_000);
  const first = await listen(served, {}, 0);
  await eventually(() => expect(first.seconds).toHaveLength(LIMITS.figureSecondsMax));
  expect(new Set(first.ids)).toEqual(new Set([String(now)]));
  await eventually(() => {
    served.clock.advance(1_000);
    expect(first.seconds.at(-1)).toBeGreaterThan(now + 30);
  });
  const again = await listen(served, { 'last-event-id': String(now + 10) }, 0);
  await eventually(() => expect(again.seconds).toContain(first.seconds.at(-1)));
  expect(again.seconds[0]).toBeGreaterThan(now);
  expect(again.seconds).toContain(now + 11);
});

describe('a page that does not read', () => {
  /** Says that it wants the stream, and never reads any of it. */
  function deafPage({ http }: Served): void {
    const { hostname, port, host } = new URL(http.address);
    const socket = connect({ host: hostname, port: Number(port) });
    closers.unshift(() => {
      socket.destroy();
      return Promise.resolve();
    });
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`GET /console/api/stream HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  }

  it('is let go when too much waits for it; the others are told every second meanwhile', async () => {
    const ballast = 'x'.repeat(400_000);
    const served = await serve({ ballast });
    const reader = await listen(served, {}, 0);
    await eventually(() => expect(reader.seconds).not.toEqual([]));
    deafPage(served);
    await eventually(() => expect(served.feed.viewerCount).toBe(2));
    // What the system buffers on the way is some megabytes.
    const bytesMax = LIMITS.streamUnsentBytesMax + 32 * 1_024 * 1_024;
    for (let bytes = 0; served.feed.viewerCount > 1 && bytes < bytesMax; bytes += ballast.length) {
      served.clock.advance(1_000);
      const second = Math.floor(served.clock.now() / 1_000);
      await eventually(() => expect(reader.seconds.at(-1)).toBe(second));
    }
    expect(served.feed.viewerCount).toBe(1);
  });
});
