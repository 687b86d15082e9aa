import type { Chance } from './chance.ts';
import { HEALED_AT_MS, NODE_NAMES, WORK_UNTIL_MS } from './plan.ts';
import type { Fault, NodeName } from './plan.ts';
import type { Times } from './plan-times.ts';

const FAULTS_MAX = 8;
/** How long after a fault one may come that belongs to it. */
const COMPANION_MS = 3_000;
const LOCK_MS_MAX = 2_500;
/** Clocks are put wrong by at most so much. */
const CLOCK_MS = 20_000;

/** Faults by themselves, and faults that meet another: most of what goes wrong needs two. */
export function faultsOf(chance: Chance, times: Times, accounts: readonly string[]): readonly Fault[] {
  const faults: Fault[] = [];
  const count = chance.whole(0, FAULTS_MAX);
  while (faults.length < count) {
    const last = faults.at(-1);
    const isCompanion = last !== undefined && chance.happens(0.35);
    const atMs = isCompanion
      ? Math.min(last.atMs + chance.between(0, COMPANION_MS), WORK_UNTIL_MS + COMPANION_MS)
      : times.ofFault();
    const node = isCompanion && 'node' in last && chance.happens(0.6) ? last.node : chance.pick(NODE_NAMES);
    faults.push(faultOf(chance, atMs, node, accounts));
  }
  return faults;
}

/** In one run of five: somebody holds the rows of one account, now and then. */
export function locksOf(chance: Chance, times: Times, accounts: readonly string[]): readonly Fault[] {
  if (!chance.happens(0.2)) return [];
  const accountId = chance.pick(accounts);
  return Array.from({ length: chance.whole(1, 4) }, () => {
    return { atMs: times.ofFault(), kind: 'lock', accountId, forMs: chance.between(50, LOCK_MS_MAX) };
  });
}

function faultOf(chance: Chance, atMs: number, node: NodeName, accounts: readonly string[]): Fault {
  const forMs = Math.min(chance.between(300, 14_000), HEALED_AT_MS - atMs - 1);
  switch (chance.whole(0, 14)) {
    case 0:
      return { atMs, kind: 'crash', node, forMs };
    case 1:
    case 2:
      return { atMs, kind: 'drain', node, forMs };
    case 3:
    case 4:
      return { atMs, kind: 'freeze', node, forMs };
    case 5:
    case 6:
    case 7: {
      const server = chance.pick(['postgres', 'broker', 'redis'] as const);
      const quality = chance.pick(['slow', 'flaky', 'deaf', 'cut'] as const);
      return { atMs, kind: 'link', node, server, quality, forMs };
    }
    case 8: {
      const server = chance.pick(['postgres', 'broker', 'redis'] as const);
      return { atMs, kind: 'restart', server, forMs: Math.min(forMs, 4_000) };
    }
    case 9:
      return { atMs, kind: 'flush' };
    case 10:
      return partition(chance, atMs, node, forMs);
    case 11:
      return { atMs, kind: 'alarm', forMs };
    case 12:
      return { atMs, kind: 'clock', node, byMs: Math.round(chance.between(-CLOCK_MS, CLOCK_MS)) };
    case 13:
      return { atMs, kind: 'throw', accountId: chance.pick(accounts), times: chance.whole(1, 6) };
    default:
      return { atMs, kind: 'post', fate: chance.pick(['lossy', 'doubling', 'reordering'] as const), forMs };
  }
}

function partition(chance: Chance, atMs: number, from: NodeName, forMs: number): Fault {
  const to = chance.pick(NODE_NAMES.filter((name) => name !== from));
  const way = chance.pick(['one way', 'both ways'] as const);
  return { atMs, kind: 'partition', from, to, way, forMs };
}
