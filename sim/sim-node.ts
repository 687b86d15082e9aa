import { NodeCore } from '../src/node/node-core.ts';
import type { LedgerPorts, ServerPorts } from '../src/node/node-core.ts';
import type { InboxEvents } from '../src/ports/cluster.ts';
import type { LogFields, Logger } from '../src/ports/runtime.ts';
import type { AnnouncementStore } from '../src/ports/stores.ts';
import { DirectoryOnRows } from '../test/support/fakes/fake-directory.ts';
import { FakeMembership } from '../test/support/fakes/fake-membership.ts';
import { CountingMetrics } from '../test/support/fakes/quiet.ts';
import { CONFIG } from './sim-config.ts';
import { sabotagedInbound, sabotagedLedger } from './planted-ports.ts';
import { HEARTBEAT_MS, SimInbound } from './servers/sim-intake.ts';
import type { BrokerSide } from './servers/sim-intake.ts';
import { SimInbox } from './servers/sim-inbox.ts';
import { SimLedger } from './servers/sim-ledger.ts';
import { SimLink } from './servers/sim-link.ts';
import type { LinkQuality, ServerState } from './servers/sim-link.ts';
import { SimOperatorLedger } from './servers/sim-operator-ledger.ts';
import { SimReader } from './servers/sim-reader.ts';
import { SimCache, SimRetryClock } from './servers/sim-redis.ts';
import { SimOutbox } from './servers/sim-outbox.ts';
import { SimPublisher } from './servers/sim-publisher.ts';
import { SimParked } from './servers/sim-parked.ts';
import { SimDeadLetters, SimQuarantines, SimRetries } from './servers/sim-stores.ts';
import { SimSweeps } from './servers/sim-sweeps.ts';
import { SimProcess } from './sim-process.ts';
import type { Surroundings } from './surroundings.ts';

export type ServerName = 'postgres' | 'broker' | 'redis';

const NO_ANNOUNCEMENTS: AnnouncementStore = {
  announce: () => Promise.resolve(),
  onAnnounced: () => undefined,
};

/** One life of a node: real code between simulated servers. */
export class SimNode {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly process: SimProcess;
  readonly core: NodeCore;
  readonly #world: Surroundings;
  readonly #links: Readonly<Record<ServerName, SimLink>>;
  readonly #inbound: SimInbound;
  readonly #membership: FakeMembership;
  #inbox: SimInbox | null = null;

  constructor(nodeId: string, world: Surroundings) {
    const { time, chance, tables, broker, redis } = world;
    this.#world = world;
    this.nodeId = nodeId;
    this.incarnation = chance.uuid();
    this.process = new SimProcess(time);
    const link = (server: ServerState): SimLink => new SimLink(time, this.process, chance.fork(), server);
    this.#links = { postgres: link(tables), broker: link(broker), redis: link(redis) };
    const side = { time, process: this.process, chance, broker, link: this.#links.broker };
    this.#inbound = new SimInbound(side);
    const { clock } = this.process;
    const inbox = `inbox.${nodeId}.${this.incarnation}`;
    const self = { nodeId, incarnation: this.incarnation, inbox, startedAtMs: clock.now() };
    this.#membership = new FakeMembership({ redis: redis.leases, self, clock });
    this.core = new NodeCore({
      config: { ...CONFIG, activeAccountsMax: world.activeAccountsMax },
      identity: { nodeId, incarnation: this.incarnation, inbox },
      ledger: this.#ledger(inbox),
      webhooks: null,
      tracing: null,
      link: (events) => this.#serverPorts(side, events, inbox),
      clock,
      random: chance.fork(),
      logger: new NodeLog((level, fields, message) => world.onLog(this, level, fields, message)),
      metrics: new CountingMetrics(),
      onDrain: () => undefined,
      onLogLevel: () => undefined,
      onOtherCluster: () => undefined,
    });
    this.core.supervision.region.watchStarts((actor) => world.onActor(actor));
    this.#join();
  }

  setLink(server: ServerName, quality: LinkQuality): void {
    this.#links[server].quality = quality;
    if (server === 'redis') this.#squareMembership();
    if (server === 'broker' && (quality === 'cut' || quality === 'deaf')) this.dropBroker();
  }

  /** The server's own state has changed. */
  serverChanged(server: ServerName): void {
    if (server === 'redis') this.#squareMembership();
    if (server === 'broker') this.dropBroker();
    if (server === 'postgres') this.#world.tables.endSessions(this.incarnation);
  }

  dropBroker(): void {
    this.#inbound.dropped();
    this.#inbox?.dropped();
  }

  /** `kill -9`. */
  die(): void {
    this.process.die();
    this.dropBroker();
    this.#world.tables.endSessions(this.incarnation);
  }

  freeze(): void {
    this.process.freeze();
    this.#world.time.after(HEARTBEAT_MS, () => {
      if (this.process.isFrozen) this.dropBroker();
    });
  }

  /** In good order, as an operator's stop does; then the process ends. */
  async drain(): Promise<void> {
    const { supervision, sweeper, tick } = this.core;
    await sweeper.stop();
    await supervision.retries.stop();
    await tick.drain();
    await supervision.outbox.drain();
    this.die();
  }

  #join(): void {
    const { supervision, servers, tick, sweeper } = this.core;
    supervision.outbox.start();
    supervision.region.startSweeping();
    supervision.orphans.start();
    void servers.inbox.ready().then(() => tick.start());
    void tick.placed().then(() => {
      supervision.retries.start();
      sweeper.start();
    });
  }

  #squareMembership(): void {
    const { redis } = this.#world;
    const { quality } = this.#links.redis;
    const isCut = !redis.isUp || quality === 'cut' || quality === 'flaky';
    this.#membership.link = isCut ? 'cut' : quality === 'deaf' ? 'deaf' : 'up';
  }

  #ledger(inbox: string): LedgerPorts {
    const { tables, bug, onWritten, onOrder, onFault } = this.#world;
    const { incarnation, nodeId } = this;
    const link = this.#links.postgres;
    const ports: LedgerPorts = {
      ledgers: [new SimLedger({ tables, link, incarnation, bug, onWritten, onFault })],
      operatorLedger: new SimOperatorLedger({ tables, link, incarnation, onOrder }),
      reader: new SimReader(tables, link),
      deadLetters: new SimDeadLetters(tables, link),
      retries: new SimRetries(tables, link),
      parked: new SimParked(tables, link),
      quarantines: new SimQuarantines(tables, link),
      outbox: new SimOutbox(tables, link, incarnation),
      announcements: NO_ANNOUNCEMENTS,
      rules: { newerThan: () => Promise.resolve(null) },
      sweeps: new SimSweeps(tables, link, incarnation),
      // A takeover waits for nobody here, since a simulated commit takes no time.
      directory: new DirectoryOnRows(tables.shards, { nodeId, incarnation, inbox }, (act) => link.ask(act)),
    };
    return sabotagedLedger(ports, bug, tables, this.process.clock);
  }

  #serverPorts(side: BrokerSide, events: InboxEvents, name: string): ServerPorts {
    const { redis, bug, post } = this.#world;
    this.#inbox = new SimInbox(name, side, events, post);
    return {
      inbound: sabotagedInbound(this.#inbound, bug),
      publisher: new SimPublisher(side),
      eventPublisher: null,
      inbox: this.#inbox,
      membership: this.#membership,
      cache: new SimCache(redis, this.#links.redis),
      retryClock: new SimRetryClock(redis, this.#links.redis, this.process),
    };
  }
}

class NodeLog implements Logger {
  readonly #onLine: (level: 'error' | 'warn', fields: LogFields, message: string) => void;

  constructor(onLine: (level: 'error' | 'warn', fields: LogFields, message: string) => void) {
    this.#onLine = onLine;
  }

  error(fields: LogFields, message: string): void {
    this.#onLine('error', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#onLine('warn', fields, message);
  }

  info(): void {
    return;
  }

  debug(): void {
    return;
  }

  isLevelEnabled(): boolean {
    return false;
  }

  child(): Logger {
    return this;
  }
}
