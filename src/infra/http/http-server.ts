import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { readFileSync } from 'node:fs';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { HttpTls } from '../../config/http-tls.ts';
import { LIMITS } from '../../limits.ts';
import type { Access } from './access.ts';
import { addBalanceRoute } from './balance-route.ts';
import type { BalanceRouteOptions } from './balance-route.ts';
import { addHealthRoutes } from './health-routes.ts';
import type { HealthOptions } from './health-routes.ts';

export type { HealthFigures, NodeStatus, Readiness } from './health-routes.ts';

export interface HttpOptions extends HealthOptions, BalanceRouteOptions {
  readonly access: Pick<Access, 'mayRead' | 'isBarred'>;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** null: plain HTTP. */
  readonly tls: HttpTls['server'];
  /** null: switched off. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> } | null;
  /** Further routes. */
  readonly routes?: readonly ((server: FastifyInstance) => Promise<void>)[];
}

export interface HttpServer {
  /** Base URL, with the port that was taken. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts `/livez`, `/readyz`, `/healthz`, `/metrics` and `/accounts/<id>/balance`. Rejects when the port is taken. */
export async function startHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { host, port, tls, metrics, routes = [] } = options;
  const server = newServer(tls);
  refuseGuessers(server, options.access);
  addHealthRoutes(server, options);
  addBalanceRoute(server, options);
  if (metrics !== null) {
    server.get('/metrics', async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    );
  }
  for (const addTo of routes) await addTo(server);
  const listening = await server.listen({ host, port });
  const address = tls === null ? listening : listening.replace(/^http:/, 'https:');
  return { address, close: () => server.close() };
}

/** Whoever brings a secret and guessed wrong too often is not asked. Who brings none gets what is open to all. */
function refuseGuessers(server: FastifyInstance, access: HttpOptions['access']): void {
  server.addHook('onRequest', (request, reply, next) => {
    const { authorization, cookie } = request.headers;
    const brings = authorization ?? cookie ?? (request.url.includes('ticket=') ? 'a ticket' : undefined);
    if (brings === undefined || !access.isBarred(request)) return next();
    void reply
      .code(429)
      .header('retry-after', LIMITS.httpGuessWindowMs / 1_000)
      .send({ error: 'too many wrong tokens from this address' });
  });
}

/** What a stranger can make grow has an end: connections, headers, the time a request takes to arrive; a body is never wanted. */
function newServer(tls: HttpTls['server']): FastifyInstance {
  const limits = {
    maxHeaderSize: LIMITS.httpHeaderBytesMax,
    headersTimeout: LIMITS.httpRequestTimeoutMs,
    requestTimeout: LIMITS.httpRequestTimeoutMs,
  };
  return fastify({
    forceCloseConnections: true,
    bodyLimit: LIMITS.httpBodyBytesMax,
    serverFactory: (handler) => {
      const server =
        tls === null
          ? createServer(limits, handler)
          : createSecureServer({ ...limits, ...secured(tls) }, handler);
      server.maxConnections = LIMITS.httpConnectionsMax;
      return server;
    },
  });
}

function secured({ certFile, keyFile, clientCaFile }: NonNullable<HttpTls['server']>) {
  return {
    minVersion: 'TLSv1.2',
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(clientCaFile === null
      ? {}
      : { ca: readFileSync(clientCaFile), requestCert: true, rejectUnauthorized: true }),
  } as const;
}
