import type { Config } from '../config.ts';
import type { LogLevel } from '../contracts/log-levels.ts';
import { LIMITS } from '../limits.ts';
import type { BalanceCache } from '../ports/balance-cache.ts';
import type { EventPublisher, InboundQueues, Publisher, Subscription } from '../ports/broker.ts';
import type { LinkState } from '../ports/connection.ts';
import type { ClusterDirectory, Inbox, InboxEvents, Membership, ReturnMeaning } from '../ports/cluster.ts';
import type { Clock, Logger, Metrics, Random } from '../ports/runtime.ts';
import type { RetryClock } from '../ports/stores.ts';
import type { SweepStore } from '../ports/sweep.ts';
import type { Tracing } from '../ports/tracing.ts';
import type { WebhookRecorder } from '../ports/webhooks.ts';
import { ClusterTick } from '../supervisor/cluster/cluster-tick.ts';
import { forwardMail } from '../supervisor/cluster/forward-mail.ts';
import { Intakes } from '../supervisor/cluster/intakes.ts';
import type { ShardDoors } from '../supervisor/cluster/shard-doors.ts';
import type { ShardCallbacks } from '../supervisor/cluster/shard-keeper.ts';
import { Sweeper } from '../supervisor/sweep/sweeper.ts';
import { SweptQueues } from '../supervisor/sweep/swept-queues.ts';
import type { NodeIdentity } from './identity.ts';
import { supervise } from './supervision.ts';
import type { Ports, Supervision, SupervisionConfig } from './supervision.ts';

/** What a node has in PostgreSQL. */
export interface LedgerPorts extends Pick<
  Ports,
  | 'ledgers'
  | 'operatorLedger'
  | 'reader'
  | 'deadLetters'
  | 'retries'
  | 'parked'
  | 'quarantines'
  | 'outbox'
  | 'announcements'
  | 'rules'
> {
  readonly directory: ClusterDirectory;
  readonly sweeps: SweepStore;
}

/** What a node has in the broker and in Redis. */
export interface ServerPorts {
  readonly inbound: Omit<InboundQueues, 'reader'> & {
    /** `state`: of its connection. */
    reader(queue: string): (Subscription & { state(): LinkState }) | null;
  };
  readonly publisher: Publisher & {
    /** null: there is no such queue. Rejects while the broker cannot be asked. */
    queueStatus(
      queues: readonly string[],
    ): Promise<ReadonlyMap<string, { readonly messages: number } | null>>;
  };
  /** null: no events are published. */
  readonly eventPublisher: EventPublisher | null;
  readonly inbox: Inbox;
  readonly membership: Membership;
  readonly cache: BalanceCache;
  readonly retryClock: RetryClock;
}

export type CoreConfig = SupervisionConfig &
  Pick<Config, 'inboundQueues' | 'sweepAgeMinMs' | 'sweepAgeMaxMs' | 'sweepPollMs' | 'clusterGraceMs'>;

export interface CoreOptions<Servers extends ServerPorts> {
  readonly config: CoreConfig;
  readonly identity: NodeIdentity;
  readonly ledger: LedgerPorts;
  /** null: no webhooks. */
  readonly webhooks: WebhookRecorder | null;
  /** null: tracing is off. */
  readonly tracing: Tracing | null;
  /** Connects to the broker and to Redis. The events may be told only after it has returned. */
  readonly link: (events: InboxEvents) => Servers;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onDrain: () => void;
  readonly onLogLevel: (level: LogLevel) => void;
  readonly onOtherCluster: () => void;
}

/**
 * All of a node that decides, moves and remembers, between its ports, and who tells whom. Nothing has begun yet.
 *
 * Knows no server: the same class runs in a node's process and, many at a time, in the simulator.
 */
export class NodeCore<Servers extends ServerPorts = ServerPorts> {
  readonly servers: Servers;
  readonly supervision: Supervision;
  readonly intakes: Intakes;
  readonly tick: ClusterTick;
  readonly sweeper: Sweeper;

  constructor(options: CoreOptions<Servers>) {
    this.servers = this.#link(options);
    this.supervision = this.#supervise(options);
    this.intakes = this.#readQueues(options);
    this.tick = this.#joinCluster(options);
    this.sweeper = this.#sweepRows(options);
  }

  /** Ends all work at once; what is unfinished is others' to do. */
  stop(): void {
    this.tick.stop();
    this.supervision.rules.stop();
    void this.sweeper.stop();
    this.supervision.ingest.close();
    this.supervision.orphans.stop();
    this.supervision.forwarder.stop();
    this.supervision.region.shutDown();
  }

  #link(options: CoreOptions<Servers>): Servers {
    return options.link({
      onMessage: forwardMail({
        onForwards: (batch, receivedAtMs) => this.supervision.desk.receive(batch, receivedAtMs),
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

  #supervise(options: CoreOptions<Servers>): Supervision {
    const { ledger, identity, webhooks, tracing, clock, random, logger, metrics, config } = options;
    const { onDrain, onLogLevel } = options;
    const { nodeId, incarnation } = identity;
    const own = { nodeId, incarnation, webhooks, tracing, clock, random, logger, metrics };
    const ports = { ...ledger, ...this.servers, ...own };
    return supervise(ports, config, {
      onFenced: (shard, epoch) => this.tick.fenced(shard, epoch),
      onOverflow: (queue) => this.intakes.overflow(queue),
      onDrain,
      onLogLevel,
      isConnected: () => this.tick.gate === 'open',
    });
  }

  #readQueues({ config, clock, logger }: CoreOptions<Servers>): Intakes {
    const { onDelivery } = this.supervision.ingest;
    const { inbound } = this.servers;
    const { inboundQueues: sources, intakeWindowMax } = config;
    const { watch } = this.supervision;
    const windowMax = (): number =>
      Math.min(intakeWindowMax, LIMITS.windowPerOwner * Math.max(1, watch.ownerCount));
    return new Intakes({ inbound, sources, onDelivery, windowMax, clock, logger });
  }

  #sweepRows({ ledger, config, clock, logger, metrics }: CoreOptions<Servers>): Sweeper {
    const { inbound, publisher: broker } = this.servers;
    return new Sweeper({
      store: ledger.sweeps,
      intake: new SweptQueues({ sources: config.inboundQueues, broker, inbound }),
      ingest: this.supervision.ingest,
      clock,
      logger,
      metrics,
      ageMinMs: config.sweepAgeMinMs,
      ageMaxMs: config.sweepAgeMaxMs,
      pollMs: config.sweepPollMs,
    });
  }

  #joinCluster(options: CoreOptions<Servers>): ClusterTick {
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
