import type pg from 'pg';
import type { Config } from '../config.ts';
import { BullRetryClock } from '../infra/bullmq/retry-clock.ts';
import { Announcements } from '../infra/postgres/announcements.ts';
import { PostgresDeadLetterStore } from '../infra/postgres/dead-letter-store.ts';
import { PostgresLedger } from '../infra/postgres/ledger.ts';
import { PostgresOperatorLedger } from '../infra/postgres/operator-ledger.ts';
import { PostgresOutboxStore } from '../infra/postgres/outbox-store.ts';
import { PostgresParkStore } from '../infra/postgres/park-store.ts';
import { connectionName, createPool } from '../infra/postgres/pool.ts';
import { PostgresQuarantineStore } from '../infra/postgres/quarantine-store.ts';
import { PostgresReader } from '../infra/postgres/reader.ts';
import { PostgresRetryStore } from '../infra/postgres/retry-store.ts';
import { PostgresRuleStore } from '../infra/postgres/rule-store.ts';
import { PostgresSealStore } from '../infra/postgres/seal-store.ts';
import { PostgresShardDirectory } from '../infra/postgres/shard-directory.ts';
import type { RabbitEventPublisher } from '../infra/rabbitmq/event-publisher.ts';
import { PostgresSweepStore } from '../infra/postgres/sweep-store.ts';
import { RabbitInbox } from '../infra/rabbitmq/inbox.ts';
import { RabbitInboundQueues } from '../infra/rabbitmq/inbound-queues.ts';
import { RabbitPublisher } from '../infra/rabbitmq/publisher.ts';
import { RedisMembership } from '../infra/redis/membership.ts';
import { NoBalanceCache } from '../infra/no-balance-cache.ts';
import type { CacheConnection } from '../infra/no-balance-cache.ts';
import { within } from '../infra/within.ts';
import { LIMITS } from '../limits.ts';
import { startConnection } from '../machines/connection-machine.ts';
import type { InboxEvents, ToldAddress } from '../ports/cluster.ts';
import type { Clock, Logger, Random } from '../ports/runtime.ts';
import type { OpenCache, OpenEvents } from './features.ts';
import type { NodeIdentity } from './identity.ts';

export interface ConnectionsOptions {
  readonly config: Config;
  readonly identity: NodeIdentity;
  /** Base URL of our admin port, for others; asked when the ledger is open. */
  readonly adminAddress: () => ToldAddress;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly openCache: OpenCache;
  readonly openEvents: OpenEvents;
}

/** Everything that a node has in PostgreSQL. Connects when it is used. */
export interface LedgerConnections {
  readonly pool: pg.Pool;
  /** Of the directory alone: the heartbeat of the node must not wait behind the loads of its accounts. */
  readonly directoryPool: pg.Pool;
  /** One per commit lane. */
  readonly ledgers: readonly PostgresLedger[];
  readonly operatorLedger: PostgresOperatorLedger;
  readonly reader: PostgresReader;
  readonly announcements: Announcements;
  readonly deadLetters: PostgresDeadLetterStore;
  readonly retries: PostgresRetryStore;
  readonly parked: PostgresParkStore;
  readonly quarantines: PostgresQuarantineStore;
  readonly outbox: PostgresOutboxStore;
  readonly rules: PostgresRuleStore;
  readonly sweeps: PostgresSweepStore;
  readonly seals: PostgresSealStore;
  readonly directory: PostgresShardDirectory;
}

export function ledgerConnections({ config, identity, logger }: ConnectionsOptions): LedgerConnections {
  const { databaseUrl, refundAmount } = config;
  const { nodeId, incarnation } = identity;
  const nameOf = (role: string): string => connectionName(nodeId, incarnation, role);
  const pool = createPool(
    { databaseUrl, applicationName: nameOf('pool'), connectionsMax: config.databasePoolSize },
    logger,
  );
  const directoryPool = createPool(
    { databaseUrl, applicationName: nameOf('directory'), connectionsMax: LIMITS.directoryConnections },
    logger,
  );
  const ledgers = Array.from(
    { length: config.commitLanes },
    (_, lane) =>
      new PostgresLedger({ databaseUrl, applicationName: nameOf(`lane${lane}`), incarnation, refundAmount }),
  );
  const announcements = new Announcements(pool, {
    incarnation,
    events: config.features.has('events') ? 'on' : 'off',
  });
  return {
    pool,
    directoryPool,
    ledgers,
    operatorLedger: new PostgresOperatorLedger(pool, incarnation),
    reader: new PostgresReader(pool),
    announcements,
    deadLetters: new PostgresDeadLetterStore(pool, announcements),
    retries: new PostgresRetryStore(pool, announcements),
    parked: new PostgresParkStore(pool),
    quarantines: new PostgresQuarantineStore(pool, identity, announcements),
    outbox: new PostgresOutboxStore(pool, incarnation),
    rules: new PostgresRuleStore(pool),
    sweeps: new PostgresSweepStore({ databaseUrl, applicationName: nameOf('sweep') }),
    seals: new PostgresSealStore(pool),
    directory: new PostgresShardDirectory(directoryPool, identity),
  };
}

/** The broker and Redis. They connect at once and in the background, and come back by themselves. */
export interface LinkedServers {
  readonly inbound: RabbitInboundQueues;
  readonly publisher: RabbitPublisher;
  /** null: no events are published. */
  readonly eventPublisher: RabbitEventPublisher | null;
  readonly inbox: RabbitInbox;
  readonly membership: RedisMembership;
  readonly cache: CacheConnection;
  readonly retryClock: BullRetryClock;
}

export function linkServers(
  { config, identity, adminAddress, clock, random, logger, openCache, openEvents }: ConnectionsOptions,
  clusterId: string,
  inboxEvents: InboxEvents,
): LinkedServers {
  const { nodeId, incarnation, inbox } = identity;
  const name = `paygate/${nodeId}`;
  const rabbit = { url: config.rabbitmqUrl, name, logger, random, startConnection };
  const redis = { url: config.redisUrl, name, logger, random };
  const self = { nodeId, incarnation, inbox, startedAtMs: clock.now(), ...adminAddress() };
  const membership = new RedisMembership({ ...redis, self, clusterId });
  return {
    cache: openCache === null ? new NoBalanceCache(membership) : openCache(redis),
    retryClock: new BullRetryClock({ ...redis, prefix: 'paygate' }),
    membership,
    publisher: new RabbitPublisher(rabbit),
    eventPublisher: openEvents === null ? null : openEvents(rabbit),
    inbound: new RabbitInboundQueues({ ...rabbit, clock }),
    inbox: new RabbitInbox({ ...rabbit, inbox, clock }, inboxEvents),
  };
}

/** Lets go of everything, each within `closeTimeoutMs`; never rejects. */
export async function closeAll(ledger: LedgerConnections, servers: LinkedServers | null): Promise<void> {
  const closing = [
    ...(servers === null
      ? []
      : [
          () => servers.inbound.close(),
          () => servers.publisher.close(),
          () => servers.eventPublisher?.close() ?? Promise.resolve(),
          () => servers.inbox.close(),
          () => servers.membership.close(),
          () => servers.retryClock.stop(),
          () => servers.cache.close(),
        ]),
    ...ledger.ledgers.map((lane) => () => lane.close()),
    () => ledger.sweeps.release(),
    () => ledger.pool.end(),
    () => ledger.directoryPool.end(),
  ];
  await Promise.all(closing.map((close) => within(LIMITS.closeTimeoutMs, close)));
}
