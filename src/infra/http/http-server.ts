import fastify from 'fastify';
import type { IntakePause } from '../../ports/cluster.ts';

export type Readiness = 'starting' | 'ready' | 'degraded' | 'draining' | 'stopped';

/** What `/readyz` answers. */
export interface NodeStatus {
  readonly status: Readiness;
  /** Whether work is being done: false answers 503. */
  readonly serving: boolean;
  readonly node: string;
  /** State of each server that the node depends on. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** An operator has paused intake in the whole cluster; null: no. */
  readonly paused: IntakePause | null;
}

export interface HttpOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly status: () => NodeStatus;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

export interface HttpServer {
  /** Base URL, with the port that was taken. */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts `/livez`, `/readyz` and `/metrics`. Rejects when the port is taken. */
export async function startHttpServer({ host, port, status, metrics }: HttpOptions): Promise<HttpServer> {
  const server = fastify({ forceCloseConnections: true });
  server.get('/livez', () => ({ status: 'alive' }));
  server.get('/readyz', (_request, reply) => {
    const current = status();
    return reply.code(current.serving ? 200 : 503).send(current);
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
  const address = await server.listen({ host, port });
  return { address, close: () => server.close() };
}
