/**
 * Who may read over HTTP. Without this: another machine, a page of somebody else's in the same browser, or a link that was
 * used before sees balances and payments.
 */
import { describe, expect, it } from 'vitest';
import { Access, consoleLink, CONSOLE_COOKIE } from '../../../src/infra/http/access.ts';
import type { ReadRequest } from '../../../src/infra/http/access.ts';

const TOKEN = '0123456789abcdef-token';
const START_MS = Date.UTC(2026, 0, 1);

const request = (headers: Record<string, string> = {}, remoteAddress = '127.0.0.1'): ReadRequest => ({
  socket: { remoteAddress },
  headers: { host: '127.0.0.1:9464', ...headers },
});
const fromElsewhere = (headers: Record<string, string> = {}): ReadRequest => request(headers, '10.0.0.7');

const accessOf = (token: string | null, clock = { nowMs: START_MS }): Access =>
  new Access({ token, now: () => clock.nowMs });

describe('this machine', () => {
  it('may read, by IPv4, IPv6 and the name of its loopback', () => {
    const access = accessOf(null);
    for (const peer of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      expect(access.mayRead(request({}, peer)), peer).toBe(true);
    expect(access.mayRead(request({ host: 'localhost:9464' }))).toBe(true);
  });

  it('may not by a proxy, under a foreign name, or for a foreign page', () => {
    const access = accessOf(null);
    expect(access.mayRead(request({ 'x-forwarded-for': '10.0.0.7' }))).toBe(false);
    expect(access.mayRead(request({ forwarded: 'for=10.0.0.7' }))).toBe(false);
    expect(access.mayRead(request({ host: 'evil.example' }))).toBe(false);
    expect(access.mayRead(request({ origin: 'http://evil.example' }))).toBe(false);
    expect(access.mayRead(request({ origin: 'null' }))).toBe(false);
    expect(access.mayRead(request({ origin: 'http://127.0.0.1:9464' }))).toBe(true);
  });

  it('has the names that it tells others, and no other', () => {
    const ownUrls = ['https://paygate.example', 'http://paygate-0.paygate:9464'];
    const access = new Access({ token: null, ownUrls, now: () => START_MS });
    expect(access.mayRead(request({ host: 'paygate.example' }))).toBe(true);
    expect(access.mayRead(request({ host: 'paygate-0.paygate:9464' }))).toBe(true);
    expect(access.mayRead(request({ host: 'evil.example' }))).toBe(false);
  });
});

describe('another machine', () => {
  it('may not without a token, whatever it brings', () => {
    const access = accessOf(null);
    expect(access.mayRead(fromElsewhere())).toBe(false);
    expect(access.mayRead(fromElsewhere({ authorization: 'Bearer ' }))).toBe(false);
    expect(access.mayRead(fromElsewhere({ cookie: `${CONSOLE_COOKIE}=..` }))).toBe(false);
  });

  it('may with the bearer token and no other', () => {
    const access = accessOf(TOKEN);
    expect(access.mayRead(fromElsewhere({ authorization: `Bearer ${TOKEN.slice(1)}` }))).toBe(false);
    expect(access.mayRead(fromElsewhere({ authorization: 'Bearer other' }))).toBe(false);
    expect(access.mayRead(fromElsewhere({ authorization: `Bearer ${TOKEN}` }))).toBe(true);
  });
});

describe('a link', () => {
  const ticketOf = (address: string, token = TOKEN): string =>
    new URL(consoleLink(address, token, START_MS)).searchParams.get('ticket') ?? '';
  const cookieOf = (setCookie: string | null): string => setCookie?.split(';')[0] ?? '';

  it('lets a browser in once, by a cookie that scripts and other pages do not get', () => {
    const access = accessOf(TOKEN);
    const ticket = ticketOf('http://127.0.0.1:9464');
    const setCookie = access.enter(fromElsewhere(), ticket);
    expect(setCookie).toMatch(/; HttpOnly; SameSite=Strict$/);
    expect(access.mayRead(fromElsewhere({ cookie: `a=b; ${cookieOf(setCookie)}` }))).toBe(true);
    expect(access.enter(fromElsewhere(), ticket), 'a second time').toBeNull();
  });

  it('is of no use at another node, when it is old, under another token, or as a cookie', () => {
    const clock = { nowMs: START_MS };
    const access = accessOf(TOKEN, clock);
    expect(access.enter(fromElsewhere(), ticketOf('http://127.0.0.1:9465'))).toBeNull();
    expect(access.enter(fromElsewhere(), ticketOf('http://127.0.0.1:9464', 'another token'))).toBeNull();
    const ticket = ticketOf('http://127.0.0.1:9464');
    expect(access.mayRead(fromElsewhere({ cookie: `${CONSOLE_COOKIE}=${ticket}` }))).toBe(false);
    clock.nowMs += 6 * 60_000;
    expect(access.enter(fromElsewhere(), ticket)).toBeNull();
  });

  it('ends: its cookie is good for hours, not for ever', () => {
    const clock = { nowMs: START_MS };
    const access = accessOf(TOKEN, clock);
    const cookie = cookieOf(access.enter(fromElsewhere(), ticketOf('http://127.0.0.1:9464')));
    clock.nowMs += 24 * 3_600_000;
    expect(access.mayRead(fromElsewhere({ cookie }))).toBe(false);
  });
});
