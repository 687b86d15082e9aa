/**
 * Without these: some sequence of deaths, freezes, lost links, flushes, joins and drains leaves a shard with two
 * owners, or one that nobody ever takes.
 */
import { describe, expect, it } from 'vitest';
import { fc } from '../../support/properties.ts';
import { KeeperWorld } from './keeper-world.ts';
import type { WorldNode } from './keeper-world.ts';

/**
 * Ticks from the healing to the last shard in its place: a young boot or a proof of death that was wrong (5), two views
 * (2), a lease that nobody gives back (5), and then, at worst, two thirds of all shards from one node (11), each move
 * taken a tick later.
 */
const TICKS_TO_HEAL_MAX = 30;
/** So long all must stay in its place to count as placed: the last false news may be waiting for leases to be settled (6). */
const TICKS_OF_CALM = 10;
const NODES_MAX = 4;

type Affliction =
  | {
      readonly do: 'kill' | 'vanish' | 'pause' | 'resume' | 'drain' | 'slander' | 'commit' | 'mend' | 'slow';
      readonly node: number;
    }
  | { readonly do: 'redis' | 'ledger'; readonly node: number; readonly link: 'up' | 'cut' | 'deaf' }
  | { readonly do: 'inbox'; readonly node: number };

type Step =
  | Affliction
  | { readonly do: 'run'; readonly ms: number }
  | { readonly do: 'join' | 'flush' | 'redis-away' | 'redis-back' };

const node = fc.nat({ max: NODES_MAX - 1 });
const common = fc.constantFrom(
  'join' as const,
  'join' as const,
  'flush' as const,
  'redis-away' as const,
  'redis-back' as const,
);
const affliction = fc.constantFrom(
  ...(['kill', 'vanish', 'pause', 'pause', 'resume', 'resume'] as const),
  ...(['drain', 'slander', 'commit', 'mend', 'slow'] as const),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      ms: fc.constantFrom(50, 500, 1_000, 3_000, 7_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: common }) },
  { weight: 4, arbitrary: fc.record({ do: affliction, node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('redis' as const, 'ledger' as const),
      node,
      link: fc.constantFrom('up' as const, 'cut' as const, 'deaf' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('inbox' as const), node }) },
);

async function take(world: KeeperWorld, step: Step): Promise<void> {
  if ('node' in step) {
    const one = world.present[step.node % Math.max(1, world.present.length)];
    if (one !== undefined) afflict(world, one, step);
  } else if (step.do === 'run') await world.run(step.ms);
  else if (step.do === 'join') join(world);
  else if (step.do === 'flush') world.redis.flushAll();
  else for (const each of world.present) each.membership.link = step.do === 'redis-away' ? 'cut' : 'up';
}

function join(world: KeeperWorld): void {
  const free = ['a', 'b', 'c', 'd'].find((name) => world.present.every(({ nodeId }) => nodeId !== name));
  if (free !== undefined) world.join(free);
}

function afflict(world: KeeperWorld, one: WorldNode, step: Affliction): void {
  switch (step.do) {
    case 'kill':
      world.die(one, 'noticed');
      break;
    case 'vanish':
      world.die(one, 'silently');
      break;
    case 'pause':
      if (one.isRunning) world.pause(one);
      break;
    case 'resume':
      if (!one.isRunning) world.resume(one);
      break;
    case 'drain':
      if (one.isRunning && one.draining === 'no') world.drain(one);
      break;
    case 'slander':
      for (const other of world.present)
        if (other !== one && other.isRunning) other.tick.returned(one.inbox, 'gone');
      break;
    case 'commit':
      if (one.isRunning) for (const shard of one.shards.owned().slice(0, 3)) world.commit(one, shard);
      break;
    case 'slow':
      one.finishMs = one.finishMs === 40 ? 2_500 : 40;
      break;
    case 'mend':
      one.membership.link = one.directory.link = one.inboxLink = 'up';
      break;
    case 'redis':
      one.membership.link = step.link;
      break;
    case 'ledger':
      one.directory.link = step.link;
      break;
    case 'inbox':
      one.inboxLink = 'cut';
      break;
  }
}

async function heal(world: KeeperWorld): Promise<number | string> {
  for (const each of world.present) {
    each.membership.link = each.directory.link = each.inboxLink = 'up';
    each.finishMs = 40;
    if (!each.isRunning) world.resume(each);
  }
  if (world.present.every(({ draining }) => draining !== 'no'))
    world.join(['x', 'y', 'z'].find((name) => world.present.every(({ nodeId }) => nodeId !== name))!);
  return world.ticksUntilCalm(TICKS_TO_HEAL_MAX, TICKS_OF_CALM);
}

describe('shards and ingest roles', () => {
  it('have one owner at most, and exactly one where it belongs once everything is well', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const world = new KeeperWorld();
        for (const name of ['a', 'b', 'c']) world.join(name);
        await world.run(steps.length % 2 === 0 ? 10_000 : 1_000);
        for (const each of steps) await take(world, each);
        const ticks = await heal(world);
        expect(ticks).toBeTypeOf('number');
        // Who leaves gets away.
        expect(world.present.filter(({ draining }) => draining !== 'no')).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
