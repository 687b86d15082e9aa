import type { Chance } from './chance.ts';
import { NODE_NAMES } from './plan.ts';
import type { Fault, NodeName, PostTrouble } from './plan.ts';
import type { SimBroker } from './servers/sim-broker.ts';
import type { PostFate } from './servers/sim-inbox.ts';
import type { SimRedis } from './servers/sim-redis.ts';
import type { SimTables } from './servers/sim-tables.ts';
import type { ServerName, SimNode } from './sim-node.ts';
import type { VirtualTime } from './virtual-time.ts';
import { short } from './words.ts';

export interface FaultsOptions {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly tables: SimTables;
  readonly broker: SimBroker;
  readonly redis: SimRedis;
  /** The present life of each. */
  readonly nodes: ReadonlyMap<NodeName, SimNode>;
  /** Unless it is alive. */
  readonly start: (name: NodeName) => void;
  readonly tell: (who: string, what: string) => void;
}

const SERVERS = ['postgres', 'broker', 'redis'] as const;
/** Of the messages between nodes, while something is the matter with them. */
const TROUBLED_SHARE = 0.25;

const FATES: Readonly<Record<PostTrouble, PostFate>> = {
  lossy: 'lost',
  doubling: 'doubled',
  reordering: 'late',
};

/** Does to the cluster what the plan says, and ends it again. Owns what is the matter at the moment. */
export class Faults {
  readonly thrownAt = new Set<string>();
  readonly #options: FaultsOptions;
  readonly #partitions = new Set<string>();
  #trouble: PostTrouble | null = null;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  begin(fault: Fault): void {
    const { tell, broker, redis, tables, nodes } = this.#options;
    switch (fault.kind) {
      case 'crash':
        tell(fault.node, 'is killed');
        nodes.get(fault.node)?.die();
        this.#afterwards(fault.forMs, () => this.#options.start(fault.node));
        return;
      case 'drain':
        this.#drain(fault.node, fault.forMs);
        return;
      case 'freeze':
        this.#freeze(fault.node, fault.forMs);
        return;
      case 'link':
        this.#link(fault);
        return;
      case 'restart':
        this.#restart(fault.server, fault.forMs);
        return;
      case 'flush':
        tell('redis', 'FLUSHALL');
        redis.flushAll();
        return;
      case 'post':
        tell('post', `messages between nodes: ${fault.fate}${lasting(fault.forMs)}`);
        this.#trouble = fault.fate;
        this.#afterwards(fault.forMs, () => {
          this.#trouble = null;
        });
        return;
      case 'partition':
        this.#partition(fault);
        return;
      case 'alarm':
        tell('broker', `takes no publications${lasting(fault.forMs)}`);
        broker.setAlarm(true);
        this.#afterwards(fault.forMs, () => {
          tell('broker', 'takes publications again');
          broker.setAlarm(false);
        });
        return;
      case 'clock':
        tell(fault.node, `its clock is wrong by ${fault.byMs} ms`);
        nodes.get(fault.node)?.process.setClockError(fault.byMs);
        return;
      case 'lock':
        tell('world', `somebody holds the row of ${short(fault.accountId)}${lasting(fault.forMs)}`);
        tables.locked.add(fault.accountId);
        this.#afterwards(fault.forMs, () => void tables.locked.delete(fault.accountId));
        return;
      case 'throw':
        tell('world', `the actor of ${short(fault.accountId)} will throw ${fault.times} times`);
        this.thrownAt.add(fault.accountId);
        tables.throwing.set(fault.accountId, fault.times);
    }
  }

  /** Everything is well from here. */
  heal(): void {
    const { tables, broker, redis, nodes, start } = this.#options;
    this.#trouble = null;
    this.#partitions.clear();
    tables.throwing.clear();
    tables.locked.clear();
    for (const server of [tables, broker, redis]) server.isUp = true;
    broker.setAlarm(false);
    for (const name of NODE_NAMES) {
      const node = nodes.get(name);
      node?.process.thaw();
      node?.process.setClockError(0);
      for (const server of SERVERS) node?.setLink(server, 'up');
      start(name);
    }
  }

  post(from: string, to: string, kind: 'ping' | 'message'): PostFate {
    if (this.#partitions.size > 0 && this.#partitions.has(wayOf(nodeOf(from), nodeOf(to)))) return 'lost';
    if (kind === 'ping' || this.#trouble === null) return 'arrives';
    return this.#options.chance.happens(TROUBLED_SHARE) ? FATES[this.#trouble] : 'arrives';
  }

  #freeze(name: NodeName, forMs: number): void {
    const node = this.#options.nodes.get(name);
    this.#options.tell(name, `freezes${lasting(forMs)}`);
    node?.freeze();
    this.#afterwards(forMs, () => node?.process.thaw());
  }

  #link({ node: name, server, quality, forMs }: Extract<Fault, { kind: 'link' }>): void {
    const node = this.#options.nodes.get(name);
    this.#options.tell(name, `its link to ${server} is ${quality}${lasting(forMs)}`);
    node?.setLink(server, quality);
    this.#afterwards(forMs, () => node?.setLink(server, 'up'));
  }

  #partition({ from, to, way, forMs }: Extract<Fault, { kind: 'partition' }>): void {
    this.#options.tell('post', `nothing gets from ${from} to ${to}, ${way},${lasting(forMs)}`);
    const ways = way === 'one way' ? [wayOf(from, to)] : [wayOf(from, to), wayOf(to, from)];
    for (const each of ways) this.#partitions.add(each);
    this.#afterwards(forMs, () => {
      for (const each of ways) this.#partitions.delete(each);
    });
  }

  #drain(name: NodeName, forMs: number): void {
    const { nodes, start, tell } = this.#options;
    const node = nodes.get(name);
    if (node === undefined || !node.process.isAlive) return;
    tell(name, 'drains');
    node.drain().then(
      () => tell(name, 'has left'),
      () => tell(name, 'could not leave in good order'),
    );
    this.#afterwards(forMs, () => {
      node.die();
      start(name);
    });
  }

  #restart(server: ServerName, forMs: number): void {
    const { tables, broker, redis, nodes, tell } = this.#options;
    const state = { postgres: tables, broker, redis }[server];
    tell(server, `is away${lasting(forMs)}`);
    state.isUp = false;
    for (const node of nodes.values()) node.serverChanged(server);
    if (server === 'broker') broker.forgetTransient();
    this.#afterwards(forMs, () => {
      state.isUp = true;
      if (server !== 'broker') for (const node of nodes.values()) node.serverChanged(server);
      tell(server, 'is back');
    });
  }

  #afterwards(forMs: number, act: () => void): void {
    this.#options.time.after(forMs, act);
  }
}

export function nameOf(fault: Fault): string {
  switch (fault.kind) {
    case 'link':
      return `${fault.server} ${fault.quality}`;
    case 'restart':
      return `${fault.server} restart`;
    case 'post':
      return `post ${fault.fate}`;
    case 'partition':
      return `partition ${fault.way}`;
    case 'clock':
      return fault.byMs < 0 ? 'clock back' : 'clock forward';
    case 'crash':
    case 'drain':
    case 'freeze':
    case 'flush':
    case 'alarm':
    case 'lock':
    case 'throw':
      return fault.kind;
  }
}

/** Of `inbox.<node>.<incarnation>`. */
function nodeOf(inbox: string): string {
  return inbox.split('.')[1] ?? inbox;
}

function wayOf(from: string, to: string): string {
  return `${from} to ${to}`;
}

function lasting(forMs: number): string {
  return ` for ${Math.round(forMs)} ms`;
}
