import type { InboundQueue, SourceQueue } from '../contracts/queues.ts';
import type { ReturnMeaning } from '../ports/cluster.ts';
import type { Metrics } from '../ports/runtime.ts';
import type { WebhookRecorder } from '../ports/webhooks.ts';
import { ClusterTick } from '../supervisor/cluster/cluster-tick.ts';
import { forwardMail } from '../supervisor/cluster/forward-mail.ts';
import { Intakes } from '../supervisor/cluster/intakes.ts';
import { Sweeper } from '../supervisor/sweep/sweeper.ts';
import { Sealer } from '../supervisor/sealer.ts';
import type { ShardDoors } from '../supervisor/cluster/shard-doors.ts';
import type { ShardCallbacks } from '../supervisor/cluster/shard-keeper.ts';
import { linkServers } from './connections.ts';
import type { LedgerConnections, LinkedServers } from './connections.ts';
import { HealthProbe } from './health-probe.ts';
import type { RuntimeOptions } from './node-runtime.ts';
import { supervise } from './supervision.ts';
import type { Supervision } from './supervision.ts';

export interface PartsOptions extends RuntimeOptions {
  readonly ledger: LedgerConnections;
  /** null: no webhooks. */
  readonly webhooks: WebhookRecorder | null;
  readonly clusterId: string;
  readonly onOtherCluster: () => void;
}

/** What there is once the ledger is open: the parts of a node, its servers, and who tells whom. Nothing has begun yet. */
export class NodeParts {
  readonly servers: LinkedServers;
  readonly supervision: Supervision;
  readonly intakes: Intakes;
  readonly tick: ClusterTick;
  readonly probe: HealthProbe;
  readonly sweeper: Sweeper;
  readonly sealer: Sealer;

  constructor(options: PartsOptions) {
    this.servers = this.#link(options);
    this.supervision = this.#supervise(options);
    this.intakes = this.#readQueues(options);
    this.tick = this.#joinCluster(options);
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
    this.sweeper = this.#sweepRows(options);
  }

  /** Ends all work at once; what is unfinished is others' to do. */
  stop(): void {
    this.tick.stop();
    this.supervision.rules.stop();
    this.probe.stop();
    void this.sweeper.stop();
    this.sealer.stop();
    this.supervision.ingest.close();
    this.supervision.orphans.stop();
    this.supervision.forwarder.stop();
    this.supervision.region.shutDown();
  }

  #link(options: PartsOptions): LinkedServers {
    return linkServers(options, options.clusterId, {
      onMessage: forwardMail({
        onForwards: (batch) => this.supervision.desk.receive(batch),
        onAnswers: (batch) => this.supervision.forwarder.answered(batch),
        onNudge: () => this.tick.nudge(),
        onOrder: (body) => this.supervision.orders.receive(body),
        logger: options.logger,
      }),
      onReturned: (inbox, meaning) => this.#returned(inbox, meaning),
      onFlow: (flow) => {
        this.supervision.forwarder.onFlow(flow);
        this.supervision.desk.onFlow(flow);
      },
    });
  }

  #returned(inbox: string, meaning: ReturnMeaning): void {
    this.tick.returned(inbox, meaning);
    this.supervision.forwarder.onReturned(inbox);
    this.supervision.desk.onReturned(inbox, meaning);
  }

  #supervise({
    ledger,
    webhooks,
    identity,
    clock,
    random,
    logger,
    metrics,
    tracing,
    config,
    onDrain,
    onLogLevel,
  }: PartsOptions): Supervision {
    const { nodeId, incarnation } = identity;
    const ports = {
      ...ledger,
      ...this.servers,
      webhooks,
      nodeId,
      incarnation,
      clock,
      random,
      logger,
      metrics,
      tracing,
    };
    return supervise(ports, config, {
      onFenced: (shard, epoch) => this.tick.fenced(shard, epoch),
      onOverflow: (queue) => this.intakes.overflow(queue),
      onDrain,
      onLogLevel,
      isConnected: () => this.tick.gate === 'open',
    });
  }

  #readQueues({ config, clock, logger }: PartsOptions): Intakes {
    const { onDelivery } = this.supervision.ingest;
    const { inbound } = this.servers;
    const { inboundQueues: sources, intakeWindowMax: windowMax } = config;
    return new Intakes({ inbound, sources, onDelivery, windowMax, clock, logger });
  }

  #sweepRows({ ledger, config, clock, logger, metrics }: PartsOptions): Sweeper {
    const { inbound, publisher } = this.servers;
    return new Sweeper({
      store: ledger.sweeps,
      intake: {
        isReading: () => inbound.reader('transactions_queue')?.state() === 'up',
        depths: () => depthsOf(config.inboundQueues, publisher),
        partitioned: config.inboundQueues.filter(({ as }) => as === 'transactions_queue').length > 1,
      },
      ingest: this.supervision.ingest,
      clock,
      logger,
      metrics,
      ageMinMs: config.sweepAgeMinMs,
      ageMaxMs: config.sweepAgeMaxMs,
      pollMs: config.sweepPollMs,
    });
  }

  #joinCluster(options: PartsOptions): ClusterTick {
    const { identity, ledger, config, clock, logger, onOtherCluster } = options;
    const { membership, inbox } = this.servers;
    const { shards, watch, doors } = this.supervision;
    const { openIntake, closeIntake } = this.intakes;
    return new ClusterTick({
      self: identity,
      membership,
      directory: ledger.directory,
      watch,
      inbox,
      shards,
      queues: config.inboundQueues.map(({ name }) => name),
      callbacks: { ...countedDoors(doors, options.metrics), openIntake, closeIntake },
      clock,
      logger,
      graceMs: config.clusterGraceMs,
      onOtherCluster,
    });
  }
}

/** Messages ready, summed over the queues that count as one. */
async function depthsOf(
  sources: readonly SourceQueue[],
  publisher: Pick<LinkedServers['publisher'], 'queueStatus'>,
): Promise<ReadonlyMap<InboundQueue, number>> {
  const found = await publisher.queueStatus(sources.map(({ name }) => name));
  const depths = new Map<InboundQueue, number>();
  for (const { name, as } of sources)
    depths.set(as, (depths.get(as) ?? 0) + (found.get(name)?.messages ?? 0));
  return depths;
}

/** The doors, with what shards do counted. */
function countedDoors(doors: ShardDoors, metrics: Metrics): ShardCallbacks {
  const { owned, lost, beginHandOff, finished, left } = doors;
  return {
    beginHandOff,
    finished,
    owned: (shards) => {
      metrics.shardsTaken(shards.length);
      owned(shards);
    },
    lost: (shard) => {
      metrics.shardLost();
      lost(shard);
    },
    left: (shard) => {
      metrics.shardHandedOff();
      left(shard);
    },
  };
}
