/**
 * Who may write which shard: the same of PostgreSQL and of the simulated one.
 *
 * Without this a simulated node takes, keeps or loses a shard as no real one would.
 */
import { describe, expect, test } from 'vitest';
import { SHARDS } from '../../sim/servers/sim-tables.ts';
import { claimant, takeOver } from '../support/shard-owner.ts';
import type { LedgerServer } from './ledger-server.ts';

export function describeDirectory(present: () => LedgerServer): void {
  const of = (node: ReturnType<typeof claimant>) => present().directoryOf(node);

  describe('the directory', () => {
    test('has all shards in order, with the node behind each, or nobody', async () => {
      const node = claimant('a.b-c');
      await takeOver(of(claimant('before')), [5]);
      const directory = of(node);
      expect(await takeOver(directory, [5, 6])).toEqual(
        new Map([
          [5, 2n],
          [6, 1n],
        ]),
      );
      await directory.release([6]);
      const rows = await directory.read();
      expect(rows.map(({ shard }) => shard)).toEqual(SHARDS);
      expect(rows.slice(4, 8)).toEqual([
        { shard: 4, epoch: 0n, owner: null },
        { shard: 5, epoch: 2n, owner: node },
        { shard: 6, epoch: 1n, owner: null },
        { shard: 7, epoch: 0n, owner: null },
      ]);
      expect(await directory.paused()).toBeNull();
    });

    test('gives what still has the epoch seen, in one call, and leaves out what has not', async () => {
      const [a, b] = [claimant('a'), claimant('b')];
      const [first, second] = [of(a), of(b)];
      await takeOver(first, SHARDS);
      const seen = new Map((await second.read()).map(({ shard, epoch }) => [shard, epoch]));
      await takeOver(first, [10]);
      await first.release([11]);
      const taken = await second.takeOverSeen(seen);
      expect(taken.size).toBe(255);
      expect(taken.get(10)).toBeUndefined();
      // A release raises no epoch: nobody has written since.
      expect(taken.get(11)).toBe(2n);
      expect((await second.read())[10]).toEqual({ shard: 10, epoch: 2n, owner: a });
      expect(await second.takeOverSeen(new Map())).toEqual(new Map());
    });

    test('gives each shard to one of two claimants that saw the same', async () => {
      await takeOver(of(claimant('old')), SHARDS);
      const seen = new Map(SHARDS.map((shard) => [shard, 1n]));
      const [a, b] = await Promise.all(['a', 'b'].map((name) => of(claimant(name)).takeOverSeen(seen)));
      expect([...a!.keys()].filter((shard) => b!.has(shard))).toEqual([]);
      expect(a!.size + b!.size).toBe(256);
    });

    test('takes nothing away that is no longer whose release it is', async () => {
      const [a, b] = [claimant('a'), claimant('b')];
      const [first, second] = [of(a), of(b)];
      await takeOver(first, [1, 2]);
      await takeOver(second, [1]);
      await first.release([1, 2, 3]);
      const rows = await first.read();
      expect(rows.slice(1, 4).map(({ owner }) => owner)).toEqual([b, null, null]);
      // The same incarnation, which did not hear of its takeover.
      await of(b).release([1]);
      expect((await first.read())[1]?.owner).toEqual(b);
    });

    test('names us under an epoch that we do not know, where the answer was lost: it is taken again', async () => {
      const node = claimant('a');
      await takeOver(of(node), [3]);
      const deaf = of(node);
      const row = (await deaf.read())[3]!;
      expect(row.owner?.incarnation).toBe(node.incarnation);
      expect(await deaf.takeOverSeen(new Map([[3, row.epoch]]))).toEqual(new Map([[3, 2n]]));
    });
  });
}
