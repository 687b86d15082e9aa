import type { SeededRandom } from '../../../src/drive/seeded-random.ts';
import type { ClusterScene, Dependency } from './cluster-scene.ts';
import type { Cut } from './tcp-proxy.ts';

/** What can happen to a cluster, drawn by a seed before it happens, so that the same seed draws the same whatever the machine does meanwhile. */

export interface Victims {
  readonly nodes: readonly string[];
  /** Those whose processes may end: at least two, and not all where somebody has to be seen growing old. */
  readonly mortals: readonly string[];
}

export interface PlannedFault {
  readonly kind: FaultKind;
  /** In words, for a time line. */
  readonly what: string;
  /**
   * Resolves when it is over, except for nodes that are gone: whoever calls starts them again. `hold` waits that long, or less
   * when everything is to end. Rejects where it could not happen, or where a node did not leave in good order.
   */
  readonly happen: (scene: ClusterScene, hold: Hold) => Promise<unknown>;
}

export type Hold = (delayMs: number) => Promise<void>;
export type FaultKind = keyof typeof FAULTS;

type Plan = Omit<PlannedFault, 'kind'>;

/** The one that reads `transactions_queue` at that moment, or a certain node. */
type Target = 'the reader' | (string & {});

/** Leases last 5 s, the broker's heartbeat notices after 10 to 15. */
const OUTAGE_MAX_MS = 20_000;
const ALARM_MIN_MS = 3_000;
const ALARM_MAX_MS = 8_000;
const WATERMARK_DEFAULT = '0.4';
const TERMINATIONS_MAX = 5;
const TERMINATIONS_EVERY_MS = 400;

export const FAULTS = {
  'node-killed': (random, { mortals }) => {
    const victim = oneOf(random, mortals);
    return { what: `${victim} is killed`, happen: (scene) => scene.kill(victim) };
  },
  'two-nodes-killed': (random, { mortals }) => {
    const victims = shuffled(random, mortals).slice(0, 2).sort();
    return { what: `${victims.join(' and ')} are killed at once`, happen: (scene) => scene.kill(...victims) };
  },
  'node-frozen': (random, { nodes }) => {
    const target = targetAmong(random, nodes);
    const delayMs = random.below(OUTAGE_MAX_MS);
    return {
      what: `${target} is frozen for ${seconds(delayMs)}`,
      happen: async (scene, hold) => {
        const node = scene.node(await nodeAt(scene, target));
        await node.freeze();
        await hold(delayMs).finally(() => node.thaw());
      },
    };
  },
  'node-leaves': (random, { mortals }) => {
    const victim = oneOf(random, mortals);
    return { what: `${victim} leaves`, happen: (scene) => scene.leave(victim) };
  },
  'rolling-restart': (random, { mortals }) => {
    const order = shuffled(random, mortals);
    return {
      what: `rolling restart of ${order.join(', then ')}`,
      happen: async (scene) => {
        for (const nodeId of order) {
          await scene.leave(nodeId);
          await scene.start(nodeId);
        }
      },
    };
  },
  'postgres-cut-off': (random, victims) => cutOff(random, victims, 'postgres'),
  'rabbitmq-cut-off': (random, victims) => cutOff(random, victims, 'rabbitmq'),
  'redis-cut-off': (random, victims) => cutOff(random, victims, 'redis'),
  'redis-flushed': () => ({
    what: 'Redis is flushed',
    happen: (scene) => scene.redis.flushall(),
  }),
  'redis-killed': (random) => {
    const delayMs = random.below(OUTAGE_MAX_MS);
    return {
      what: `Redis is killed and away for ${seconds(delayMs)}`,
      happen: async (scene, hold) => {
        await scene.servers.redis.stop('killed');
        await hold(delayMs).finally(() => scene.servers.redis.start());
      },
    };
  },
  'rabbitmq-restarted': () => ({
    what: 'RabbitMQ is restarted',
    happen: (scene) => scene.servers.rabbitmq.restart('orderly'),
  }),
  'connections-closed': () => ({
    what: 'all broker connections are closed',
    happen: (scene) => scene.closeBrokerConnections(),
  }),
  'memory-alarm': (random) => {
    const delayMs = ALARM_MIN_MS + random.below(ALARM_MAX_MS - ALARM_MIN_MS);
    const watermark = (scene: ClusterScene, share: string): Promise<unknown> =>
      scene.control('set_vm_memory_high_watermark', share);
    return {
      what: `memory alarm of the broker for ${seconds(delayMs)}`,
      happen: async (scene, hold) => {
        await watermark(scene, '0');
        await hold(delayMs).finally(() => watermark(scene, WATERMARK_DEFAULT));
      },
    };
  },
  'postgres-killed': () => ({
    what: 'PostgreSQL is killed and started',
    happen: (scene) => scene.servers.postgres.restart('killed'),
  }),
  'backends-terminated': (random) => {
    const times = 1 + random.below(TERMINATIONS_MAX);
    return {
      what: `all backends of the nodes are terminated, ${times} ×`,
      happen: async (scene, hold) => {
        for (let time = 1; time <= times; time += 1) {
          await scene.terminateBackends();
          await hold(TERMINATIONS_EVERY_MS);
        }
      },
    };
  },
} satisfies Readonly<Record<string, (random: SeededRandom, victims: Victims) => Plan>>;

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

/** An endless row of faults: all of these kinds in some order, then all in another order, and so on. */
export function* faultRow(
  random: SeededRandom,
  victims: Victims,
  kinds: readonly FaultKind[] = FAULT_KINDS,
): Generator<PlannedFault, never> {
  if (kinds.length === 0) throw new RangeError('there is no kind of fault to draw from');
  for (;;) for (const kind of shuffled(random, kinds)) yield { kind, ...FAULTS[kind](random, victims) };
}

/** One node loses one server and nobody else does. Readers often: they hold what others wait for. */
function cutOff(random: SeededRandom, { nodes }: Victims, server: Dependency): Plan {
  const target = targetAmong(random, nodes);
  const how: Cut = random.chance(0.5) ? 'silent' : 'reset';
  const delayMs = random.below(OUTAGE_MAX_MS);
  return {
    what: `${target} is cut off from ${server} (${how}) for ${seconds(delayMs)}`,
    happen: async (scene, hold) => {
      const link = scene.linksOf(await nodeAt(scene, target))[server];
      link.cut(how);
      await hold(delayMs).finally(() => link.heal());
    },
  };
}

function targetAmong(random: SeededRandom, nodes: readonly string[]): Target {
  const node = oneOf(random, nodes);
  return random.chance(0.5) ? 'the reader' : node;
}

async function nodeAt(scene: ClusterScene, target: Target): Promise<string> {
  return target === 'the reader' ? scene.reader() : target;
}

function oneOf<T>(random: SeededRandom, items: readonly T[]): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new RangeError('there is nothing to choose from');
  return item;
}

function shuffled<T>(random: SeededRandom, items: readonly T[]): readonly T[] {
  const keys = new Map(items.map((item) => [item, random.uint32()]));
  return items.toSorted((one, other) => (keys.get(one) ?? 0) - (keys.get(other) ?? 0));
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
