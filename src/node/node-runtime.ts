import type { Config } from '../config.ts';
import type { LogLevel } from '../contracts/log-levels.ts';
import { ClusterRefusal } from '../infra/postgres/cluster.ts';
import type { SystemClock } from '../infra/system-clock.ts';
import { within } from '../infra/within.ts';
import { LIMITS } from '../limits.ts';
import type { NodeSteps } from '../machines/node-machine.ts';
import type { ToldAddress } from '../ports/cluster.ts';
import type { Logger, Metrics, Random } from '../ports/runtime.ts';
import type { Tracing } from '../ports/tracing.ts';
import { closeAll, ledgerConnections } from './connections.ts';
import type { LedgerConnections } from './connections.ts';
import type { Dependencies } from './health-probe.ts';
import type { OpenCache, OpenEvents, OpenWebhooks } from './features.ts';
import type { NodeIdentity } from './identity.ts';
import { NodeParts } from './node-parts.ts';
import { openLedger } from './open-ledger.ts';
import type { NodeWebhooks } from './webhooks.ts';

export interface RuntimeOptions {
  readonly config: Config;
  readonly identity: NodeIdentity;
  /** Base URL of our admin port, for others; asked when the ledger is open. */
  readonly adminAddress: () => ToldAddress;
  readonly clock: SystemClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** null: it is off. */
  readonly tracing: Tracing | null;
  readonly openCache: OpenCache;
  readonly openEvents: OpenEvents;
  readonly openWebhooks: OpenWebhooks;
  readonly onHealth: (healthy: boolean) => void;
  /** An operator lets the node drain. */
  readonly onDrain: () => void;
  readonly onLogLevel: (level: LogLevel) => void;
  /** This node must not work with these servers. */
  readonly onRefused: (error: Error) => void;
}

const NOT_YET: Dependencies = { postgresql: 'connecting', rabbitmq: 'down', redis: 'down' };

/**
 * Does the steps of a node's life. The statechart of the node says which comes when.
 *
 * Owns every connection and every part of the node, from `openLedger` to `close`.
 */
export class NodeRuntime implements NodeSteps {
  readonly #options: RuntimeOptions;
  readonly #ledger: LedgerConnections;
  readonly #unwanted = new AbortController();
  /** null: switched off. */
  readonly #webhooks: NodeWebhooks | null;
  #parts: NodeParts | null = null;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#ledger = ledgerConnections(options);
    this.#webhooks = options.openWebhooks?.(options) ?? null;
  }

  /** null before the ledger is open. */
  get parts(): NodeParts | null {
    return this.#parts;
  }

  get ledger(): LedgerConnections {
    return this.#ledger;
  }

  dependencies(): Dependencies {
    return this.#parts?.probe.dependencies() ?? NOT_YET;
  }

  async openLedger(): Promise<void> {
    const { config, clock, logger, onRefused } = this.#options;
    const { signal } = this.#unwanted;
    const clusterId = await openLedger({ pool: this.#ledger.pool, config, clock, logger, signal });
    signal.throwIfAborted();
    const onOtherCluster = (): void =>
      onRefused(
        new ClusterRefusal(
          'other-cluster',
          'this Redis serves a cluster that works on another database: give each cluster a Redis (or a Redis database) of its own, see REDIS_URL',
        ),
      );
    this.#parts = new NodeParts({
      ...this.#options,
      ledger: this.#ledger,
      webhooks: this.#webhooks?.recorder ?? null,
      ...{ clusterId, onOtherCluster },
    });
    if (config.features.has('rules')) await this.#parts.supervision.rules.load();
    await this.#webhooks?.load();
  }

  async join(): Promise<void> {
    const { supervision, probe, tick, servers, sweeper, sealer } = this.#mustHaveParts();
    if (this.#options.config.features.has('rules')) supervision.rules.start();
    supervision.outbox.start();
    this.#webhooks?.start();
    supervision.region.startSweeping();
    supervision.orphans.start();
    const begun = servers.inbox.ready().then(() => tick.start());
    // Closed before it was up: nothing has begun.
    begun.catch(() => undefined);
    const patienceMs = LIMITS.intakePatienceMs + this.#options.config.clusterGraceMs;
    const inTime = await within(patienceMs, () => Promise.all([tick.placed(), probe.start()]));
    const { logger } = this.#options;
    if (inTime) logger.info({ shards: supervision.shards.owned().length }, 'joined the cluster');
    else logger.warn({ ...probe.dependencies() }, 'not everything is there yet; going on, still trying');
    supervision.retries.start();
    sweeper.start();
    sealer.start();
  }

  async leave(): Promise<void> {
    const { supervision, tick, sweeper } = this.#mustHaveParts();
    await Promise.all([sweeper.stop(), this.#webhooks?.stop(), supervision.retries.stop()]);
    this.#options.logger.info({ in_flight: supervision.inFlight.count }, 'leaving: finishing what was read');
    await tick.drain();
  }

  async flush(): Promise<void> {
    const { servers, supervision } = this.#mustHaveParts();
    const { outbox, writer, events } = supervision;
    const showing = servers.cache.generation() !== null;
    const telling = events?.isOpen ?? true;
    if (showing && telling) {
      await outbox.drain();
      return;
    }
    const fields = { balances: writer.pendingCount, events: events?.waitingCount ?? 0, showing, telling };
    this.#options.logger.warn(
      fields,
      'the balance cache or the broker is away: what is left is left to another node',
    );
    if (showing) await outbox.drainOnly('balances');
    if (telling) await outbox.drainOnly('events');
  }

  async close(): Promise<void> {
    this.#unwanted.abort(new Error('the node was stopped while it started'));
    this.#parts?.stop();
    await Promise.all([closeAll(this.#ledger, this.#parts?.servers ?? null), this.#webhooks?.close()]);
    this.#options.clock.stop();
  }

  #mustHaveParts(): NodeParts {
    if (this.#parts === null) throw new Error('the ledger is not open');
    return this.#parts;
  }
}
