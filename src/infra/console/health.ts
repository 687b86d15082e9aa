import type { ClusterPoint, HealthItem, HealthLevel, NodeRow, Waiting } from '../../contracts/console.ts';
import type { ClusterOverview } from '../overview/overview.ts';

/** What the strip at the top of the console is made of. */
export interface HealthSources {
  readonly nodes: readonly NodeRow[];
  /** null: PostgreSQL has not answered. */
  readonly overview: ClusterOverview | null;
  readonly ledgerTrouble: string | null;
  readonly waiting: Waiting | null;
  readonly lastPoint: ClusterPoint | null;
  readonly check: { readonly checked: number; readonly wrong: readonly string[] };
}

/** The oldest unanswered command: normal up to the first, slow up to the second. */
const SLOW_MS = 2_000;
const TOO_OLD_MS = 15_000;
const MANY_LETTERS = 100;

/** Six lights, each with its reason in words. */
export function healthOf(sources: HealthSources): readonly HealthItem[] {
  return [
    nodesItem(sources),
    shardsItem(sources),
    dependenciesItem(sources),
    oldestItem(sources),
    lettersItem(sources),
    invariantItem(sources),
  ];
}

function nodesItem({ nodes }: HealthSources): HealthItem {
  const working = nodes.filter(({ state }) => state === 'working').length;
  const silent = nodes.filter(({ state }) => state === 'absent').map(({ nodeId }) => nodeId);
  const unknown = nodes.some(({ state }) => state === 'unknown');
  const draining = nodes.filter(({ state }) => state === 'draining').map(({ nodeId }) => nodeId);
  const item = { id: 'nodes', title: 'Nodes', value: `${working} of ${nodes.length}` } as const;
  if (nodes.length === 0) return { ...item, value: 'none', level: 'red', why: 'No node is known.' };
  if (unknown) return { ...item, value: '?', level: 'unknown', why: 'Redis would know who is alive.' };
  if (silent.length > 0) return { ...item, level: 'red', why: `Not heard from: ${silent.join(', ')}.` };
  if (draining.length > 0) return { ...item, level: 'amber', why: `Leaving: ${draining.join(', ')}.` };
  return { ...item, level: 'green', why: 'All nodes work.' };
}

function shardsItem({ overview }: HealthSources): HealthItem {
  const item = { id: 'shards', title: 'Shards' } as const;
  if (overview === null)
    return { ...item, value: '?', level: 'unknown', why: 'The directory cannot be read.' };
  const unowned = overview.unowned.shards.length;
  const moving = overview.misfits.reduce((sum, { shards }) => sum + shards.length, 0);
  const value = `${overview.shardCount - unowned} of ${overview.shardCount}`;
  if (unowned > 0)
    return { ...item, value, level: 'red', why: `${unowned} without owner: their accounts wait.` };
  if (moving > 0) return { ...item, value, level: 'amber', why: `${moving} change hands.` };
  return { ...item, value, level: 'green', why: 'Every shard has its owner.' };
}

const SERVERS = { postgresql: 'PostgreSQL', rabbitmq: 'RabbitMQ', redis: 'Redis' } as const;

function dependenciesItem({ nodes, overview, ledgerTrouble }: HealthSources): HealthItem {
  const item = { id: 'dependencies', title: 'Servers' } as const;
  const away = new Map<string, Set<string>>();
  const note = (server: string, why: string): void => {
    away.set(server, (away.get(server) ?? new Set()).add(why));
  };
  if (ledgerTrouble !== null) note('PostgreSQL', 'does not answer the console');
  if (overview !== null && overview.redis.kind !== 'answers') note('Redis', 'does not answer the console');
  for (const { nodeId, figures } of nodes)
    for (const [name, title] of Object.entries(SERVERS)) {
      const state = figures?.dependencies[name] ?? 'up';
      if (state !== 'up') note(title, `${state} at ${nodeId}`);
    }
  if (away.size === 0)
    return { ...item, value: 'all up', level: 'green', why: 'PostgreSQL, RabbitMQ and Redis answer.' };
  const why = [...away].map(([server, whys]) => `${server}: ${[...whys].join(', ')}.`).join(' ');
  // Without Redis decisions go on.
  const level: HealthLevel = away.size === 1 && away.has('Redis') ? 'amber' : 'red';
  return { ...item, value: [...away.keys()].join(', '), level, why };
}

function oldestItem({ lastPoint, waiting }: HealthSources): HealthItem {
  const item = { id: 'oldest', title: 'Oldest command' } as const;
  if (lastPoint === null) return { ...item, value: '?', level: 'unknown', why: 'No node tells its figures.' };
  const ms = lastPoint.mailboxAgeMs;
  const value = ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
  const level = ms > TOO_OLD_MS ? 'red' : ms > SLOW_MS ? 'amber' : 'green';
  const parked = waiting === null || waiting.parked.count === 0 ? '' : ` ${waiting.parked.count} are parked.`;
  const why = ms === 0 ? 'Nothing waits in a mailbox.' : 'The longest wait for an answer in a mailbox.';
  return { ...item, value, level: parked !== '' && level === 'green' ? 'amber' : level, why: why + parked };
}

function lettersItem({ waiting }: HealthSources): HealthItem {
  const item = { id: 'letters', title: 'Dead letters' } as const;
  if (waiting === null) return { ...item, value: '?', level: 'unknown', why: 'They cannot be counted.' };
  const { count, more, reasons } = waiting.deadLetters;
  if (count === 0) return { ...item, value: '0', level: 'green', why: 'Nothing was given up.' };
  const most = reasons[0] === undefined ? '' : ` Most: ${reasons[0].reason}.`;
  const why = `${count}${more ? ' or more' : ''} open.${most}`;
  return {
    ...item,
    value: `${count}${more ? '+' : ''}`,
    level: count >= MANY_LETTERS ? 'red' : 'amber',
    why,
  };
}

function invariantItem({ check }: HealthSources): HealthItem {
  const item = { id: 'invariant', title: 'Balances' } as const;
  if (check.wrong.length > 0) {
    const why = `Balance and journal differ: ${check.wrong.slice(0, 3).join(', ')}.`;
    return { ...item, value: `${check.wrong.length} wrong`, level: 'red', why };
  }
  if (check.checked === 0)
    return { ...item, value: '–', level: 'unknown', why: 'No account has been compared yet.' };
  const why = `${check.checked} glances at accounts: each equals its journal. paygate verify checks all.`;
  return { ...item, value: 'fit', level: 'green', why };
}
