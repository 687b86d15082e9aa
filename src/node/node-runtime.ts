import type { Config } from '../config.ts';
import { INBOUND_QUEUES } from '../contracts/queues.ts';
import type { PrometheusMetrics } from '../infra/metrics.ts';
import type { SystemClock } from '../infra/system-clock.ts';
import { within } from '../infra/within.ts';
import { LIMITS } from '../limits.ts';
import type { NodeSteps } from '../machines/node-machine.ts';
import type { Subscription } from '../ports/broker.ts';
import type { Logger, Random } from '../ports/runtime.ts';
import { closeAll, ledgerConnections, linkServers } from './connections.ts';
import type { ConnectionsOptions, LedgerConnections, LinkedServers } from './connections.ts';
import { HealthProbe } from './health-probe.ts';
import type { Dependencies } from './health-probe.ts';
import type { NodeIdentity } from './identity.ts';
import { openLedger } from './open-ledger.ts';
import { supervise } from './supervision.ts';
import type { Supervision } from './supervision.ts';

export interface RuntimeOptions {
  readonly config: Config;
  readonly identity: NodeIdentity;
  readonly clock: SystemClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  readonly onHealth: (healthy: boolean) => void;
  readonly onFenced: () => void;
}

/** What is there once the ledger is open. */
interface Works {
  readonly servers: LinkedServers;
  readonly supervision: Supervision;
  readonly probe: HealthProbe;
}

const ALL_SHARDS = Array.from({ length: LIMITS.shardCount }, (_, shard) => shard);
const NOT_YET: Dependencies = { postgresql: 'connecting', rabbitmq: 'down', redis: 'down' };

/**
 * Does the steps of a node's life. The statechart of the node says which comes when.
 *
 * Owns every connection and every part of the node, from `openLedger` to `close`.
 */
export class NodeRuntime implements NodeSteps {
  readonly #options: RuntimeOptions;
  readonly #ledger: LedgerConnections;
  readonly #subscriptions: Subscription[] = [];
  readonly #unwanted = new AbortController();
  #works: Works | null = null;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#ledger = ledgerConnections(options);
  }

  get supervision(): Supervision | null {
    return this.#works?.supervision ?? null;
  }

  dependencies(): Dependencies {
    return this.#works?.probe.dependencies() ?? NOT_YET;
  }

  async openLedger(): Promise<void> {
    const { config, clock, logger } = this.#options;
    const { signal } = this.#unwanted;
    await openLedger({ pool: this.#ledger.pool, config, clock, logger, signal });
    const epochs = await this.#ledger.shards.takeOver(ALL_SHARDS);
    signal.throwIfAborted();
    if (epochs.size < ALL_SHARDS.length) {
      throw new Error(
        `another node took ${ALL_SHARDS.length - epochs.size} shards of this database at the same moment: one node per database`,
      );
    }
    const works = this.#assemble();
    this.#works = works;
    works.supervision.shards.own(epochs);
    logger.info({ shards: epochs.size }, 'took the shards');
  }

  async openIntake(): Promise<void> {
    const { supervision, probe } = this.#mustWork();
    supervision.outbox.start();
    supervision.region.startSweeping();
    const allUp = Promise.all(INBOUND_QUEUES.map((queue) => this.#consume(queue)));
    const inTime = await within(LIMITS.intakePatienceMs, () => Promise.all([allUp, probe.start()]));
    const { logger } = this.#options;
    if (!inTime)
      logger.warn({ ...probe.dependencies() }, 'not every server is there yet; going on, still trying');
    supervision.retries.start();
  }

  async finish(): Promise<void> {
    const { servers, supervision } = this.#mustWork();
    supervision.ingest.close();
    await Promise.all([
      supervision.retries.stop(),
      ...this.#subscriptions.map((subscription) => subscription.quiesce()),
    ]);
    this.#options.logger.info({ in_flight: supervision.inFlight.count }, 'intake stopped, finishing');
    await supervision.inFlight.empty();
    await servers.inbound.close();
  }

  async flush(): Promise<void> {
    const { servers, supervision } = this.#mustWork();
    if (servers.cache.generation() === null) {
      const fields = { balances: supervision.writer.pendingCount };
      this.#options.logger.warn(fields, 'the balance cache is away: its balances are left to the next start');
    } else {
      await supervision.outbox.drain();
    }
    await this.#ledger.shards.release(supervision.shards.owned());
  }

  async close(): Promise<void> {
    this.#unwanted.abort(new Error('the node was stopped while it started'));
    this.#works?.probe.stop();
    this.#works?.supervision.ingest.close();
    this.#works?.supervision.region.shutDown();
    await closeAll(this.#ledger, this.#works?.servers ?? null);
    this.#options.clock.stop();
  }

  #assemble(): Works {
    const { config, clock, random, logger, metrics, onHealth, onFenced } = this.#options;
    const options: ConnectionsOptions = this.#options;
    const servers = linkServers(options);
    const supervision = supervise(
      { ...this.#ledger, ...servers, clock, random, logger, metrics },
      config,
      (shard) => {
        logger.error({ shard }, 'another node has taken this shard: there must be one node per database');
        onFenced();
      },
    );
    const onQueueDepth = metrics.queueDepth.bind(metrics);
    const { pool } = this.#ledger;
    const probe = new HealthProbe({ pool, servers, clock, logger, onQueueDepth, onHealth });
    return { servers, supervision, probe };
  }

  async #consume(queue: (typeof INBOUND_QUEUES)[number]): Promise<void> {
    const { servers, supervision } = this.#mustWork();
    const { onDelivery } = supervision.ingest;
    const windowMax = this.#options.config.intakeWindowMax;
    this.#subscriptions.push(await servers.inbound.consume({ queue, windowMax, onDelivery }));
  }

  #mustWork(): Works {
    if (this.#works === null) throw new Error('the ledger is not open');
    return this.#works;
  }
}
