/**
 * Without these: after a FLUSHALL the living count as gone because they have not ticked yet, and everything moves; or a node
 * that joins a cluster at work waits while the others already give to it, and its shards have nobody meanwhile.
 */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import type { ClusterView, LeaseAnswer, NodeRecord, ShardRow } from '../../../src/ports/cluster.ts';
import { Peers } from '../../../src/supervisor/cluster/peers.ts';

const GRACE_MS = 10_000;

const record = (nodeId: string): NodeRecord => ({
  nodeId,
  incarnation: `${nodeId}#1`,
  inbox: `inbox.${nodeId}`,
  startedAtMs: 0,
  draining: false,
});

/** A row that names this node; null: nobody. */
const row = (nodeId: string | null): ShardRow => ({
  shard: 0,
  epoch: 1n,
  owner: nodeId === null ? null : record(nodeId),
});

/** Nodes by letter. */
function look(nodes: string, boot: 'old' | 'young' = 'old'): LeaseAnswer<ClusterView> {
  const young = boot === 'young';
  return {
    kind: 'done',
    value: {
      boot: { id: boot, ageMs: young ? 0 : 60_000, young },
      nodes: Array.from(nodes, (nodeId) => record(nodeId)),
      lost: [],
    },
  };
}

/** Node `a`, which has started at 0 and looks once a second, from second 1 on. */
class Looking {
  readonly peers = new Peers({ self: record('a'), startedAtMs: 0, graceMs: GRACE_MS });
  #nowMs = 0;

  /** Gives the places after the last of these looks. */
  at(looks: readonly LeaseAnswer<ClusterView>[], rows: readonly ShardRow[]): string | null {
    for (const each of looks) this.peers.observe(each, rows, (this.#nowMs += 1_000));
    return this.peers.situation(false, 'open').places?.join('') ?? null;
  }

  standingOf(nodeId: string): string {
    return this.peers.situation(false, 'open').standingOf(record(nodeId).incarnation);
  }
}

describe('while the boot is young', () => {
  it('who was counted stays counted, and known, though its record is not back yet', () => {
    const looking = new Looking();
    const rows = [row('b')];
    expect(looking.at([look('ab'), look('ab')], rows)).toBe('ab');
    expect(looking.at([look('a', 'young'), look('a', 'young'), look('a', 'young')], rows)).toBe('ab');
    expect(looking.standingOf('b')).toBe('live');
    expect(looking.peers.behind('inbox.b', [])).toBe('b#1');
    // Once it is old, who is still missing is gone.
    expect(looking.at([look('a'), look('a')], rows)).toBe('a');
    expect(looking.standingOf('b')).toBe('gone');
  });

  it('who comes is counted as at any other time', () => {
    const looking = new Looking();
    expect(looking.at([look('ab'), look('ab')], [row('b')])).toBe('ab');
    expect(looking.at([look('ac', 'young'), look('ac', 'young')], [row('b')])).toBe('abc');
  });
});

describe('the grace period', () => {
  const twoLooks = [look('ab'), look('ab')];

  it('is not kept where somebody else is at work', () => {
    expect(new Looking().at(twoLooks, [row(null), row('b')])).toBe('ab');
  });

  it.each([
    ['nobody', null],
    ['one that is not there any more', 'z'],
    ['ourselves', 'a'],
  ])('is kept where the rows name %s: the cluster boots', (_whom, named) => {
    const looking = new Looking();
    expect(looking.at(twoLooks, [row(named)])).toBe(null);
    expect(
      looking.at(
        Array.from({ length: 8 }, () => look('ab')),
        [row(named)],
      ),
    ).toBe('ab');
  });
});

it('a node that was seen once counts as live, though nothing is placed on it yet', () => {
  const looking = new Looking();
  looking.at([look('a'), look('a'), look('ab')], [row('b')]);
  expect(looking.standingOf('b')).toBe('live');
});

it('a proof of death is refuted by a record that outlives it, before the node counts again', () => {
  const looking = new Looking();
  const rows = [row('b')];
  looking.at([look('ab'), look('ab')], rows);
  looking.peers.proveDead('b#1', 2_000);
  const upTo = Array.from({ length: LIMITS.leaseMs / 1_000 - 1 }, () => look('ab'));
  expect(looking.at(upTo, rows)).toBe('a');
  expect(looking.standingOf('b')).toBe('proven-dead');
  expect(looking.at([look('ab')], rows)).toBe('a');
  expect(looking.standingOf('b')).toBe('live');
  expect(looking.at([look('ab')], rows)).toBe('ab');
});

it('a proof of death stands where no record speaks against it', () => {
  const looking = new Looking();
  const rows = [row('b')];
  looking.at([look('ab'), look('ab')], rows);
  looking.peers.proveDead('b#1', 2_000);
  looking.at(
    Array.from({ length: 10 }, () => look('a')),
    rows,
  );
  expect(looking.standingOf('b')).toBe('proven-dead');
});

it('an earlier run of our own name counts as dead, a later one does not', () => {
  const looking = new Looking();
  const run = (n: number, startedAtMs: number): NodeRecord => ({
    ...record('a'),
    incarnation: `a#${n}`,
    startedAtMs,
  });
  const answer = look('a');
  if (answer.kind !== 'done') throw new Error('a look that failed');
  const nodes = [...answer.value.nodes, run(0, -1), run(2, 1)];
  const rows = [{ ...row('a'), owner: run(-1, -2) }];
  expect(looking.peers.observe({ ...answer, value: { ...answer.value, nodes } }, rows, 1_000)).toEqual([
    'a#0',
    'a#-1',
  ]);
  const { standingOf } = looking.peers.situation(false, 'open');
  expect([-1, 0, 1, 2].map((n) => standingOf(`a#${n}`))).toEqual([
    'proven-dead',
    'proven-dead',
    'self',
    'live',
  ]);
});
