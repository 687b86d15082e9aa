import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { operatorName } from '../../contracts/order-mail.ts';
import type { Logger } from '../../ports/runtime.ts';
import type { Admission } from '../inspection/inspection-desk.ts';
import type { Viewer } from '../inspection/live-accounts.ts';
import type { Access } from './access.ts';
import { openEventStream, type EventStream } from './event-stream.ts';

export interface InspectRoutesOptions {
  readonly access: Pick<Access, 'mayRead'>;
  readonly desk: { open(accountId: string, viewer: Viewer, lastEventId: string | null): Admission };
  /** Keeps that somebody began to look. Rejects with the driver's error. */
  readonly keep: (entry: { readonly operator: string; readonly accountId: string }) => Promise<void>;
  readonly logger: Logger;
}

const HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const REFUSALS = {
  'too-many-accounts': 'too many accounts of this node are being looked at: close another one',
  'not-ready': 'this node is still starting',
  'too-many-viewers': 'too many are looking at accounts of this node: try again later',
} as const;

const ACCOUNT = z.object({ accountId: z.guid().toLowerCase() });

/** Who looks, as the CLI says it; names travel percent-encoded. */
const OPERATOR_HEADER = 'x-paygate-operator';

/**
 * Adds `GET /inspect/<account id>/events`: server-sent events, each a `StreamMessage`, resumed by `Last-Event-ID`. 401 for
 * whoever may not read, 400 for what is no account id, 503 where too many look already.
 */
export function inspectRoutes(options: InspectRoutesOptions): (server: FastifyInstance) => Promise<void> {
  return (server) => {
    server.get('/inspect/:accountId/events', (request, reply) => answer(options, request, reply));
    return Promise.resolve();
  };
}

function answer(
  { access, desk, keep, logger }: InspectRoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  if (!access.mayRead(request)) return reply.code(401).headers(HEADERS).send({ error: 'not for you' });
  const account = ACCOUNT.safeParse(request.params);
  if (!account.success) return reply.code(400).headers(HEADERS).send({ error: 'that is no account id' });
  const { accountId } = account.data;
  const line = new LateStream();
  const admission = desk.open(accountId, line, lastEventIdOf(request));
  if (admission.kind === 'refused')
    return reply.code(503).headers(HEADERS).send({ error: REFUSALS[admission.reason] });
  line.open(openEventStream(reply, HEADERS, () => admission.close()));
  if (admission.how === 'resumed') return reply;
  const entry = { operator: operatorOf(request), accountId };
  keep(entry).catch((error: unknown) => {
    // Looking changes nothing, and is needed most when something is away.
    logger.warn(
      { err: error, operator: entry.operator, account_id: accountId },
      'looked at, not kept in the operator log',
    );
  });
  return reply;
}

/** Holds what is said before the answer has begun. */
class LateStream implements Viewer {
  #stream: EventStream | null = null;
  #waiting: Parameters<Viewer['send']>[] = [];

  open(stream: EventStream): void {
    this.#stream = stream;
    for (const [id, message] of this.#waiting.splice(0)) this.send(id, message);
  }

  send(...said: Parameters<Viewer['send']>): void {
    const [id, message] = said;
    if (this.#stream === null) this.#waiting.push(said);
    else this.#stream.send('message', message, id);
  }

  end(): void {
    this.#stream?.end();
  }
}

function lastEventIdOf({ headers }: FastifyRequest): string | null {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : null;
}

function operatorOf({ headers, ip }: FastifyRequest): string {
  const named = headers[OPERATOR_HEADER];
  const name = typeof named === 'string' ? operatorName.safeParse(decoded(named)) : null;
  return name?.success === true ? name.data : `http:${ip}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded: nobody's name.
    return '';
  }
}
