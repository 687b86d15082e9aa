/**
 * Without these: two nodes write a shard, a shard or a queue has nobody for ever, or a death, a FLUSHALL or a
 * restart makes shards move that should have stayed.
 */
import { describe, expect, it } from 'vitest';
import { transition } from 'xstate';
import { INBOUND_QUEUES } from '../../../src/contracts/queues.ts';
import { LIMITS } from '../../../src/limits.ts';
import { nextShardState, shardMachine } from '../../../src/machines/shard-machine.ts';
import { KeeperWorld } from './keeper-world.ts';
import type { WorldNode } from './keeper-world.ts';

async function settled(
  names: readonly string[] = ['a', 'b', 'c'],
): Promise<{ world: KeeperWorld; nodes: WorldNode[] }> {
  const world = new KeeperWorld();
  const nodes = names.map((name) => world.join(name));
  expect(await world.ticksUntilPlaced(12)).toBeTypeOf('number');
  return { world, nodes };
}

const owners = (world: KeeperWorld): (string | undefined)[] =>
  world.rows.rows.map(({ owner }) => owner?.incarnation);
const epochs = (world: KeeperWorld): bigint[] => world.rows.rows.map(({ epoch }) => epoch);
const handOffs = (nodes: readonly WorldNode[]): number =>
  nodes.flatMap(({ told }) => told).filter((line) => line.startsWith('begin')).length;
const reading = (world: KeeperWorld, node: WorldNode): number =>
  INBOUND_QUEUES.filter((queue) => world.broker.asks(queue, node.incarnation)).length;

describe('a cluster that starts', () => {
  it('places everything once: nothing is handed off', async () => {
    const { world, nodes } = await settled();
    expect(handOffs(nodes)).toBe(0);
    expect(new Set(epochs(world))).toEqual(new Set([1n]));
  });

  it('waits for those who come a little later', async () => {
    const world = new KeeperWorld();
    const first = world.join('a');
    await world.run(1_500);
    const second = world.join('b');
    expect(await world.ticksUntilPlaced(12)).toBeTypeOf('number');
    expect(handOffs([first, second])).toBe(0);
  });

  it('reads no queue while the boot is young and somebody may be at work', async () => {
    const world = new KeeperWorld();
    world.rows.take(0, 0n, { nodeId: 'b', incarnation: 'b#0', inbox: 'inbox.b.0' });
    const node = world.join('a');
    await world.run(LIMITS.leaseMs - 500);
    expect([node.shards.owned().length, reading(world, node)]).toEqual([LIMITS.shardCount - 1, 0]);
  });

  it('does not wait for leases that nobody can have had', async () => {
    const world = new KeeperWorld();
    const node = world.join('a');
    await world.run(LIMITS.leaseMs - 500);
    expect([node.shards.owned().length, reading(world, node)]).toEqual([LIMITS.shardCount, 5]);
  });

  it('works without a Redis that was never there, and shares when it comes', async () => {
    const world = new KeeperWorld();
    const first = world.join('a');
    const second = world.join('b');
    for (const { membership } of [first, second]) membership.link = 'cut';
    await world.run(3_000 + LIMITS.leaseMs + 2_000);
    expect(first.shards.owned().length + second.shards.owned().length).toBe(LIMITS.shardCount);
    for (const { membership } of [first, second]) membership.link = 'up';
    expect(await world.ticksUntilPlaced(40)).toBeTypeOf('number');
  });

  it('reads nothing while an operator has paused intake, and goes on afterwards', async () => {
    const world = new KeeperWorld();
    const node = world.join('a');
    await world.run(LIMITS.leaseMs + 2_000);
    world.rows.pause = { since: '2026-11-23T03:00:00Z', operator: 'ops', why: 'a test' };
    await world.run(2_000);
    expect([node.shards.owned().length, reading(world, node)]).toEqual([LIMITS.shardCount, 0]);
    world.rows.pause = null;
    await world.run(2_000);
    expect(reading(world, node)).toBe(5);
  });

  it('takes over from an earlier run of its own name at once', async () => {
    const world = new KeeperWorld();
    const first = world.join('a');
    await world.run(LIMITS.leaseMs + 2_000);
    world.die(first, 'silently');
    const second = world.join('a');
    await world.run(4_000);
    expect([second.shards.owned().length, reading(world, second)]).toEqual([LIMITS.shardCount, 5]);
  });
});

describe('a node that joins', () => {
  it('gets its shards in bounded moves, each without owner for no more than two ticks', async () => {
    const { world, nodes } = await settled(['a', 'b']);
    world.join('c');
    let longestMs = 0;
    const sinceMs = new Map<number, number>();
    for (let ticks = 0; ticks < 400 && world.misplaced().length > 0; ticks += 1) {
      await world.run(50);
      for (const { shard, owner } of world.rows.rows) {
        if (owner !== null) sinceMs.delete(shard);
        else if (!sinceMs.has(shard)) sinceMs.set(shard, world.clock.now());
        longestMs = Math.max(longestMs, world.clock.now() - (sinceMs.get(shard) ?? world.clock.now()));
      }
    }
    expect(world.misplaced()).toEqual([]);
    expect(longestMs).toBeLessThanOrEqual(2 * LIMITS.leaseTickMs);
    expect(handOffs(nodes)).toBe(world.rows.rows.filter(({ owner }) => owner?.nodeId === 'c').length);
  });

  it('stops taking before it finishes, and finishes before the row names nobody', async () => {
    const { world, nodes } = await settled(['a', 'b']);
    for (const node of nodes) node.finishMs = 400;
    world.join('c');
    await world.ticksUntilPlaced(30);
    for (const { told } of nodes)
      for (const line of told.filter((one) => one.startsWith('begin'))) {
        const shard = line.split(' ')[1]!;
        expect(told.indexOf(`finished ${shard}`)).toBeGreaterThan(told.indexOf(line));
        expect(told).not.toContain(`lost ${shard}`);
      }
  });
});

describe('a hand-off', () => {
  it('waits for what is under way, however long it takes', async () => {
    const { world, nodes } = await settled(['a', 'b']);
    for (const node of nodes) node.finishMs = 1_000_000;
    const joined = world.join('c');
    await world.run(12_000);
    expect(handOffs(nodes)).toBeGreaterThan(0);
    expect(owners(world)).not.toContain(joined.incarnation);
  });

  it('is not begun after a FLUSHALL before the leases can be believed again', async () => {
    const { world, nodes } = await settled(['a', 'b']);
    world.join('c');
    await world.run(3_000);
    world.redis.flushAll();
    await world.run(1_500);
    const begun = handOffs(nodes);
    await world.run(2_500);
    expect(handOffs(nodes)).toBe(begun);
    expect(await world.ticksUntilPlaced(20)).toBeTypeOf('number');
  });
});

describe('a node that dies', () => {
  it('is followed within two seconds when its inbox is gone', async () => {
    const { world, nodes } = await settled();
    world.die(nodes[0]!, 'noticed');
    await world.run(2_000);
    expect(world.misplaced()).toEqual([]);
  });

  it('is followed after its lease when nobody notices', async () => {
    const { world, nodes } = await settled();
    world.die(nodes[0]!, 'silently');
    await world.run(LIMITS.leaseMs - 1_100);
    expect(owners(world)).toContain(nodes[0]!.incarnation);
    expect(await world.ticksUntilPlaced(6)).toBeTypeOf('number');
  });

  it('is followed by epoch alone while Redis is away', async () => {
    const { world, nodes } = await settled();
    for (const { membership } of nodes) membership.link = 'cut';
    await world.run(8_000);
    world.die(nodes[0]!, 'noticed');
    await world.run(3_000);
    expect(owners(world)).not.toContain(nodes[0]!.incarnation);
    for (const queue of INBOUND_QUEUES) expect(world.broker.asking(queue)).toHaveLength(1);
  });

  it('is nobody to others when only a message came back over a new connection', async () => {
    const { world, nodes } = await settled();
    const before = owners(world);
    nodes[1]!.tick.returned(nodes[0]!.inbox, 'unsure');
    await world.run(3_000);
    expect(owners(world)).toEqual(before);
  });
});

describe('a proof of death that is wrong', () => {
  it.each([0, 200, 400, 600])(
    'takes nothing from the living when the leases, young meanwhile, settle (%i ms later in the tick)',
    async (laterMs) => {
      const { world, nodes } = await settled();
      await world.run(laterMs);
      const [slandered, ...others] = nodes;
      const before = epochs(world);
      world.redis.flushAll();
      for (const { tick } of others) tick.returned(slandered!.inbox, 'gone');
      expect(await world.ticksUntilCalm(2, 20)).toBeTypeOf('number');
      expect(epochs(world)).toEqual(before);
      expect(handOffs(nodes)).toBe(0);
    },
  );
});

describe('a node that is frozen', () => {
  it('finds out before it does anything else, and gets its own back', async () => {
    const { world, nodes } = await settled();
    const [frozen] = nodes;
    world.pause(frozen!);
    await world.run(12_000);
    expect(owners(world)).not.toContain(frozen!.incarnation);
    world.resume(frozen!);
    expect(reading(world, frozen!)).toBe(0);
    // One read of the directory may have been under way all the time.
    await world.run(LIMITS.leaseTickMs + 100);
    expect(frozen!.told.filter((line) => line.startsWith('lost')).length).toBeGreaterThan(50);
    expect(reading(world, frozen!)).toBe(0);
    expect(await world.ticksUntilPlaced(20)).toBeTypeOf('number');
  });

  it('gives the lease back when PostgreSQL refuses its commit', async () => {
    const { world, nodes } = await settled();
    const [node, rival] = nodes;
    const shard = node!.shards.owned()[0]!;
    const { nodeId, incarnation, inbox } = rival!;
    world.rows.take(shard, 1n, { nodeId, incarnation, inbox });
    world.commit(node!, shard);
    expect(node!.tick.shardKeeper.stateOf(shard)).toBe('lost');
    expect(node!.told).toContain(`lost ${shard}`);
    expect(world.redis.holderOf(`shard:${shard}`)).toBe(null);
  });
});

describe('a shard', () => {
  it('goes through its states as the statechart says, and refuses every other move', () => {
    const moves = ['claim', 'refused', 'tookOver', 'handOff', 'released', 'fenced', 'lookedUp'] as const;
    for (const state of ['unowned', 'acquiring', 'owned', 'handingOff', 'lost'] as const)
      for (const type of moves) {
        const snapshot = shardMachine.resolveState({ value: state });
        const next = transition(shardMachine, snapshot, { type })[0].value;
        if (snapshot.can({ type })) expect(nextShardState(state, type)).toBe(next);
        else expect(() => nextShardState(state, type)).toThrow(`a shard that is ${state} cannot be ${type}`);
      }
  });

  it('that is free for a moment is not taken from a node that lives', async () => {
    const { world, nodes } = await settled(['a', 'b']);
    const before = epochs(world);
    // `a` is at work with shards of `b` whose leases it lost: as after a takeover by epoch alone.
    for (const { shard, epoch } of world.rows.rows) {
      const { nodeId, incarnation, inbox } = nodes[0]!;
      if (nodes[0]!.shards.epochOf(shard) === null)
        world.rows.take(shard, epoch, { nodeId, incarnation, inbox });
    }
    await world.run(30_000);
    expect(world.misplaced()).toEqual([]);
    expect(nodes[0]!.told.filter((line) => line.startsWith('lost'))).toEqual([]);
    expect(epochs(world).reduce((sum, epoch) => sum + epoch)).toBeGreaterThan(
      before.reduce((sum, epoch) => sum + epoch),
    );
  });
});

describe('Redis', () => {
  it('away: everything stays where it is, whoever comes', async () => {
    const { world, nodes } = await settled();
    const before = epochs(world);
    for (const { membership } of nodes) membership.link = 'cut';
    world.join('d').membership.link = 'cut';
    await world.run(20_000);
    expect(epochs(world)).toEqual(before);
    expect(nodes.map((node) => reading(world, node)).reduce((sum, count) => sum + count)).toBe(
      INBOUND_QUEUES.length,
    );
  });

  it('back: leases are put back, no shard has moved', async () => {
    const { world, nodes } = await settled();
    const before = epochs(world);
    for (const { membership } of nodes) membership.link = 'cut';
    await world.run(20_000);
    for (const { membership } of nodes) membership.link = 'up';
    expect(await world.ticksUntilPlaced(10)).toBeTypeOf('number');
    expect(epochs(world)).toEqual(before);
  });

  it('flushed: owners put their leases back, and nothing moves', async () => {
    const { world, nodes } = await settled();
    const before = epochs(world);
    world.redis.flushAll();
    await world.run(1_500);
    expect(world.misplaced()).toEqual([]);
    await world.run(8_000);
    expect(epochs(world)).toEqual(before);
    expect(handOffs(nodes)).toBe(0);
  });

  it('away from one node only: the others take over, it is fenced and comes back', async () => {
    const { world, nodes } = await settled();
    nodes[0]!.membership.link = 'cut';
    await world.run(12_000);
    expect(owners(world)).not.toContain(nodes[0]!.incarnation);
    expect(nodes[0]!.shards.owned()).toEqual([]);
    nodes[0]!.membership.link = 'up';
    expect(await world.ticksUntilPlaced(20)).toBeTypeOf('number');
  });
});

describe('a node with half its links', () => {
  it.each(['ledger', 'inbox'] as const)('without %s gives everything up after a lease time', async (link) => {
    const { world, nodes } = await settled();
    const [node] = nodes;
    if (link === 'ledger') node!.directory.link = 'cut';
    else node!.inboxLink = 'cut';
    await world.run(LIMITS.leaseMs + 2_000);
    expect([node!.tick.gate, reading(world, node!)]).toEqual([`no-${link}`, 0]);
    await world.run(LIMITS.leaseMs + 3_000);
    expect(owners(world)).not.toContain(node!.incarnation);
    for (const queue of INBOUND_QUEUES) expect(world.broker.asking(queue)).toHaveLength(1);
  });

  it('takes again what it took without being told', async () => {
    const world = new KeeperWorld();
    const node = world.join('a');
    while (node.tick.shardKeeper.counts().acquiring === 0) await world.run(50);
    node.directory.link = 'deaf';
    await world.run(1_000);
    expect(owners(world)).toContain(node.incarnation);
    expect(node.shards.owned()).toEqual([]);
    node.directory.link = 'up';
    expect(await world.ticksUntilPlaced(10)).toBeTypeOf('number');
  });
});

describe('what is given away', () => {
  it('is taken at once, not with the next tick', async () => {
    const world = new KeeperWorld();
    const [first] = [world.join('a'), world.join('b')];
    await world.ticksUntilPlaced(20);
    await world.run(2_000);
    world.drain(first);
    const shards = (): number => world.nodes[1]!.shards.owned().length;
    const before = shards();
    while (first.told.every((line) => !line.startsWith('left'))) await world.run(50);
    await world.run(350);
    expect(shards()).toBeGreaterThan(before);
  });
});

describe('a node that drains', () => {
  it('has given everything away, step by step, before it is gone', async () => {
    const { world, nodes } = await settled();
    const [node] = nodes;
    world.drain(node!);
    await world.run(500);
    // The others are told first: until they know, nobody would take what is given away.
    expect([reading(world, node!), handOffs([node!])]).toEqual([0, 0]);
    for (let ticks = 0; ticks < 15 && node!.draining !== 'done'; ticks += 1) await world.run(1_000);
    expect([node!.draining, node!.shards.owned(), node!.membership.held().size]).toEqual(['done', [], 0]);
    expect(node!.told.filter((line) => line.startsWith('lost'))).toEqual([]);
    expect(await world.ticksUntilPlaced(3)).toBeTypeOf('number');
  });

  it('is followed while Redis is away: the row names nobody', async () => {
    const { world, nodes } = await settled();
    for (const { membership } of nodes) membership.link = 'cut';
    await world.run(3_000);
    world.drain(nodes[0]!);
    await world.run(15_000);
    expect(nodes[0]!.draining).toBe('done');
    expect(nodes[0]!.told.filter((line) => line.startsWith('lost'))).toEqual([]);
    expect(owners(world)).not.toContain(nodes[0]!.incarnation);
    expect(owners(world)).not.toContain(undefined);
  });

  it('goes at once when it is the last', async () => {
    const { world, nodes } = await settled(['a']);
    world.drain(nodes[0]!);
    await world.run(1_000);
    expect([nodes[0]!.draining, new Set(owners(world))]).toEqual(['done', new Set([undefined])]);
  });
});
