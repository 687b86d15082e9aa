import type pg from 'pg';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import type { AccountNote } from '../contracts/console.ts';
import { shardOf } from '../domain/shard.ts';
import { ClusterWatch } from '../infra/console/cluster-watch.ts';
import { ConsoleFeed } from '../infra/console/console-feed.ts';
import { accountPage, transactionPage, waitingRows } from '../infra/console/pages.ts';
import type { Access } from '../infra/http/access.ts';
import { readConsoleAssets } from '../infra/http/console-assets.ts';
import { consoleRoutes, type ConsoleSource } from '../infra/http/console-routes.ts';
import type { FigureTotals } from '../infra/node-figures.ts';
import { readShardOwner } from '../infra/postgres/cluster-view.ts';
import { connectionName, createPool } from '../infra/postgres/pool.ts';
import { FigureBoard } from '../infra/redis/figure-board.ts';
import { within } from '../infra/within.ts';
import { LIMITS } from '../limits.ts';
import type { Clock, Logger, Random } from '../ports/runtime.ts';
import { noteOf } from '../supervisor/mailbox-survey.ts';
import { FigureMeter } from './figure-meter.ts';
import type { NodeIdentity } from './identity.ts';
import type { NodeParts } from './node-parts.ts';

export interface NodeConsoleOptions {
  readonly config: Config;
  readonly identity: NodeIdentity;
  readonly totals: () => FigureTotals;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: Access;
  /** null before the ledger is open. */
  readonly parts: () => NodeParts | null;
  readonly status: () => string;
}

/**
 * The console of a node: its own figures, what it reads of the cluster, and the routes that answer.
 *
 * Owns connections of its own to PostgreSQL and Redis, so that looking never waits in front of deciding.
 */
export class NodeConsole {
  readonly #options: NodeConsoleOptions;
  readonly #pool: pg.Pool;
  readonly #board: FigureBoard;
  readonly #meter: FigureMeter;
  readonly #feed: ConsoleFeed;
  #address = '';

  constructor(options: NodeConsoleOptions) {
    const { config, identity, clock, random, logger } = options;
    const { nodeId, incarnation } = identity;
    this.#options = options;
    this.#pool = createPool(
      {
        databaseUrl: config.databaseUrl,
        applicationName: connectionName(nodeId, incarnation, 'console'),
        connectionsMax: LIMITS.consoleConnections,
        access: 'read-only',
        connectTimeoutMs: LIMITS.consoleStatementTimeoutMs,
        statementTimeoutMs: LIMITS.consoleStatementTimeoutMs,
      },
      logger,
    );
    this.#board = new FigureBoard({
      ...{ url: config.redisUrl, name: `paygate/${nodeId}`, logger, random },
      queues: config.inboundQueues.map(({ name }) => name),
    });
    this.#meter = new FigureMeter({ ...options, board: this.#board });
    const watch = new ClusterWatch({
      ...{ nodeId, incarnation, clock },
      pool: this.#pool,
      board: this.#board,
      own: this.#meter,
    });
    this.#feed = new ConsoleFeed({
      look: () => watch.look(),
      account: (accountId) => this.#account(accountId),
      clock,
      logger,
    });
  }

  async routes(): Promise<(server: FastifyInstance) => Promise<void>> {
    const { config, access, logger, parts } = this.#options;
    const source: ConsoleSource = {
      feed: this.#feed,
      account: (accountId) => this.#account(accountId),
      transaction: (transactionId) => transactionPage(this.#pool, transactionId),
      waiting: (list) => waitingRows(this.#pool, list),
      ownerAddress: (accountId) => this.#ownerAddress(accountId),
    };
    return consoleRoutes({
      access,
      assets: await readConsoleAssets(logger),
      source: () => (parts() === null ? null : source),
      token: config.consoleToken,
      tls: config.httpTls.client,
      logger,
    });
  }

  /** @param address base URL where we reach our own admin port. */
  start(address: string): void {
    this.#address = address;
    this.#meter.start();
  }

  /** Within `closeTimeoutMs`; never rejects. */
  async close(): Promise<void> {
    this.#feed.stop();
    this.#meter.stop();
    // A server that stands still must not keep the node.
    await within(LIMITS.closeTimeoutMs, () => Promise.all([this.#board.close(), this.#pool.end()]));
  }

  #account(accountId: string): ReturnType<typeof accountPage> {
    return accountPage(this.#pool, accountId, (id) => this.#liveOf(id));
  }

  #liveOf(accountId: string): AccountNote | null {
    const { parts, clock } = this.#options;
    const actor = parts()?.supervision.region.actorOf(accountId);
    return actor === undefined ? null : noteOf(actor, clock.now());
  }

  async #ownerAddress(accountId: string): Promise<string | null> {
    const owner = await readShardOwner(this.#pool, shardOf(accountId, LIMITS.shardCount));
    if (owner === null) return null;
    const { parts, identity } = this.#options;
    if (owner.incarnation === identity.incarnation) return this.#address;
    return parts()?.tick.addressOf(owner.incarnation)?.peerAddress ?? null;
  }
}
