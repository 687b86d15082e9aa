/**
 * Without this: a map that keeps a little of every account ever seen, or an actor, an envelope or a body that something still
 * refers to after its account was passivated. A node would grow for weeks before anybody notices.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import { SystemClock } from '../../../src/infra/system-clock.ts';
import { forgetfulNode, touchAccounts } from '../../support/forgetful-node.ts';
import { accountIdOf, transaction } from '../../support/fakes/fake-envelope.ts';
import { bodyOf, FakeDelivery, turns } from './support.ts';
import { ACTIVE_ACCOUNTS_MAX, SHARDS_ALL, supervised } from './supervised.ts';
import type { Supervised } from './supervised.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function serving(): Supervised {
  const world = supervised();
  world.node.shards.own(SHARDS_ALL);
  return world;
}

/** One deposit into each of the accounts from `first` on; settled when it returns. Refs to what came in. */
async function touch(
  { clock, ledger, node }: Supervised,
  first: number,
  count: number,
): Promise<WeakRef<object>[]> {
  const refs: WeakRef<object>[] = [];
  for (let n = first; n < first + count; n += 1) {
    ledger.addAccount(accountIdOf(n));
    const delivery = new FakeDelivery(bodyOf(transaction(n, { accountId: accountIdOf(n) })));
    refs.push(new WeakRef(delivery), new WeakRef(delivery.body));
    node.ingest.onDelivery(delivery);
  }
  clock.advance(LIMITS.commitGatherMsMax);
  await turns(clock, 30);
  expect(node.inFlight.count).toBe(0);
  return refs;
}

/** A function of its own: a variable of the test would keep the last one alive. */
function actorRefs({ node }: Supervised, n: number): WeakRef<object>[] {
  const actor = node.region.actorOf(accountIdOf(n));
  return actor === undefined ? [] : [new WeakRef(actor), new WeakRef(actor.inspected)];
}

/** How many are still referred to. Collected more than once: what the engine itself holds is let go when a turn ends. */
async function leftOf(refs: readonly WeakRef<object>[]): Promise<number> {
  let left = refs;
  for (let round = 0; left.length > 0 && round < 5; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    left = left.filter((ref) => ref.deref() !== undefined);
  }
  return left.length;
}

describe('memory', () => {
  it('holds no more active accounts than it may, however many come', async () => {
    const world = serving();
    const counts: number[] = [];
    for (let first = 1; first <= 2_000; first += 250) {
      await touch(world, first, 250);
      counts.push(world.node.region.activeCount);
    }
    expect(Math.max(...counts)).toBe(ACTIVE_ACCOUNTS_MAX);
  }, 60_000);

  it('keeps nothing of an account that was passivated, nor of its commands', async () => {
    const world = serving();
    const { clock, node } = world;
    const kept = await touch(world, 1, 200);
    for (let n = 1; n <= 200; n += 1) kept.push(...actorRefs(world, n));
    expect(kept).toHaveLength(800);
    clock.advance(120_000);
    node.region.passivateIdle();
    await turns(clock);
    expect(node.region.activeCount).toBe(0);
    expect(await leftOf(kept)).toBe(0);
  }, 60_000);

  it.each(['fenced', 'shutdown'] as const)(
    'keeps nothing of accounts that ended otherwise: %s',
    async (end) => {
      const world = serving();
      const { clock, node } = world;
      const kept = await touch(world, 1, 50);
      for (let n = 1; n <= 50; n += 1) kept.push(...actorRefs(world, n));
      expect(kept).toHaveLength(200);
      if (end === 'fenced') for (const shard of SHARDS_ALL.keys()) node.region.letGo(shard, 'fenced');
      else node.region.shutDown();
      await turns(clock);
      expect(node.region.activeCount).toBe(0);
      expect(await leftOf(kept)).toBe(0);
    },
    60_000,
  );

  it('does not grow with the accounts it has seen', async () => {
    const clock = new SystemClock();
    const node = forgetfulNode(clock, 100);
    const heapAfter = async (first: number, end: number): Promise<number> => {
      await touchAccounts(node, first, end);
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const heapBytes: number[] = [];
    for (let first = 0; first < 10_000; first += 2_500) heapBytes.push(await heapAfter(first, first + 2_500));
    clock.stop();
    const grownBytes = heapBytes.slice(1).map((bytes, index) => bytes - (heapBytes[index] ?? 0));
    // What the engine compiles meanwhile grows once, a leak each time. An account's id alone, as the key of a map, is some 100 bytes.
    expect(Math.min(...grownBytes) / 2_500).toBeLessThan(50);
  }, 60_000);
});
