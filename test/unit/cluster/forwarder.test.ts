/**
 * Without these: a command that another node decides is acknowledged before its outcome is durable, twice or never,
 * or its account's order breaks when owners, senders or the broker fail.
 */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import { decodeBatch, encodeAnswers } from '../../../src/supervisor/cluster/forward-codec.ts';
import type { Fate } from '../../support/fakes/fake-inbox.ts';
import { TestCluster } from './forwarder-cluster.ts';
import { SHARDS, shardOfAccount } from './forwarder-ledger.ts';
import type { Mutations } from './forwarder-node.ts';

describe('a command of another node’s shard', () => {
  it('is decided there once and acknowledged here', async () => {
    const cluster = new TestCluster(1);
    cluster.giveTo(cluster.node(1));
    cluster.arrive(200);
    await cluster.run(200);
    expect(cluster.ledger.decidedCount).toBe(200);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
    await cluster.heal();
  });

  it('travels with others: a turn of 200 commands is a few messages', async () => {
    const cluster = new TestCluster(1);
    cluster.giveTo(cluster.node(1));
    cluster.arrive(1);
    await cluster.heal();
    const before = cluster.post.sentCount;
    cluster.post.fate = ({ to }) => (to === cluster.ingest.inbox.name ? [] : [1]);
    cluster.arrive(200);
    cluster.clock.runSoon();
    expect(cluster.post.sentCount - before).toBe(Math.ceil(200 / LIMITS.forwardBatchMax));
  });

  it('waits, with everything behind it, while its shard has no owner', async () => {
    const cluster = new TestCluster(2);
    cluster.arrive(50);
    await cluster.run(500);
    expect(cluster.ingest.forwarder.heldCount).toBe(50);
    const reads = cluster.ledger.readsCount;
    expect(reads).toBeLessThanOrEqual(1 + 500 / LIMITS.forwardReopenPauseMs);
    cluster.giveTo(cluster.node(2));
    await cluster.run(100);
    expect(cluster.ledger.decidedCount).toBe(50);
    await cluster.heal();
  });

  it('counts as without owner only while nobody new has come: a new owner that cannot be heard is an owner', async () => {
    const cluster = new TestCluster(2);
    cluster.arrive(50);
    await cluster.run(LIMITS.orphanMs + 500);
    expect(cluster.ingest.forwarder.unowned(LIMITS.orphanMs)).not.toEqual([]);
    cluster.post.fate = () => [];
    cluster.giveTo(cluster.node(2));
    await cluster.run(LIMITS.orphanMs + 500);
    expect(cluster.ledger.decidedCount).toBe(0);
    expect(cluster.ingest.forwarder.unowned(0)).toEqual([]);
    cluster.post.fate = () => [1];
    await cluster.heal();
  });

  it('is not read up by an idle node: no timer, no read', async () => {
    const cluster = new TestCluster(2);
    cluster.giveTo(cluster.node(1));
    cluster.arrive(20);
    await cluster.heal();
    await cluster.run(2 * LIMITS.forwardReopenPauseMs);
    const reads = cluster.ledger.readsCount;
    await cluster.run(1_000);
    expect(cluster.clock.timerCount).toBe(0);
    expect(cluster.ledger.readsCount).toBe(reads);
  });

  it('goes on when the directory was away', async () => {
    const cluster = new TestCluster(2);
    cluster.ledger.isAway = true;
    cluster.giveTo(cluster.node(1));
    cluster.arrive(20);
    await cluster.run(300);
    expect(cluster.ledger.decidedCount).toBe(0);
    await cluster.heal();
  });
});

describe('loss', () => {
  it('of forwards: they are sent again, in order', async () => {
    const cluster = new TestCluster(3);
    cluster.giveTo(cluster.node(1));
    let lost = 0;
    cluster.post.fate = ({ from }) => (from === cluster.ingest.inbox.name && (lost += 1) <= 3 ? [] : [1]);
    for (let round = 0; round < 5; round += 1) {
      cluster.arrive(40);
      await cluster.run(2);
    }
    await cluster.heal();
  });

  it('of answers: the owner answers again', async () => {
    const cluster = new TestCluster(4);
    cluster.giveTo(cluster.node(1));
    cluster.post.fate = ({ from }) => (from === cluster.node(1).inbox.name ? [] : [1]);
    cluster.arrive(40);
    await cluster.run(100);
    expect(cluster.ledger.decidedCount).toBe(40);
    expect(cluster.ledger.unacknowledged()).toHaveLength(40);
    await cluster.heal();
  });
});

describe('a broker that takes no publications', () => {
  it('stops what is not ours, and nothing else', async () => {
    const cluster = new TestCluster(5);
    const [mine, ...others] = SHARDS;
    if (mine === undefined) throw new Error('no shards');
    cluster.giveTo(cluster.ingest, [mine]);
    cluster.giveTo(cluster.node(1), others);
    cluster.ingest.inbox.setFlow('blocked');
    cluster.arrive(120);
    await cluster.run(3_000);
    expect(cluster.post.sentCount).toBe(0);
    const left = cluster.ledger.unacknowledged().map(({ accountId }) => shardOfAccount(accountId));
    expect(left).not.toContain(mine);
    expect(left.length).toBe(cluster.ingest.forwarder.heldCount);
    cluster.ingest.inbox.setFlow('open');
    await cluster.run(100);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
  });

  it('in the middle of a flush loses nothing, and asks nobody to wait for a timeout', async () => {
    const cluster = new TestCluster(6);
    cluster.giveTo(cluster.node(1));
    cluster.arrive(1);
    await cluster.heal();
    let carried = 0;
    cluster.post.fate = ({ from }) => {
      if (from === cluster.ingest.inbox.name && (carried += 1) === 2) cluster.ingest.inbox.setFlow('blocked');
      return [1];
    };
    cluster.arrive(300);
    await cluster.run(50);
    expect(cluster.ledger.unacknowledged().length).toBeGreaterThan(100);
    cluster.ingest.inbox.setFlow('open');
    await cluster.run(LIMITS.forwardAnswerTimeoutMs / 2);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
  });

  it('keeps the owner’s answers until it takes them again', async () => {
    const cluster = new TestCluster(7);
    cluster.giveTo(cluster.node(1));
    cluster.node(1).inbox.setFlow('blocked');
    cluster.arrive(60);
    await cluster.run(200);
    expect(cluster.ledger.unacknowledged()).toHaveLength(60);
    cluster.node(1).inbox.setFlow('open');
    await cluster.run(5);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
  });
});

describe('deaths and moves', () => {
  it('what a killed owner had goes on to the next one', async () => {
    const cluster = new TestCluster(8);
    cluster.giveTo(cluster.node(1));
    cluster.arrive(100);
    await cluster.run(8);
    const dead = cluster.node(1);
    cluster.kill(dead);
    cluster.arrive(50);
    await cluster.run(20);
    cluster.giveTo(cluster.node(2), SHARDS, 30);
    await cluster.run(300);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
    await cluster.heal();
  });

  it('what a killed owner had is given to the next one as something that may have been handled', async () => {
    const cluster = new TestCluster(8);
    const seen: string[] = [];
    cluster.post.fate = ({ to, body }) => {
      const decoded = decodeBatch(body);
      if (decoded.kind === 'forwards')
        for (const { n, redelivered } of decoded.batch.forwards) seen.push(`${to} ${n} ${redelivered}`);
      return to === cluster.node(1).inbox.name ? [] : [1];
    };
    const [first, second] = [cluster.node(1), cluster.node(2)];
    cluster.giveTo(first);
    cluster.arrive(1);
    await cluster.run(8);
    expect(seen).toEqual([`${first.inbox.name} 0 false`]);
    cluster.kill(first);
    cluster.giveTo(second);
    await cluster.run(2 * LIMITS.forwardAnswerTimeoutMs);
    expect(seen).toContain(`${second.inbox.name} 0 true`);
    expect(seen).not.toContain(`${second.inbox.name} 0 false`);
    expect(cluster.ledger.decidedCount).toBe(1);
  });

  it('after a return the owner is asked again, if it still is the owner', async () => {
    const cluster = new TestCluster(8);
    cluster.post.returnMeaning = 'unsure';
    cluster.giveTo(cluster.node(1));
    cluster.arrive(10);
    await cluster.run(3);
    cluster.ingest.inbox.return(cluster.node(1).inbox.name, 'unsure');
    await cluster.run(2 * LIMITS.forwardReopenPauseMs + 50);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
  });

  it('an owner that is silent is found replaced before its inbox is gone', async () => {
    const cluster = new TestCluster(9);
    cluster.giveTo(cluster.node(1));
    cluster.arrive(30);
    cluster.post.fate = ({ to }) => (to === cluster.node(1).inbox.name ? [] : [1]);
    await cluster.run(100);
    cluster.giveTo(cluster.node(2));
    await cluster.run(LIMITS.forwardAnswerTimeoutMs + 200);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
  });

  it('a hand-off in the middle: between two others, to us, and away from us', async () => {
    const cluster = new TestCluster(10);
    const { ingest } = cluster;
    const [first, second] = [cluster.node(1), cluster.node(2)];
    cluster.giveTo(first);
    for (const [from, to] of [
      [first, second],
      [second, ingest],
      [ingest, first],
    ] as const) {
      cluster.arrive(80);
      await cluster.run(5);
      for (const shard of SHARDS) from.handOff(shard);
      cluster.arrive(80);
      await cluster.run(200);
      expect(SHARDS.map((shard) => cluster.ledger.rowOf(shard).owner)).toEqual(SHARDS.map(() => null));
      cluster.giveTo(to, SHARDS, 5);
      cluster.arrive(80);
      await cluster.run(10);
    }
    await cluster.run(300);
    expect(cluster.ledger.unacknowledged()).toHaveLength(0);
    await cluster.heal();
  });

  it('a sender that dies: the next one sends the same again, and the owner forgets the old one', async () => {
    const cluster = new TestCluster(11);
    const [old, owner] = [cluster.node(0), cluster.node(1)];
    cluster.giveTo(owner);
    cluster.arrive(100);
    await cluster.run(6);
    cluster.kill(old);
    expect(cluster.ingest).not.toBe(old);
    owner.desk.forget(old.incarnation);
    cluster.arrive(50);
    await cluster.heal();
    expect(owner.idle).toBe('0,0,0,0');
  });
});

describe('whatever happens', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'everything ends once, in order (seed %i)',
    async (seed) => {
      await story(seed);
    },
  );
});

describe('each safeguard, left out, is missed', () => {
  it('settled is answered after the settlement', async () => {
    const onTaken: Mutations['onTaken'] = ({ lane, stream, n }, { incarnation: from, inbox }) => {
      const answer = { kind: 'settled', shard: lane.shard, stream, numbers: [n] } as const;
      inbox.send(lane.replyTo, encodeAnswers({ from, answers: [answer] }));
    };
    expect(await failureOf({ onTaken })).toMatch(/acknowledged undecided/);
  });

  it('what is not answered is sent again', async () => {
    const forwarderClock: Mutations['forwarderClock'] = (real) => ({
      now: () => real.now(),
      soon: (callback) => real.soon(callback),
      after: (delayMs, callback) =>
        delayMs === LIMITS.forwardReopenPauseMs ? () => undefined : real.after(delayMs, callback),
    });
    expect(await failureOf({ forwarderClock })).toContain('never settled');
  });

  it('what is taken back goes before everything newer', async () => {
    const giveBack: Mutations['giveBack'] = (envelope, node) => {
      node.later(5, () => node.router.route(envelope));
    };
    expect(await failureOf({ giveBack })).toContain('was decided before');
  });
});

async function failureOf(mutations: Mutations): Promise<string> {
  for (let seed = 0; seed < 40; seed += 1) {
    try {
      await story(seed, mutations);
    } catch (error) {
      return String(error);
    }
  }
  return 'none';
}

/** A second and a half of load and faults, then peace. */
async function story(seed: number, mutations: Mutations = {}): Promise<void> {
  const cluster = new TestCluster(seed, mutations, 0.05);
  const { random, post } = cluster;
  const chance = (share: number): boolean => random.next() < share;
  const lossy: Fate = () => {
    if (chance(0.1)) return [];
    const delayMs = 1 + Math.floor(random.next() * random.next() * 12);
    return chance(0.1) ? [delayMs, delayMs + 5] : [delayMs];
  };
  post.fate = lossy;
  cluster.adopt();
  for (let round = 0; round < 60; round += 1) {
    if (chance(0.15)) cluster.pick(cluster.alive).handOff(cluster.pick(SHARDS));
    if (chance(0.1))
      cluster.giveTo(cluster.pick(cluster.alive), [cluster.pick(SHARDS)], 1 + Math.floor(random.next() * 20));
    if (chance(0.1)) cluster.pick(cluster.alive).inbox.setFlow('blocked');
    if (chance(0.3)) for (const node of cluster.alive) node.inbox.setFlow('open');
    if (chance(0.04)) {
      cluster.start();
      cluster.kill(cluster.pick(cluster.alive));
    }
    if (chance(0.3)) cluster.adopt();
    cluster.ledger.isAway = chance(0.1);
    for (let burst = Math.floor(random.next() * 10); burst >= 0; burst -= 1) {
      cluster.arrive(Math.floor(random.next() * 4));
      await cluster.run(4);
    }
  }
  await cluster.heal();
  for (const node of cluster.alive) expect(node.logger.messages('error')).toEqual([]);
}
