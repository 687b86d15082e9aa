/**
 * Without this: whether parking can bring an account's commands out of order is a matter of opinion. Here nobody serves a
 * shard for a while, readers are cut off and park what others have got as well, answers are lost, and owners come and go.
 */
import { describe, expect, it } from 'vitest';
import { TestCluster } from './forwarder-cluster.ts';
import { SHARDS } from './forwarder-ledger.ts';

interface Story {
  readonly parkedCount: number;
  readonly failure: string | null;
}

async function told(seed: number, parkingFences: boolean): Promise<Story> {
  const cluster = new TestCluster(seed, {}, 0.05);
  const { random, post, ledger } = cluster;
  const chance = (share: number): boolean => random.next() < share;
  post.fate = () => (chance(0.1) ? [] : [1 + Math.floor(random.next() * 8)]);
  ledger.parkingFences = parkingFences;
  ledger.loseParkingAnswer = () => chance(0.2);
  cluster.startParking();
  cluster.adopt();
  try {
    for (let round = 0; round < 60; round += 1) {
      if (chance(0.2)) cluster.pick(cluster.alive).handOff(cluster.pick(SHARDS));
      if (chance(0.1)) cluster.giveTo(cluster.pick(cluster.alive), [cluster.pick(SHARDS)], 10);
      if (chance(0.08)) cluster.replaceReader();
      if (chance(0.05)) {
        cluster.start();
        cluster.kill(cluster.pick(cluster.alive));
      }
      if (chance(0.1)) cluster.adopt();
      if (chance(0.3)) cluster.takeUpParked();
      if (chance(0.15)) post.away.add(cluster.pick(cluster.alive).inbox.name);
      if (chance(0.2)) post.away.clear();
      ledger.isAway = chance(0.1);
      cluster.arrive(Math.floor(random.next() * 10));
      await cluster.run(40);
    }
    post.away.clear();
    await cluster.heal();
  } catch (error) {
    return { parkedCount: ledger.parkingsCount, failure: String(error) };
  }
  return { parkedCount: ledger.parkingsCount, failure: null };
}

describe('parking in the middle of everything else', () => {
  it('keeps the order of every account, and loses nothing', async () => {
    let parkedCount = 0;
    for (let seed = 0; seed < 30; seed += 1) {
      const story = await told(seed, true);
      expect(story.failure, `seed ${seed}`).toBeNull();
      parkedCount += story.parkedCount;
    }
    // Else nothing was shown.
    expect(parkedCount).toBeGreaterThan(300);
  }, 120_000);

  it('would not, if it left the epoch as it is', async () => {
    const failures: (string | null)[] = [];
    for (let seed = 0; seed < 30 && failures.at(-1) == null; seed += 1)
      failures.push((await told(seed, false)).failure);
    expect(failures.at(-1)).toContain('was decided before');
  }, 120_000);
});
