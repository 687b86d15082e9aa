import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { addBalanceRoute } from './balance-route.ts';
import type { BalanceRouteOptions } from './balance-route.ts';
import { addHealthRoutes } from './health-routes.ts';
import type { HealthOptions } from './health-routes.ts';

export type { HealthFigures, NodeStatus, Readiness } from './health-routes.ts';

export interface HttpOptions extends HealthOptions, BalanceRouteOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
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
  const { host, port, metrics, routes = [] } = options;
  const server = fastify({ forceCloseConnections: true });
  addHealthRoutes(server, options);
  addBalanceRoute(server, options);
  if (metrics !== null) {
    server.get('/metrics', async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    );
  }
  for (const addTo of routes) await addTo(server);
  const address = await server.listen({ host, port });
  return { address, close: () => server.close() };
}
