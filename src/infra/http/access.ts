import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { Guesses } from './guesses.ts';

/** What of a request decides whether it may read. */
export interface ReadRequest {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface AccessOptions {
  /** `https`: cookies go over TLS alone. Default: `http`. */
  readonly scheme?: 'http' | 'https';
  /** `CONSOLE_TOKEN`; null: only this machine may read. */
  readonly token: string | null;
  /** `HTTP_ADVERTISED_URL`, `HTTP_PEER_URL`: their names are this machine's. */
  readonly ownUrls?: readonly string[];
  readonly now: () => number;
}

export const CONSOLE_COOKIE = 'paygate_console';

const COOKIE_AGE_MS = 12 * 3_600_000;
const TICKET_AGE_MS = 5 * 60_000;
const TICKETS_KEPT_MAX = 1_000;
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const;
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Who may read the console and the inspector over HTTP. Nothing is written over HTTP by anybody.
 *
 * Owns the tickets that were used, as long as they would be valid, and the wrong guesses of the last minute.
 * A1. A reader is a peer on this machine that came by no proxy, or has the bearer token, or the cookie that a ticket was changed for.
 * A2. `Host` must be an address, a name of this machine or a loopback name (a foreign name that leads here is a page of somebody
 *     else's), and `Origin`, where there is one, the same place.
 * A3. Secrets are compared in constant time. Tickets and cookies are signed with the token: each node with the same token
 *     believes them, and a ticket works once, at the node it was made for.
 * A4. An address that guesses wrong too often is not listened to for a while, also where it guesses right then. The machine itself
 *     needs no secret, and is not kept out.
 */
export class Access {
  readonly #options: AccessOptions;
  readonly #used = new Map<string, number>();
  readonly #guesses: Guesses;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#guesses = new Guesses(options.now);
  }

  mayRead(request: ReadRequest): boolean {
    if (!this.#isOurPlace(request)) return false;
    if (isOfThisMachine(request)) return true;
    if (!bringsSecret(request) || this.isBarred(request)) return false;
    const isReader = this.#hasBearer(request) || this.#hasCookie(request);
    if (!isReader) this.#guesses.note(peerOf(request));
    return isReader;
  }

  /** Guessed wrong too often (A4). */
  isBarred(request: ReadRequest): boolean {
    return !isOfThisMachine(request) && this.#guesses.tooMany(peerOf(request));
  }

  /** Value of a `Set-Cookie` header; null: the ticket is not valid, or was used. */
  enter(request: ReadRequest, ticket: string): string | null {
    const { token } = this.#options;
    if (token === null || !this.#isOurPlace(request) || this.isBarred(request)) return null;
    const audience = text(request.headers['host']);
    const untilMs = this.#untilMs('ticket', audience, ticket);
    if (untilMs === null || this.#used.has(ticket) || this.#used.size >= TICKETS_KEPT_MAX) {
      this.#guesses.note(peerOf(request));
      return null;
    }
    this.#used.set(ticket, untilMs);
    const cookie = signed(token, 'cookie', '', this.#options.now() + COOKIE_AGE_MS);
    const secure = this.#options.scheme === 'https' ? '; Secure' : '';
    return `${CONSOLE_COOKIE}=${cookie}; Path=/; Max-Age=${COOKIE_AGE_MS / 1_000}; HttpOnly; SameSite=Strict${secure}`;
  }

  /** A2. */
  #isOurPlace({ headers }: ReadRequest): boolean {
    const host = text(headers['host']);
    const url = `http://${host}`;
    if (host === '' || !URL.canParse(url)) return false;
    const origin = text(headers['origin']);
    const isSame = origin === '' || origin === `http://${host}` || origin === `https://${host}`;
    return isSame && this.#isOurName(new URL(url).hostname);
  }

  #isOurName(name: string): boolean {
    const { ownUrls = [] } = this.#options;
    if (LOOPBACK_NAMES.has(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true;
    return name === hostname().toLowerCase() || ownUrls.some((url) => name === new URL(url).hostname);
  }

  #hasBearer({ headers }: ReadRequest): boolean {
    const { token } = this.#options;
    const [scheme, given] = text(headers['authorization']).split(' ');
    return token !== null && scheme?.toLowerCase() === 'bearer' && isSame(given ?? '', token);
  }

  #hasCookie({ headers }: ReadRequest): boolean {
    const cookies = text(headers['cookie']).split(/;\s*/);
    const found = cookies.find((cookie) => cookie.startsWith(`${CONSOLE_COOKIE}=`));
    return (
      found !== undefined && this.#untilMs('cookie', '', found.slice(CONSOLE_COOKIE.length + 1)) !== null
    );
  }

  /** Until when it is valid; null: it is not. */
  #untilMs(kind: 'ticket' | 'cookie', audience: string, value: string): number | null {
    const { token, now } = this.#options;
    const nowMs = now();
    for (const [ticket, untilMs] of this.#used) if (untilMs < nowMs) this.#used.delete(ticket);
    const [until = '', nonce = '', signature = ''] = value.split('.');
    if (token === null || !isSame(signature, signatureOf(token, kind, audience, until, nonce))) return null;
    const untilMs = Number(until);
    return untilMs > nowMs ? untilMs : null;
  }
}

/**
 * A link that opens the console in a browser, once.
 *
 * @param address base URL of the node, such as `http://127.0.0.1:9464`.
 */
export function consoleLink(address: string, token: string | null, nowMs: number): string {
  if (token === null) return `${address}/console`;
  const ticket = signed(token, 'ticket', new URL(address).host, nowMs + TICKET_AGE_MS);
  return `${address}/console/enter?ticket=${ticket}`;
}

/** The address is this machine's own: nobody else can reach it. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '');
  return plain === '::1' || plain === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(plain);
}

function peerOf({ socket }: ReadRequest): string {
  return socket.remoteAddress ?? '';
}

function bringsSecret({ headers }: ReadRequest): boolean {
  return headers['authorization'] !== undefined || text(headers['cookie']).includes(`${CONSOLE_COOKIE}=`);
}

function isOfThisMachine({ socket, headers }: ReadRequest): boolean {
  const isProxied = PROXY_HEADERS.some((name) => headers[name] !== undefined);
  return !isProxied && isLoopback(socket.remoteAddress ?? '');
}

function signed(token: string, kind: 'ticket' | 'cookie', audience: string, untilMs: number): string {
  const nonce = randomBytes(12).toString('hex');
  return `${untilMs}.${nonce}.${signatureOf(token, kind, audience, String(untilMs), nonce)}`;
}

function signatureOf(token: string, ...parts: readonly string[]): string {
  return createHmac('sha256', token).update(parts.join('\n')).digest('hex');
}

function isSame(given: string, right: string): boolean {
  // Of one length whatever was given.
  const digest = (value: string): Buffer => createHmac('sha256', 'compare').update(value).digest();
  return timingSafeEqual(digest(given), digest(right));
}

function text(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}
