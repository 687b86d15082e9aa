/** Without these: two nodes want the same shard, one node gets most of them, or every join moves half of the cluster. */
import { describe, expect, it } from 'vitest';
import { movesOf, ownerOf, place, Placement } from '../../../src/supervisor/cluster/placement.ts';
import { fc } from '../../support/properties.ts';

const SLOTS = Array.from({ length: 256 }, (_, shard) => `shard:${shard}`);
const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `node-${n + 1}`);
const nodeNames = (maxLength: number): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { minLength: 2, maxLength });

function sharesOf(nodes: readonly string[]): number[] {
  const placed = [...place(SLOTS, nodes).values()];
  const mean = SLOTS.length / nodes.length;
  return nodes.map((node) => placed.filter((owner) => owner === node).length / mean);
}

describe('placement', () => {
  it('does not depend on the order of the nodes', () => {
    fc.assert(
      fc.property(nodeNames(8), fc.nat(), (nodes, turn) => {
        const at = turn % nodes.length;
        const turned = [...nodes.slice(at), ...nodes.slice(0, at)].reverse();
        expect(place(SLOTS, turned)).toEqual(place(SLOTS, nodes));
      }),
    );
  });

  it('settles a tie by name', () => {
    // Two of the few names whose weights for this slot are equal.
    const tied = ['node-6pfs', 'node-nvja'];
    expect([ownerOf('shard:0', tied), ownerOf('shard:0', tied.reverse())]).toEqual([
      'node-6pfs',
      'node-6pfs',
    ]);
  });

  it('is the same for ever: nodes of different versions must agree', () => {
    const slots = ['shard:0', 'shard:1', 'shard:255', 'ingest:transactions_queue', 'ingest:refund_queue'];
    expect(slots.map((slot) => ownerOf(slot, numbered(3)))).toMatchInlineSnapshot(`
      [
        "node-3",
        "node-3",
        "node-1",
        "node-3",
        "node-2",
      ]
    `);
  });

  it.each([2, 3, 4, 5, 6, 7, 8])('spreads 256 shards over %i nodes within 35 %% of the mean', (count) => {
    const shares = sharesOf(numbered(count));
    expect(Math.min(...shares)).toBeGreaterThan(0.65);
    expect(Math.max(...shares)).toBeLessThan(1.35);
  });

  it('spreads over nodes of any name as chance would', () => {
    fc.assert(
      fc.property(nodeNames(8), (nodes) => {
        // Relative standard deviation of a share: √((n − 1) / 256).
        const bound = 5 * Math.sqrt((nodes.length - 1) / 256);
        for (const share of sharesOf(nodes)) expect(Math.abs(share - 1)).toBeLessThan(bound);
      }),
      { numRuns: 100 },
    );
  });

  it('moves only what must move when a node joins or leaves', () => {
    fc.assert(
      fc.property(nodeNames(8), (nodes) => {
        const [one, ...others] = nodes;
        const [all, fewer] = [place(SLOTS, nodes), place(SLOTS, others)];
        for (const slot of SLOTS) if (all.get(slot) !== one) expect(fewer.get(slot)).toBe(all.get(slot));
      }),
      { numRuns: 50 },
    );
  });

  it('needs a node', () => {
    expect(() => ownerOf('shard:0', [])).toThrow('no node to place shard:0 on');
  });
});

describe('moves', () => {
  const desired = new Map(['s1', 's2', 's3', 's4', 's5', 's6'].map((slot) => [slot, 'c']));

  it('takes everything that is free at once, and hands off so many per giver', () => {
    const owned = new Map([
      ['s6', 'c'],
      ['s5', 'b'],
      ['s4', 'a'],
      ['s3', null],
      ['s2', 'a'],
    ]);
    expect(movesOf(desired, owned, { movesMax: 1 })).toEqual({
      takes: [
        { slot: 's1', to: 'c' },
        { slot: 's3', to: 'c' },
      ],
      handOffs: [
        { slot: 's2', from: 'a', to: 'c' },
        { slot: 's5', from: 'b', to: 'c' },
      ],
    });
  });

  it('are the same whatever the order of the map, and end where they should', () => {
    const owned = new Map<string, string | null>(
      SLOTS.map((slot, n) => [slot, n % 3 === 0 ? 'node-1' : null]),
    );
    const wanted = place(SLOTS, numbered(3));
    for (let round = 0; round < 40; round += 1) {
      const moves = movesOf(wanted, owned, { movesMax: 4 });
      expect(movesOf(new Map([...wanted].reverse()), owned, { movesMax: 4 })).toEqual(moves);
      expect(moves.handOffs.length).toBeLessThanOrEqual(4);
      for (const { slot, to } of [...moves.takes, ...moves.handOffs]) owned.set(slot, to);
    }
    expect(new Map(owned)).toEqual(wanted);
    expect(movesOf(wanted, owned, { movesMax: 4 })).toEqual({ takes: [], handOffs: [] });
  });
});

describe('the same slots again and again', () => {
  it('are placed as `place` does it, whoever comes and goes', () => {
    const placement = new Placement(SLOTS);
    for (const nodes of [['a'], ['a', 'b'], ['a', 'b'], ['b'], ['a', 'b', 'c']])
      expect(placement.of(nodes)).toEqual(place(SLOTS, nodes));
    expect(placement.of(['a', 'b', 'c'])).toBe(placement.of(['a', 'b', 'c']));
  });

  it('belong to nobody while it is too early to say, or nobody is there', () => {
    const placement = new Placement(SLOTS);
    placement.of(['a']);
    expect([placement.of(null).size, placement.of([]).size]).toEqual([0, 0]);
  });
});
