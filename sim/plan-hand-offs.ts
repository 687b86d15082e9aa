import { shardOf } from '../src/domain/shard.ts';
import { LIMITS } from '../src/limits.ts';
import { ownerOf } from '../src/supervisor/cluster/placement.ts';
import type { Chance } from './chance.ts';
import { Messages } from './plan-messages.ts';
import { NODE_NAMES } from './plan.ts';
import type { Fault, NodeName, Step } from './plan.ts';
import type { Times } from './plan-times.ts';
import { SHARDS } from './servers/sim-tables.ts';

export interface HandOffsInTrouble {
  /** Whose shards move. */
  readonly accounts: readonly string[];
  readonly steps: readonly Step[];
}

const SHARE_OF_RUNS = 0.1;
const INGEST = 'ingest:transactions_queue';
const MOVING_ACCOUNTS = 3;
/** From the start of a node until the others give it its first shards, and a little more. */
const JOINING_MS = { from: 1_300, to: 2_700 };
/** Longer than a hand-off may take. */
const AWAY_MS = { from: 6_000, to: 9_000 };
const MESSAGE_EVERY_MS = 25;

/**
 * In one run of ten: a node comes back and gets its shards from the node that reads the queue, while the database is slow and their
 * accounts are busy; and then the database is away for longer than a hand-off may take. So the reader has to take back what it had
 * begun, and has newer commands of the same accounts in hand. By chance alone that would not come together in thousands of seeds.
 */
export function handOffsInTrouble(
  chance: Chance,
  times: Times,
  { cards, startMs }: { readonly cards: ReadonlyMap<string, string>; readonly startMs: number },
): HandOffsInTrouble {
  if (!chance.happens(SHARE_OF_RUNS)) return { accounts: [], steps: [] };
  const node = chance.pick(NODE_NAMES.filter((name) => name !== ownerOf(INGEST, NODE_NAMES)));
  const joinsAtMs = Math.max(3_500, times.ofFault());
  const awayAtMs = joinsAtMs + chance.between(JOINING_MS.from, JOINING_MS.to);
  const accounts = Array.from({ length: MOVING_ACCOUNTS }, () => movingAccount(chance, node));
  const messages = new Messages(chance.fork(), accounts, cards, startMs);
  const count = Math.ceil((awayAtMs + LIMITS.handOffFinishMs - joinsAtMs) / MESSAGE_EVERY_MS);
  const stream = Array.from({ length: count }, (_, n) => messages.next(joinsAtMs + n * MESSAGE_EVERY_MS));
  return { accounts, steps: [...stream.flat(), ...faults(chance, node, joinsAtMs, awayAtMs)] };
}

function faults(chance: Chance, node: NodeName, joinsAtMs: number, awayAtMs: number): readonly Fault[] {
  const atMs = Math.max(1_000, joinsAtMs - 2_500);
  const slow = NODE_NAMES.filter((name) => name !== node).map((name): Fault => {
    const link = { kind: 'link', node: name, server: 'postgres', quality: 'slow' } as const;
    return { atMs: joinsAtMs, forMs: 10_000, ...link };
  });
  return [
    { atMs, kind: 'drain', node, forMs: joinsAtMs - atMs },
    ...slow,
    {
      ...{ atMs: awayAtMs, kind: 'restart', server: 'postgres' },
      forMs: chance.between(AWAY_MS.from, AWAY_MS.to),
    },
  ];
}

/** One whose shard is among the first that the reader gives to `joining` when that comes back. */
function movingAccount(chance: Chance, joining: NodeName): string {
  const others = NODE_NAMES.filter((name) => name !== joining);
  const reader = ownerOf(INGEST, others);
  const first = SHARDS.map((shard) => `shard:${shard}`)
    .filter((slot) => ownerOf(slot, NODE_NAMES) === joining && ownerOf(slot, others) === reader)
    .sort()
    .slice(0, LIMITS.handOffsMax);
  for (;;) {
    const accountId = chance.uuid();
    if (first.includes(`shard:${shardOf(accountId, LIMITS.shardCount)}`)) return accountId;
  }
}
