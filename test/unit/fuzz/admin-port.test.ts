/**
 * The admin port, as an attacker meets it: over a socket. Without this: a stranger reads balances, guesses a token at leisure, fills the
 * node's memory, or ends it with one request.
 */
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Access, consoleLink } from '../../../src/infra/http/access.ts';
import { consoleRoutes, type ConsoleSource } from '../../../src/infra/http/console-routes.ts';
import { startHttpServer, type HttpServer } from '../../../src/infra/http/http-server.ts';
import { LIMITS } from '../../../src/limits.ts';
import { ACCOUNT } from '../contracts/messages.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';
import { fc } from '../../support/properties.ts';
import { damaged, INPUTS, naughty, noise } from './hostile.ts';

vi.setConfig({ testTimeout: 300_000 });

const TOKEN = 'a-token-that-nobody-guesses';
const BALANCE = '123456789';
/** A proxy on the machine: what comes through it is not of the machine, and needs a secret. */
const PROXIED = { 'x-forwarded-for': '10.0.0.7' };
const clock = { nowMs: 1_000_000 };
let server: HttpServer;

/** Answers like a node whose ledger is open; whatever it tells holds the balance. */
const source = {
  account: () => Promise.resolve({ balanceCents: BALANCE }),
  transaction: () => Promise.resolve({ amount: BALANCE }),
  waiting: () => Promise.resolve([{ amount: BALANCE }]),
  ownerAddress: () => Promise.resolve(null),
} as unknown as ConsoleSource;

beforeAll(async () => {
  const access = new Access({ token: TOKEN, now: () => clock.nowMs });
  server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    tls: null,
    peerUrl: null,
    access,
    status: () => ({
      status: 'ready',
      serving: true,
      node: 'n',
      dependencies: { postgresql: 'up', rabbitmq: 'up', redis: 'up' },
      paused: null,
    }),
    figures: () => ({
      queueDepths: new Map(),
      transactionsPerSecond: 0,
      oldestCommandAgeSeconds: 0,
      inFlight: 0,
      cacheWriteSeconds: null,
    }),
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('paygate_ready 1\n') },
    readBalance: (accountId) =>
      Promise.resolve({
        kind: 'known',
        shard: 1,
        state: { accountId, balanceCents: BigInt(BALANCE), seq: 1n, status: 'active', overdraftCents: 0n },
      }),
    routes: [
      consoleRoutes({
        access,
        assets: new Map([['index.html', { type: 'text/html', body: Buffer.from('<title>page</title>') }]]),
        source: () => source,
        token: TOKEN,
        tls: { caFile: null, certFile: null, keyFile: null },
        logger: new QuietLogger(),
      }),
    ],
  });
});
afterAll(() => server.close());

/** Whatever was counted against this address is over. */
function aMinuteLater(): void {
  clock.nowMs += LIMITS.httpGuessWindowMs;
}

const PROTECTED = [
  `/accounts/${ACCOUNT}/balance`,
  '/console',
  '/console/',
  '/console/assets/index.html',
  `/console/api/account/${ACCOUNT}`,
  `/console/api/account/${ACCOUNT}/steps`,
  `/console/api/transaction/${ACCOUNT}`,
  '/console/api/dead-letters',
  '/console/api/stream',
] as const;

/** Status and everything that was said, of one request as it is written here. */
async function raw(text: string | Buffer): Promise<string> {
  const { port } = new URL(server.address);
  const socket = connect(Number(port), '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
  // A server that ends the connection early is within its rights.
  socket.on('error', () => undefined);
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${server.address}${path}`, { headers, redirect: 'manual' });

describe('a stranger', () => {
  it('gets nothing of any account, with no secret, a wrong one, or tricks with the path', async () => {
    for (const path of PROTECTED) {
      for (const tried of [
        path,
        path.toUpperCase(),
        `/${path}`,
        `${path}/`,
        `${path}?x=1`,
        path.replace('/', '/./'),
        `/x/..${path}`,
        path.replaceAll('o', '%6f'),
      ]) {
        const response = await get(tried, PROXIED);
        expect([301, 302, 303, 307, 308, 400, 401, 403, 404], tried).toContain(response.status);
        expect(await response.text(), tried).not.toContain(BALANCE);
      }
    }
  });

  it('is not let in by headers that say who he is', async () => {
    for (const headers of [
      { 'x-forwarded-for': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
      { 'x-real-ip': '127.0.0.1' },
      { via: '1.1 proxy' },
      { 'x-forwarded-host': 'localhost' },
      { ...PROXIED, 'x-forwarded-for': '127.0.0.1, 127.0.0.1' },
      { ...PROXIED, authorization: 'Basic YTpi' },
    ])
      expect((await get(PROTECTED[0], headers)).status, JSON.stringify(headers)).toBe(401);
    aMinuteLater();
  });

  it('may see that the node lives, and no more', async () => {
    for (const path of ['/livez', '/readyz', '/healthz', '/metrics']) {
      const response = await get(path, PROXIED);
      expect(response.status, path).toBe(200);
      const text = await response.text();
      expect(text).not.toContain(TOKEN);
      expect(text).not.toContain(ACCOUNT);
    }
  });

  it('who guesses is soon not listened to, not even when he is right; the machine itself and the healthy checks are', async () => {
    aMinuteLater();
    const guess = (token: string): Promise<Response> =>
      get(PROTECTED[0], { ...PROXIED, authorization: `Bearer ${token}` });
    expect((await guess(TOKEN)).status).toBe(200);
    for (let n = 0; n < LIMITS.httpGuessesMax; n += 1) expect((await guess(`wrong-${n}`)).status).toBe(401);
    // Proxied requests share the proxy's address.
    const barred = await guess(TOKEN);
    expect(barred.status).toBe(429);
    expect(barred.headers.get('retry-after')).toBe('60');
    const ticket = new URL(consoleLink(server.address, TOKEN, clock.nowMs)).search;
    expect((await get(`/console/enter${ticket}`, PROXIED)).status).toBe(429);
    expect((await get(PROTECTED[0], { ...PROXIED, cookie: 'paygate_console=x' })).status).toBe(429);
    expect((await get('/healthz', PROXIED)).status).toBe(200);
    expect((await get(PROTECTED[0])).status).toBe(200);
    aMinuteLater();
    expect((await guess(TOKEN)).status).toBe(200);
  });

  it('who guesses tickets or cookies is counted too', async () => {
    aMinuteLater();
    for (let n = 0; n < LIMITS.httpGuessesMax; n += 1)
      expect((await get(`/console/enter?ticket=${n}.a.b`, PROXIED)).status).toBe(403);
    expect((await get('/console', { ...PROXIED, cookie: 'paygate_console=1.2.3' })).status).toBe(429);
    aMinuteLater();
  });
});

describe('a page of somebody else in a reader’s browser', () => {
  it('reads nothing: foreign Host, foreign Origin, frames, scripts', async () => {
    const { port } = new URL(server.address);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      'localhost@evil.example',
      '',
    ])
      expect(
        await raw(`GET ${PROTECTED[0]} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
        host,
      ).toMatch(/^HTTP\/1\.1 40[01]/);
    for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${Number(port) + 1}`, 'file://'])
      expect((await get(PROTECTED[0], { origin })).status, origin).toBe(401);
    const page = await get('/console');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(page.headers.get('content-security-policy')).not.toMatch(/unsafe|\*/);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(page.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('changes nothing: there is no method that does', async () => {
    for (const path of [...PROTECTED, '/livez', '/metrics']) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const response = await fetch(`${server.address}${path}`, { method });
        expect([403, 404, 405, 415], `${method} ${path}`).toContain(response.status);
        await response.arrayBuffer();
      }
    }
  });
});

describe('bytes that are no request', () => {
  const SOUND = [
    `GET ${PROTECTED[0]} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 10.0.0.7\r\nConnection: close\r\n\r\n`,
    'GET /console/enter?ticket=1.2.3 HTTP/1.1\r\nHost: 127.0.0.1\r\nVia: x\r\nConnection: close\r\n\r\n',
    'POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
    'POST /console HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nVia: x\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  ].map((text) => Buffer.from(text));

  it('end in an answer or a closed connection, tell nothing, and the node goes on', async () => {
    const path = naughty.map((text) =>
      Buffer.from(
        `GET /${text} HTTP/1.1\r\nHost: 127.0.0.1\r\nVia: x\r\nCookie: ${text}\r\nConnection: close\r\n\r\n`,
      ),
    );
    const input = fc.oneof(
      { weight: 5, arbitrary: damaged(...SOUND) },
      { weight: 2, arbitrary: path },
      { weight: 1, arbitrary: noise },
    );
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: 10, maxLength: 10 }), async (requests) => {
        const answers = await Promise.all(requests.map((request) => raw(request)));
        seen += answers.length;
        for (const [index, answer] of answers.entries()) {
          const isOfTheMachine = !/^(?:via|x-forwarded-for):/im.test(String(requests[index]));
          if (answer.includes(BALANCE) && !isOfTheMachine) throw new Error('a balance was told');
          if (/^HTTP\/1\.1 5/.test(answer)) throw new Error(answer.slice(0, 200));
          if (/node_modules|\.ts:\d+/.test(answer)) throw new Error('a stack was told');
        }
      }),
      { numRuns: INPUTS.requests / 10 },
    );
    expect(seen).toBeGreaterThanOrEqual(INPUTS.requests);
    expect((await get('/livez')).status).toBe(200);
  });

  it('that never end are ended: headers and bodies without bound', async () => {
    const long = 'x'.repeat(LIMITS.httpHeaderBytesMax * 2);
    expect(await raw(`GET /livez HTTP/1.1\r\nHost: a\r\nX: ${long}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431/);
    expect(
      await raw(
        `POST /livez HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n`,
      ),
    ).toMatch(/^HTTP\/1\.1 4(?:04|13)/);
  });
});
