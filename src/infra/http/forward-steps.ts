import { Readable } from 'node:stream';
import type { HttpTls } from '../../config/http-tls.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { peerFetch } from './peer-fetch.ts';

export interface ForwardStepsOptions {
  /** Base URL of the owner; it may be our own. */
  readonly address: string;
  readonly accountId: string;
  readonly token: string | null;
  /** For an owner behind TLS. */
  readonly tls: HttpTls['client'];
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Passes the live steps of an account on from the node that owns it: a page reads from one origin only. Ends when either side
 * does. An owner that does not answer is a 502.
 */
export async function forwardSteps(options: ForwardStepsOptions): Promise<void> {
  const { address, accountId, token, tls, request, reply, headers } = options;
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const lastId = request.headers['last-event-id'];
  const init = {
    signal: gone.signal,
    headers: {
      accept: 'text/event-stream',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(typeof lastId === 'string' ? { 'last-event-id': lastId } : {}),
    },
  };
  const url = new URL(`${address}/inspect/${accountId}/events`);
  const answer = await peerFetch(url, init, tls).catch(() => null);
  if (answer?.ok !== true || answer.body === null) {
    const error = answer === null ? 'Its owner does not answer.' : 'Its owner shows no steps.';
    await reply.code(answer?.status === 503 ? 503 : 502).send({ error });
    return;
  }
  reply.hijack();
  reply.raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  const body = Readable.fromWeb(answer.body);
  // An owner that goes ends the page's stream in good order, and the page comes again by itself.
  body.once('error', () => reply.raw.end());
  body.pipe(reply.raw);
}
