import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { HttpTls } from '../../config/http-tls.ts';
import type { AccountPage, TransactionPage, WaitingRow } from '../../contracts/console.ts';
import { ensureError } from '../../domain/errors.ts';
import type { Logger } from '../../ports/runtime.ts';
import type { ConsoleFeed } from '../console/console-feed.ts';
import type { WaitingList } from '../postgres/waiting-view.ts';
import type { Access } from './access.ts';
import type { Asset } from './console-assets.ts';
import { openEventStream } from './event-stream.ts';
import { forwardSteps } from './forward-steps.ts';

/** Everything the console answers from. */
export interface ConsoleSource {
  readonly feed: ConsoleFeed;
  /** null: there is no such account. These three reject with the driver's error. */
  account(accountId: string): Promise<AccountPage | null>;
  transaction(transactionId: string): Promise<TransactionPage>;
  waiting(list: WaitingList): Promise<readonly WaitingRow[]>;
  /** Base URL of the node that owns the account; null: not known. */
  ownerAddress(accountId: string): Promise<string | null>;
}

export interface ConsoleRoutesOptions {
  readonly access: Access;
  readonly assets: ReadonlyMap<string, Asset>;
  /** null: the node has not opened its ledger yet. */
  readonly source: () => ConsoleSource | null;
  readonly token: string | null;
  /** For the steps of accounts that another node has. */
  readonly tls: HttpTls['client'];
  readonly logger: Logger;
}

/** Everything comes from here, nothing runs that is not a file of ours, nobody may put the page into a frame. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': CSP,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const UUID = z.object({ id: z.guid().transform((id) => id.toLowerCase()) });
const LIST = z.object({ list: z.enum(['dead-letters', 'retries', 'parked']) });
const STREAM = z.object({
  account: z.guid().toLowerCase().optional(),
  since: z.coerce.number().int().nonnegative().catch(0),
});

/** `/console` and what the page asks for. Reads only: there is no other method than GET. */
export function consoleRoutes(options: ConsoleRoutesOptions): (server: FastifyInstance) => Promise<void> {
  const { assets } = options;
  const asset = (reply: FastifyReply, name: string): FastifyReply => {
    const found = assets.get(name);
    if (found === undefined) return reply.code(404).send({ error: 'there is no such file' });
    return reply.type(found.type).header('cache-control', 'no-cache').send(found.body);
  };
  return async (server) => {
    await server.register((console, _options, done) => {
      console.addHook('onRequest', (request, reply, next) => {
        void reply.headers(HEADERS);
        if (request.url.startsWith('/console/enter') || options.access.mayRead(request)) next();
        else void reply.code(403).send({ error: REFUSED });
      });
      console.setErrorHandler((error, _request, reply) => answerError(reply, error));
      console.get('/console/enter', (request, reply) => enter(options.access, request, reply));
      console.get('/console', (_request, reply) => asset(reply, 'index.html'));
      console.get('/console/', (_request, reply) => reply.redirect('/console'));
      console.get('/console/assets/:name', (request, reply) =>
        asset(reply, z.object({ name: z.string() }).parse(request.params).name),
      );
      apiRoutes(console, options);
      done();
    });
  };
}

const REFUSED =
  'Only this machine may read here. From elsewhere set CONSOLE_TOKEN and open the link that `paygate console` prints.';

function apiRoutes(server: FastifyInstance, options: ConsoleRoutesOptions): void {
  const source = (): ConsoleSource => {
    const found = options.source();
    if (found === null) throw new NotYet();
    return found;
  };
  server.get('/console/api/stream', (request, reply) => stream(source(), request, reply));
  server.get('/console/api/account/:id', async (request, reply) => {
    const page = await source().account(UUID.parse(request.params).id);
    return page ?? reply.code(404).send({ error: 'There is no such account.' });
  });
  server.get('/console/api/account/:id/steps', async (request, reply) => {
    const { id } = UUID.parse(request.params);
    const address = await source().ownerAddress(id);
    if (address === null) return reply.code(404).send({ error: 'Its owner is not known.' });
    const { token, tls } = options;
    await forwardSteps({ address, accountId: id, token, tls, request, reply, headers: HEADERS });
    return reply;
  });
  server.get('/console/api/transaction/:id', (request) =>
    source().transaction(UUID.parse(request.params).id),
  );
  server.get('/console/api/:list', (request) => source().waiting(LIST.parse(request.params).list));
}

class NotYet extends Error {
  constructor() {
    super('The node is starting: its ledger is not open yet.');
  }
}

async function answerError(reply: FastifyReply, thrown: unknown): Promise<void> {
  const error = ensureError(thrown);
  if (error instanceof z.ZodError) await reply.code(400).send({ error: 'That is no id.' });
  else if (error instanceof NotYet) await reply.code(503).send({ error: error.message });
  else await reply.code(503).send({ error: `The ledger could not be read: ${error.message}` });
}

function enter(access: Access, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { ticket } = z.object({ ticket: z.string().max(300).catch('') }).parse(request.query);
  const cookie = access.enter(request, ticket);
  if (cookie === null && !access.mayRead(request))
    return reply.code(403).send({ error: 'This link was used, is too old, or is of another node.' });
  if (cookie !== null) void reply.header('set-cookie', cookie);
  return reply.redirect('/console', 303);
}

/** Nothing is told before there is a place: a 503 lets the page try again later. */
function stream(source: ConsoleSource, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { account, since } = STREAM.parse(request.query);
  const lastId = Number(request.headers['last-event-id'] ?? 0);
  let leave: (() => void) | null = null;
  const viewer = {
    since: Number.isSafeInteger(lastId) && lastId > 0 ? lastId : since,
    accountId: account ?? null,
    send: (name: string, data: unknown, second: number): void => events.send(name, data, String(second)),
  };
  if (source.feed.isFull) return reply.code(503).send({ error: 'Too many pages are open.' });
  const events = openEventStream(reply, HEADERS, () => leave?.());
  leave = source.feed.add(viewer);
  return reply;
}
