import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { Access } from '../infra/http/access.ts';
import { startHttpServer } from '../infra/http/http-server.ts';
import type { HttpServer, NodeStatus } from '../infra/http/http-server.ts';
import { toldAddress } from '../infra/http/told-address.ts';
import type { PrometheusMetrics } from '../infra/metrics.ts';
import type { ToldAddress } from '../ports/cluster.ts';
import type { Clock, Logger, Random } from '../ports/runtime.ts';
import type { NodeIdentity } from './identity.ts';
import type { NodeRuntime } from './node-runtime.ts';
import type { Observation } from './observation.ts';
import { readBalance } from './read-balance.ts';

export interface AdminOptions {
  readonly config: Config;
  readonly identity: NodeIdentity;
  readonly runtime: NodeRuntime;
  readonly observation: Observation;
  /** null: switched off. */
  readonly metrics: PrometheusMetrics | null;
  readonly status: () => NodeStatus;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Who looks at this node, in one piece: routes to add, what to do once they are there, and at the end. */
interface Looking {
  readonly routes: readonly ((server: FastifyInstance) => Promise<void>)[];
  start(address: string): void;
  close(): Promise<void>;
}

const NOBODY_LOOKS: Looking = { routes: [], start: () => undefined, close: () => Promise.resolve() };

/** A server and what others are told of it. */
export interface Admin extends HttpServer {
  /** For people and other nodes. */
  readonly told: ToldAddress;
}

/** The admin port: health, metrics, balances, and the console where it is switched on. Rejects when the port is taken. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { config, identity, runtime, observation, metrics, status, clock } = options;
  const { httpHost: host, httpAdvertisedUrl: advertised, httpPeerUrl: peerUrl, consoleToken: token } = config;
  const scheme = config.httpTls.server === null ? 'http' : 'https';
  const ownUrls = [advertised, peerUrl].filter((url) => url !== null);
  const access = new Access({ token, ownUrls, scheme, now: () => clock.now() });
  const looking = config.features.has('console') ? await loadLooking(options, access) : NOBODY_LOOKS;
  const http = await startHttpServer({
    host,
    port: config.httpPort,
    tls: config.httpTls.server,
    status,
    figures: () => observation.health(),
    metrics,
    access,
    peerUrl,
    readBalance: (accountId) => readBalance(runtime, identity, accountId),
    routes: looking.routes,
  });
  looking.start(http.address);
  const address = toldAddress({ host, listening: http.address, advertised, token });
  return {
    address: http.address,
    told: { address, peerAddress: peerUrl ?? undefined },
    close: async () => {
      await Promise.all([looking.close(), http.close()]);
    },
  };
}

async function loadLooking(options: AdminOptions, access: Access): Promise<Looking> {
  const { config, identity, runtime, observation, status, clock, random, logger } = options;
  const [{ NodeConsole }, { nodeInspection }] = await Promise.all([
    import('./node-console.ts'),
    import('./node-inspection.ts'),
  ]);
  const inspection = nodeInspection({ nodeId: config.nodeId, access, runtime, clock, logger });
  const console = new NodeConsole({
    ...{ config, identity, clock, random, logger, access },
    totals: () => observation.figures.totals(),
    parts: () => runtime.parts,
    status: () => status().status,
  });
  return {
    routes: [inspection.routes, await console.routes()],
    start: (address) => console.start(address),
    close: () => {
      inspection.close();
      return console.close();
    },
  };
}
