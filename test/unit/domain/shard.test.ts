/**
 * Without these: a changed hash would give accounts to other shards, so that two nodes of different versions both
 * own an account; a badly spread one would load one shard with most of the accounts.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { shardOf } from '../../../src/domain/shard.ts';

const sequential = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const inFront = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
/** Random to look at, the same in every run. */
const scattered = (n: number): string =>
  createHash('sha256')
    .update(String(n))
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');

describe('shardOf', () => {
  it('gives the same shards for ever', () => {
    const ids = [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '6f1f7d2a-3f0c-4e1b-9a77-0c5d1e2f3a4b',
      '6f1f7d2a-3f0c-4e1b-9a77-0c5d1e2f3a4c',
      'a3bb189e-8bf9-4c8b-9b5e-1f0d2c3b4a59',
    ];
    expect(ids.map((id) => shardOf(id, 256))).toEqual([152, 209, 152, 141, 173]);
  });

  it.each([
    ['counted up at the end', sequential],
    ['counted up in front', inFront],
    ['scattered', scattered],
  ])('spreads ids that are %s', (_, make) => {
    const accounts = 256 * 200;
    const counts = new Array<number>(256).fill(0);
    for (let n = 0; n < accounts; n += 1) {
      const shard = shardOf(make(n), 256);
      counts[shard] = (counts[shard] ?? NaN) + 1;
    }
    // 200 a shard on average with a standard deviation of 14: five of them either way.
    expect(Math.min(...counts)).toBeGreaterThan(200 - 5 * 14.2);
    expect(Math.max(...counts)).toBeLessThan(200 + 5 * 14.2);
  });

  it('stays within any count', () => {
    for (const count of [1, 2, 7, 1024]) {
      for (let n = 0; n < 500; n += 1) {
        const shard = shardOf(sequential(n), count);
        expect(shard).toBeGreaterThanOrEqual(0);
        expect(shard).toBeLessThan(count);
      }
    }
  });
});
