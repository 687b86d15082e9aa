/**
 * Without these: a shard is taken from a node that is at work, because its lease was free for a moment or because a FLUSHALL has
 * hidden it.
 */
import { describe, expect, it } from 'vitest';
import type { ShardRow } from '../../../src/ports/cluster.ts';
import { claimsOf } from '../../../src/supervisor/cluster/claims.ts';
import type { LeaseTrust, Situation, Standing } from '../../../src/supervisor/cluster/peers.ts';

const TRUSTS: readonly LeaseTrust[] = ['settled', 'young', 'unknown'];

/** How a shard is claimed whose row names somebody of this standing; null: it is not. */
function modeFor(standing: Standing | 'nobody', trust: LeaseTrust, place: 'here' | 'elsewhere' = 'here') {
  const owner = { nodeId: 'b', incarnation: 'b#1', inbox: 'inbox.b' };
  const rows: readonly ShardRow[] = [{ shard: 7, epoch: 3n, owner: standing === 'nobody' ? null : owner }];
  const situation: Situation = {
    trust,
    nodeId: 'a',
    draining: false,
    places: ['a', 'b'],
    othersAtWork: 'somebody',
    intake: 'open',
    standingOf: () => (standing === 'nobody' ? 'gone' : standing),
  };
  const claims = claimsOf(rows, () => place === 'here', situation);
  expect(claims.length).toBeLessThan(2);
  for (const { seen } of claims) expect(seen).toEqual(new Map([[7, 3n]]));
  return claims[0]?.mode ?? null;
}

const modes = (standing: Standing | 'nobody') => TRUSTS.map((trust) => modeFor(standing, trust));

describe('a shard that belongs here', () => {
  it('is never taken from a node that lives, whatever its lease looks like', () => {
    expect(modes('live')).toEqual([null, null, null]);
  });

  it('is taken from one that is not seen any more only while leases are settled', () => {
    expect(modes('gone')).toEqual(['acquire', null, null]);
  });

  it('is taken from one that is proven dead over its lease, or by epoch alone while Redis is away', () => {
    expect(modes('proven-dead')).toEqual(['overwrite', null, 'none']);
  });

  it('is taken when it is nobody’s', () => {
    expect(modes('nobody')).toEqual(['acquire', 'reassert', 'none']);
  });
});

it('a shard that belongs elsewhere is only taken where its row names us', () => {
  for (const standing of ['live', 'gone', 'proven-dead', 'nobody'] as const)
    for (const trust of TRUSTS) expect(modeFor(standing, trust, 'elsewhere')).toBe(null);
  expect(TRUSTS.map((trust) => modeFor('self', trust, 'elsewhere'))).toEqual([
    'reassert',
    'reassert',
    'none',
  ]);
});
