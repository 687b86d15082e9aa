import type { WebhookRecorder } from '../ports/webhooks.ts';
import { Sealer } from '../supervisor/sealer.ts';
import { linkServers } from './connections.ts';
import type { LedgerConnections, LinkedServers } from './connections.ts';
import { HealthProbe } from './health-probe.ts';
import { NodeCore } from './node-core.ts';
import type { RuntimeOptions } from './node-runtime.ts';

export interface PartsOptions extends RuntimeOptions {
  readonly ledger: LedgerConnections;
  /** null: no webhooks. */
  readonly webhooks: WebhookRecorder | null;
  readonly clusterId: string;
  readonly onOtherCluster: () => void;
}

/** What there is once the ledger is open: the core of a node between real servers, and who looks after those. Nothing has begun yet. */
export class NodeParts extends NodeCore<LinkedServers> {
  readonly probe: HealthProbe;
  readonly sealer: Sealer;

  constructor(options: PartsOptions) {
    super({ ...options, link: (events) => linkServers(options, options.clusterId, events) });
    const { config, clock, logger, metrics, ledger, onHealth } = options;
    this.sealer = new Sealer({
      store: ledger.seals,
      intervalMs: config.sealIntervalMs,
      clock,
      metrics,
      logger,
    });
    this.probe = new HealthProbe({
      pool: ledger.pool,
      servers: this.servers,
      inbound: config.inboundQueues.map(({ name }) => name),
      clock,
      logger,
      onQueueDepth: metrics.queueDepth.bind(metrics),
      onHealth,
    });
  }

  override stop(): void {
    super.stop();
    this.probe.stop();
    this.sealer.stop();
  }
}
