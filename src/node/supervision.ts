import { CommitLane } from '../actors/commit-lane.ts';
import { OrderLane } from '../actors/order-lane.ts';
import type { Config } from '../config.ts';
import type { LogLevel } from '../contracts/log-levels.ts';
import { sourceQueues } from '../contracts/queues.ts';
import { shardOf } from '../domain/shard.ts';
import { LIMITS } from '../limits.ts';
import type { BalanceCache } from '../ports/balance-cache.ts';
import type { EventPublisher, Publisher } from '../ports/broker.ts';
import type { ClusterDirectory, Inbox } from '../ports/cluster.ts';
import type { AccountReader, Ledger } from '../ports/ledger.ts';
import type { OperatorLedger } from '../ports/operator-ledger.ts';
import type { Clock, Logger, Metrics, Random } from '../ports/runtime.ts';
import type {
  AnnouncementStore,
  DeadLetterStore,
  OutboxStore,
  ParkStore,
  QuarantineStore,
  RetryClock,
  RetryStore,
  RuleStore,
} from '../ports/stores.ts';
import type { Tracing } from '../ports/tracing.ts';
import type { WebhookRecorder } from '../ports/webhooks.ts';
import { AccountRegion } from '../supervisor/account-region.ts';
import { BalanceDesk } from '../supervisor/balance-desk.ts';
import { CacheWriter } from '../supervisor/cache-writer.ts';
import { DirectoryWatch } from '../supervisor/cluster/directory-watch.ts';
import type { ForwardDesk } from '../supervisor/cluster/forward-desk.ts';
import type { Forwarder } from '../supervisor/cluster/forwarder.ts';
import type { OrphanDesk } from '../supervisor/cluster/orphan-desk.ts';
import { ShardDoors } from '../supervisor/cluster/shard-doors.ts';
import { DeadLetterDesk } from '../supervisor/dead-letter-desk.ts';
import { DeferralDesk } from '../supervisor/deferral-desk.ts';
import { EventFeed } from '../supervisor/event-feed.ts';
import { InFlight } from '../supervisor/in-flight.ts';
import { Ingest } from '../supervisor/ingest.ts';
import type { OrderDesk } from '../supervisor/order-desk.ts';
import { Outbox } from '../supervisor/outbox.ts';
import { ParkDesk } from '../supervisor/park-desk.ts';
import { ParkedDesk } from '../supervisor/parked-desk.ts';
import { Retries } from '../supervisor/retries.ts';
import { RuleWatch } from '../supervisor/rule-watch.ts';
import { Router } from '../supervisor/router.ts';
import { Settle } from '../supervisor/settle.ts';
import { ShardExits } from '../supervisor/shard-exits.ts';
import { ShardTable } from '../supervisor/shard-table.ts';
import { Tally } from '../supervisor/tally.ts';
import { forwarding } from './forwarding.ts';

/** Ports and surroundings of one node; the tests put fakes here. */
export interface Ports {
  readonly nodeId: string;
  /** Of this run of the node. */
  readonly incarnation: string;
  readonly inbox: Pick<Inbox, 'name' | 'send' | 'flow'>;
  readonly directory: Pick<ClusterDirectory, 'read' | 'paused'>;
  readonly ledgers: readonly Ledger[];
  readonly operatorLedger: OperatorLedger;
  readonly reader: AccountReader;
  readonly deadLetters: DeadLetterStore;
  readonly retries: RetryStore;
  readonly parked: ParkStore;
  readonly quarantines: QuarantineStore;
  readonly outbox: OutboxStore;
  readonly announcements: AnnouncementStore;
  readonly rules: RuleStore;
  readonly publisher: Publisher;
  /** null: no events are published. */
  readonly eventPublisher: EventPublisher | null;
  /** null: no webhooks. */
  readonly webhooks: WebhookRecorder | null;
  readonly cache: BalanceCache;
  readonly retryClock: RetryClock;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Absent or null: tracing is off. */
  readonly tracing?: Tracing | null;
}

export type SupervisionConfig = Pick<
  Config,
  | 'intakeWindowMax'
  | 'retryAttempts'
  | 'retryDelayMs'
  | 'refundWaitMs'
  | 'refundAmount'
  | 'activeAccountsMax'
  | 'accountIdleMs'
> &
  // The contract's queues unless given.
  Partial<Pick<Config, 'inboundQueues'>>;

/** What only the whole node can do. None may throw. */
export interface Callbacks {
  /** Another node has the shard: a commit under this epoch was refused. */
  readonly onFenced: (shard: number, epoch: bigint) => void;
  /** The queue's channel is to be closed for a while. */
  readonly onOverflow: (queue: string) => void;
  /** An operator lets the node drain. */
  readonly onDrain: () => void;
  readonly onLogLevel: (level: LogLevel) => void;
  /** Whether this node reaches PostgreSQL and its inbox. */
  readonly isConnected: () => boolean;
}

/** The parts of a node that have no server of their own, put together. */
export interface Supervision {
  readonly shards: ShardTable;
  readonly inFlight: InFlight;
  readonly ingest: Ingest;
  readonly retries: Retries;
  readonly region: AccountRegion;
  readonly writer: CacheWriter;
  readonly outbox: Outbox;
  /** null: no events are published. */
  readonly events: EventFeed | null;
  readonly router: Router;
  readonly watch: DirectoryWatch;
  readonly doors: ShardDoors;
  readonly forwarder: Forwarder;
  readonly desk: ForwardDesk;
  readonly orphans: OrphanDesk;
  readonly orders: OrderDesk;
  readonly rules: RuleWatch;
}

/** Nothing starts by itself: deliveries, forwards and retries do. */
export function supervise(ports: Ports, config: SupervisionConfig, callbacks: Callbacks): Supervision {
  const { clock, logger, metrics, reader, cache } = ports;
  const shards = new ShardTable();
  const inFlight = new InFlight();
  const tally = new Tally(metrics, clock);
  const nextN = counter();
  const writer = new CacheWriter({ cache, reader, clock, metrics, logger });
  const events = eventFeed(ports);
  const outbox = new Outbox({ store: ports.outbox, writer, events, cache, clock, logger });
  ports.announcements.onAnnounced((outboxId) => outbox.announced(outboxId));
  const watch = new DirectoryWatch({ directory: ports.directory, clock, logger });
  const { onFenced, onOverflow, onDrain, onLogLevel, isConnected } = callbacks;
  const parking = parkDesk(ports, shards, onFenced, () => doors.lookAgain());
  const doors: ShardDoors = new ShardDoors({
    shards,
    parking,
    clock,
    rooms: () => ({ region, exits, forwarder, desk, router, settle }),
  });
  const router = new Router({
    isOpen: (shard) => doors.isOpen(shard),
    clock,
    deliver: (envelope) => doors.deliver(envelope),
    heldMax: boundsOf(config).inFlightMax,
  });
  const wake = (transactionId: string): void => void retries.wake(transactionId);
  const settle = settleDesk(ports, config, { tally, inFlight, router, wake, parking });
  const tracing = ports.tracing ?? null;
  const parked = new ParkedDesk({ store: ports.parked, settle, inFlight, clock, logger, tracing });
  const rules = new RuleWatch({ store: ports.rules, clock, logger });
  const regionParts = { shards, doors, outbox, writer, parking, parked, ruleSet: rules.inForce, onFenced };
  const region = accountRegion(ports, config, regionParts);
  const exits = new ShardExits({ region, parking, clock, logger });
  const common = { ...boundsOf(config), clock, logger, inFlight, settle, router, nextN };
  const { forwarder, desk, orders, orphans } = forwarding({
    ...ports,
    ...common,
    ...{ watch, doors },
    ...{ onDrain, onLogLevel, isConnected },
  });
  const ingest = new Ingest({ ...common, shards, tally, tracing, onOverflow });
  const retries = new Retries({
    store: ports.retries,
    retryClock: ports.retryClock,
    clock,
    logger,
    shards: () => shards.owned(),
    inject: (retry, origin) => ingest.retry(retry, origin),
  });
  return {
    shards,
    inFlight,
    ingest,
    retries,
    region,
    writer,
    outbox,
    events,
    router,
    watch,
    doors,
    forwarder,
    desk,
    orphans,
    orders,
    rules,
  };
}

/**
 * What a node may hold at most. Its own windows twice: after a lost connection the broker delivers again what is still
 * here.
 */
function boundsOf({ intakeWindowMax, inboundQueues = sourceQueues() }: SupervisionConfig): {
  inFlightMax: number;
  takenMax: number;
} {
  const windows = inboundQueues.length * intakeWindowMax;
  return {
    takenMax: windows,
    inFlightMax: 3 * windows + LIMITS.retriesInFlightMax + LIMITS.sweepOnRoadMax + LIMITS.ordersInHandMax,
  };
}

function parkDesk(
  { parked: store, clock, logger }: Ports,
  shards: ShardTable,
  onFenced: Callbacks['onFenced'],
  onSettled: () => void,
): ParkDesk {
  return new ParkDesk({ store, shards, clock, logger, onSettled, onFenced });
}

function counter(): () => number {
  let n = 0;
  return () => (n += 1);
}

function eventFeed({ eventPublisher, outbox, webhooks, clock, metrics, logger }: Ports): EventFeed | null {
  if (eventPublisher === null) return null;
  return new EventFeed({ publisher: eventPublisher, store: outbox, webhooks, clock, metrics, logger });
}

interface RegionParts {
  readonly shards: ShardTable;
  readonly doors: ShardDoors;
  readonly outbox: Outbox;
  readonly writer: CacheWriter;
  readonly parking: ParkDesk;
  readonly parked: ParkedDesk;
  readonly ruleSet: RuleWatch['inForce'];
  readonly onFenced: (shard: number, epoch: bigint) => void;
}

function accountRegion(ports: Ports, config: SupervisionConfig, parts: RegionParts): AccountRegion {
  const { clock, random, logger, metrics, reader, cache, tracing = null } = ports;
  const onCommitted = parts.outbox.committed.bind(parts.outbox);
  const lanes = ports.ledgers.map(
    (ledger) => new CommitLane({ ledger, clock, random, metrics, logger, tracing, onCommitted }),
  );
  const balances = new BalanceDesk({
    writer: parts.writer,
    reader,
    cache,
    clock,
    logger,
    quarantine: (accountId, reason, request) => region.quarantine(accountId, reason, request),
  });
  // Of a shard that leaves us nothing is begun any more.
  const isStaying = (accountId: string): boolean =>
    parts.doors.epochForOthers(shardOf(accountId, LIMITS.shardCount)) !== null;
  const region = new AccountRegion({
    shards: parts.shards,
    lanes,
    orders: new OrderLane({ ledger: ports.operatorLedger, metrics, logger, onCommitted }),
    reader,
    parked: {
      whenParked: (accountId) => parts.parking.whenParked(accountId),
      take: (accountId) => parts.parked.take(accountId),
    },
    refuseParked: (accountId) => void parts.parked.refuse(accountId),
    accountsToTakeUp: async () => (await parts.parked.accountsToTakeUp()).filter(isStaying),
    clock,
    random,
    logger,
    metrics,
    quarantines: ports.quarantines,
    rules: { refundAmount: config.refundAmount, refundWaitMs: config.refundWaitMs },
    ruleSet: parts.ruleSet,
    activeAccountsMax: config.activeAccountsMax,
    accountIdleMs: config.accountIdleMs,
    answerBalance: (request, state) => balances.answer(request, state),
    onFenced: parts.onFenced,
  });
  return region;
}

interface SettleParts {
  readonly tally: Tally;
  readonly inFlight: InFlight;
  readonly router: Router;
  readonly wake: (transactionId: string) => void;
  readonly parking: ParkDesk;
}

function settleDesk(
  ports: Ports,
  config: SupervisionConfig,
  { tally, inFlight, router, wake, parking }: SettleParts,
): Settle {
  const { clock, random, logger, metrics, publisher, eventPublisher, retryClock } = ports;
  const { retryAttempts, retryDelayMs, refundAmount } = config;
  return new Settle({
    deadLetters: new DeadLetterDesk({ store: ports.deadLetters, publisher, clock, metrics, logger }),
    deferrals: new DeferralDesk({
      store: ports.retries,
      reader: ports.reader,
      retryClock,
      clock,
      random,
      metrics,
      logger,
      retryAttempts,
      retryDelayMs,
      refundAmount,
      wake,
    }),
    parking,
    retryStore: ports.retries,
    announcements: eventPublisher === null ? null : ports.announcements,
    tally,
    inFlight,
    clock,
    metrics,
    logger,
    retryAttempts,
    giveBack: (envelope) => router.giveBack(envelope),
  });
}
