import type { LogLevel } from '../contracts/log-levels.ts';
import type { Inbox } from '../ports/cluster.ts';
import type { Clock, Logger, Metrics } from '../ports/runtime.ts';
import type { Tracing } from '../ports/tracing.ts';
import type { ParkStore } from '../ports/stores.ts';
import type { DirectoryWatch } from '../supervisor/cluster/directory-watch.ts';
import { endElsewhere } from '../supervisor/cluster/end-elsewhere.ts';
import { ForwardDesk } from '../supervisor/cluster/forward-desk.ts';
import { Forwarder } from '../supervisor/cluster/forwarder.ts';
import { OrphanDesk } from '../supervisor/cluster/orphan-desk.ts';
import type { ShardDoors } from '../supervisor/cluster/shard-doors.ts';
import { OrderDesk } from '../supervisor/order-desk.ts';
import type { InFlight } from '../supervisor/in-flight.ts';
import type { Router } from '../supervisor/router.ts';
import type { Settle } from '../supervisor/settle.ts';

export interface ForwardingParts {
  readonly nodeId: string;
  /** Of this run of the node. */
  readonly incarnation: string;
  readonly inbox: Pick<Inbox, 'name' | 'send' | 'flow'>;
  readonly watch: DirectoryWatch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | null;
  readonly inFlight: InFlight;
  readonly settle: Settle;
  readonly router: Router;
  readonly doors: ShardDoors;
  readonly parked: Pick<ParkStore, 'parkUnowned'>;
  readonly nextN: () => number;
  /** Commands in memory: no more can be held for other nodes. */
  readonly inFlightMax: number;
  /** Commands of other nodes, taken and not ended. */
  readonly takenMax: number;
  /** An operator lets the node drain. */
  readonly onDrain: () => void;
  readonly onLogLevel: (level: LogLevel) => void;
  /** Whether this node reaches PostgreSQL and its inbox. */
  readonly isConnected: () => boolean;
}

export interface Forwarding {
  readonly forwarder: Forwarder;
  readonly desk: ForwardDesk;
  readonly orphans: OrphanDesk;
  readonly orders: OrderDesk;
}

/** The way to the owners of other shards, and the ways in for what they and the operators send here. */
export function forwarding(parts: ForwardingParts): Forwarding {
  const { incarnation, inbox, watch, clock, logger, metrics, inFlight, settle, router, doors } = parts;
  const giveBack = router.giveBack.bind(router);
  const ended = endElsewhere({ clock, metrics, inFlight });
  const wayIn = {
    inbox,
    clock,
    logger,
    inFlight,
    epochOf: (shard: number) => doors.epochForOthers(shard),
    route: router.route.bind(router),
    nextN: parts.nextN,
  };
  const forwarder = new Forwarder({
    incarnation,
    inbox,
    watch,
    clock,
    ended,
    giveBack,
    heldMax: parts.inFlightMax,
  });
  const desk = new ForwardDesk({
    ...wayIn,
    incarnation,
    settle,
    giveBack,
    takenMax: parts.takenMax,
    tracing: parts.tracing ?? null,
  });
  const orders = new OrderDesk({
    ...wayIn,
    nodeId: parts.nodeId,
    onDrain: parts.onDrain,
    onLogLevel: parts.onLogLevel,
  });
  const orphans = new OrphanDesk({
    forwarder,
    doors,
    watch,
    store: parts.parked,
    router,
    settle,
    clock,
    logger,
    ended,
    isConnected: parts.isConnected,
  });
  return { forwarder, desk, orders, orphans };
}
