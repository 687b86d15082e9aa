import fastify from 'fastify';
import type { FastifyReply } from 'fastify';
import { isWireMessage, type StreamMessage, type StreamNote } from '../../contracts/inspection.ts';
import { Access } from '../../infra/http/access.ts';
import { openEventStream, type EventStream } from '../../infra/http/event-stream.ts';
import { Backlog } from './backlog.ts';
import { BRIDGE_CSS, bridgeHtml, bridgeScript } from './bridge-page.ts';

export interface BridgeOptions {
  /** 0 = any free port. */
  readonly port: number;
  /** Where the official inspector is hosted. */
  readonly inspectorUrl: string;
  /** What the page points to when that does not answer. */
  readonly consoleUrl: string;
}

export interface Bridge {
  readonly address: string;
  show(message: StreamMessage): void;
  /** For the person at the page. */
  say(text: string): void;
  close(): Promise<void>;
}

/** The official one: closed source, there is no other place for it. */
export const INSPECTOR_URL = 'https://stately.ai/inspect';

const PAGES_MAX = 5;

/**
 * Serves a page on this machine that shows messages in the hosted inspector: it runs in a frame and is told by `postMessage`.
 * Nothing but these messages leaves the machine. Rejects when the port is taken.
 */
export async function startBridge({ port, inspectorUrl, consoleUrl }: BridgeOptions): Promise<Bridge> {
  const access = new Access({ token: null, now: () => Date.now() });
  const backlog = new Backlog();
  const pages = new Set<EventStream>();
  const server = fastify({ forceCloseConnections: true });
  const { origin } = new URL(inspectorUrl);
  const headers = {
    'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src ${origin}; frame-ancestors 'none'; base-uri 'none'`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
  server.addHook('onRequest', async (request, reply) => {
    if (!access.mayRead(request)) await reply.code(401).send({ error: 'not for you' });
  });
  const serve = (path: string, type: string, text: string): void => {
    server.get(path, (_request, reply) => reply.headers(headers).type(type).send(text));
  };
  serve('/', 'text/html; charset=utf-8', bridgeHtml(inspectorUrl));
  serve('/bridge.css', 'text/css; charset=utf-8', BRIDGE_CSS);
  serve('/bridge.js', 'text/javascript; charset=utf-8', bridgeScript(inspectorUrl, consoleUrl));
  server.get('/events', (_request, reply: FastifyReply) => {
    if (pages.size >= PAGES_MAX) return reply.code(503).send({ error: 'too many pages' });
    const page: EventStream = openEventStream(reply, headers, () => pages.delete(page));
    for (const message of backlog.all()) page.send('wire', message, '');
    pages.add(page);
    return reply;
  });
  const say = (text: string): void => {
    for (const page of pages) page.send('note', text, '');
  };
  const address = await server.listen({ host: '127.0.0.1', port });
  return {
    address,
    say,
    show: (message) => {
      backlog.add(message);
      if (!isWireMessage(message)) say(describeNote(message));
      else for (const page of pages) page.send('wire', message, '');
    },
    close: () => server.close(),
  };
}

export function describeNote(note: StreamNote): string {
  switch (note.type) {
    case 'paygate.live':
      return `Account ${note.accountId} is active on ${note.node}.`;
    case 'paygate.inactive':
      return `Account ${note.accountId} is not active; its next command starts it on ${note.node}.`;
    case 'paygate.elsewhere':
      return note.owner === null
        ? `Account ${note.accountId} has left ${note.node}; nobody owns it yet.`
        : `Account ${note.accountId} has moved to ${note.owner}.`;
    case 'paygate.leftOut':
      return `Account ${note.accountId} is fast: ${note.count} messages were left out.`;
  }
}
