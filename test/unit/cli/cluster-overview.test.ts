/** Without these, an operator would see shards with the wrong owner, or tell the wrong run of a node to drain. */
import { describe, expect, it } from 'vitest';
import { findNode } from '../../../src/cli/cluster/drain-node.ts';
import { clusterOverview, type Membership } from '../../../src/infra/overview/overview.ts';
import type { DirectoryView, ShardStanding } from '../../../src/infra/postgres/cluster-view.ts';
import type { MembershipView } from '../../../src/infra/redis/membership-view.ts';
import type { NodeRecord, ShardOwner } from '../../../src/ports/cluster.ts';

const run = (n: number): string => `${n}1111111-0000-4000-8000-000000000000`;
const owner = (nodeId: string, n: number): ShardOwner => ({
  nodeId,
  incarnation: run(n),
  inbox: `inbox.${n}`,
});
const record = (nodeId: string, n: number): NodeRecord => ({
  ...owner(nodeId, n),
  startedAtMs: 0,
  draining: false,
});

function directory(...owners: readonly (ShardOwner | null)[]): DirectoryView {
  const shards = owners.map((of, shard): ShardStanding => ({
    shard,
    epoch: BigInt(shard),
    owner: of,
    since: `2026-11-22T10:00:0${shard}.000Z`,
  }));
  return { clusterId: 'ours', shards, pause: null };
}

function known(fields: Partial<MembershipView>): Membership {
  const view = { clusterId: 'ours', nodes: [], shardLeases: [], ingestLeases: new Map<never, never>() };
  return { kind: 'known', view: { ...view, ...fields } };
}

describe('the overview', () => {
  it('names each pair of lease and owner that do not fit once, and the longest time without owner', () => {
    const a = owner('a', 1);
    const view = clusterOverview(
      directory(a, a, a, null, null),
      known({ shardLeases: [run(1), run(2), run(2), run(2), null], nodes: [record('a', 1)] }),
    );
    expect(view.misfits).toEqual([
      { lease: run(2), directory: run(1), shards: [1, 2] },
      { lease: run(2), directory: null, shards: [3] },
    ]);
    expect(view.unowned).toEqual({ shards: [3, 4], since: '2026-11-22T10:00:03.000Z' });
    expect(view.epochs).toEqual({ lowest: 0n, highest: 4n });
  });

  it('tells nodes that Redis does not know from nodes that Redis cannot be asked about', () => {
    const stateOf = (membership: Membership) =>
      clusterOverview(directory(owner('a', 1)), membership).nodes.map(({ state }) => state);
    expect(stateOf(known({}))).toEqual(['absent']);
    expect(stateOf(known({ nodes: [record('a', 1)] }))).toEqual(['working']);
    expect(stateOf({ kind: 'away', detail: 'x' })).toEqual(['unknown']);
    expect(stateOf(known({ clusterId: 'another', nodes: [record('b', 2)] }))).toEqual(['unknown']);
  });
});

describe('a node to drain', () => {
  const two = clusterOverview(directory(owner('a', 1)), known({ nodes: [record('a', 2), record('b', 3)] }));

  it('is the run that is there, where another one of its name is not', () => {
    expect(findNode(two, 'a').incarnation).toBe(run(2));
    expect(findNode(two, run(1).slice(0, 8)).incarnation).toBe(run(1));
  });

  it('is refused where nobody or several have its name', () => {
    expect(() => findNode(two, 'c')).toThrow('there is no node c; there are a, b');
    const twins = clusterOverview(directory(null), known({ nodes: [record('a', 1), record('a', 2)] }));
    expect(() => findNode(twins, 'a')).toThrow('say which run, 11111111 or 21111111');
    expect(() => findNode(clusterOverview(directory(null), known({})), 'a')).toThrow('none is running');
  });
});
