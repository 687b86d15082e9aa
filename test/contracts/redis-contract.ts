/**
 * Cached balances, alarms of retries, leases and boots: the same of Redis and of the simulated one.
 *
 * Without this a simulated cluster may share roles, or show old balances, where no real one would, and the other way round.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { GenerationChanged } from '../../src/ports/balance-cache.ts';
import type { BalanceCache, CachedBalance } from '../../src/ports/balance-cache.ts';
import type { ClusterView, LeaseAnswer, LeaseName, Membership } from '../../src/ports/cluster.ts';
import type { RetryClock } from '../../src/ports/stores.ts';
import { eventually } from '../support/eventually.ts';

export interface MemberNode {
  readonly membership: Membership;
  readonly incarnation: string;
}

/** An empty Redis of its own, and nodes on it; nothing of it runs out by itself. */
export interface RedisServer {
  cache(): Promise<BalanceCache>;
  alarms(): Promise<RetryClock>;
  member(nodeId: string): Promise<MemberNode>;
  /** Of the account; null: nothing is shown. */
  shown(accountId: string): Promise<bigint | null>;
  flushAll(): Promise<void>;
  /** They have all ticked, and a lease time has passed since the boot began. */
  grown(...nodes: readonly MemberNode[]): Promise<void>;
  /** A lease time passes in which nobody ticks. */
  allRunOut(): Promise<void>;
  holderOf(lease: LeaseName): Promise<string | null>;
}

export function describeCache(present: () => RedisServer): void {
  const account = (id: string, cents: bigint, version: bigint): CachedBalance => ({
    ...{ kind: 'account', id, cents, version },
  });
  const write = (cache: BalanceCache, ...balances: readonly CachedBalance[]) =>
    cache.write(balances, cache.generation());

  describe('the balance cache', () => {
    test('lets no older version replace a newer one, by number and not by text; the others of a batch are written', async () => {
      const cache = await present().cache();
      await write(cache, account('a', 10n, 9n));
      await write(cache, account('a', 11n, 10n));
      await write(cache, account('b', 1n, 1n), account('a', 9n, 9n), account('c', 2n, 1n));
      expect(await Promise.all(['a', 'b', 'c'].map((id) => present().shown(id)))).toEqual([11n, 1n, 2n]);
      await write(cache, account('a', 12n, 9_007_199_254_740_993n));
      await write(cache, account('a', 13n, 9_007_199_254_740_992n));
      expect(await present().shown('a')).toBe(12n);
      await write(cache, account('a', -5n, 9_007_199_254_740_993n));
      expect(await present().shown('a')).toBe(-5n);
    });

    test('takes nothing from a writer who knows another generation, or none', async () => {
      const cache = await present().cache();
      const before = cache.generation();
      await write(cache, account('a', 7n, 7n));
      await present().flushAll();
      await expect(cache.write([account('a', 5n, 5n)], before)).rejects.toBeInstanceOf(GenerationChanged);
      await expect(cache.write([account('a', 5n, 5n)], null)).rejects.toBeInstanceOf(GenerationChanged);
      expect(await present().shown('a')).toBeNull();
      const after = cache.generation();
      expect(after).not.toBe(before);
      await expect(cache.write([account('a', 5n, 5n)], before)).rejects.toBeInstanceOf(GenerationChanged);
      await cache.write([account('a', 7n, 7n)], after);
      expect(await present().shown('a')).toBe(7n);
    });

    test('has one generation for all nodes', async () => {
      const [one, other] = [await present().cache(), await present().cache()];
      expect(other.generation()).toBe(one.generation());
      expect(one.generation()).not.toBeNull();
    });
  });
}

export function describeAlarms(present: () => RedisServer): void {
  describe('the alarms of retries', () => {
    test('ring once, however often they were armed, and can be armed anew', async () => {
      const clock = await present().alarms();
      const rung: string[] = [];
      await clock.start((id, attempt) => Promise.resolve(void rung.push(`${id} ${attempt}`)));
      const id = randomUUID();
      await Promise.all([clock.arm(id, 1, 30), clock.arm(id, 1, 30), clock.arm(id, 2, 60)]);
      await eventually(() => expect(rung).toEqual([`${id} 1`, `${id} 2`]));
      // The id is free a moment after it has rung.
      await eventually(async () => {
        await clock.arm(id, 1, 1);
        expect(rung.filter((each) => each === `${id} 1`).length).toBeGreaterThan(1);
      });
    });

    test('are gone with everything else, and those armed after that ring', async () => {
      const clock = await present().alarms();
      const rung: string[] = [];
      await clock.start((id) => Promise.resolve(void rung.push(id)));
      await clock.arm('before', 1, 500);
      await present().flushAll();
      await clock.arm('after', 1, 1_000);
      await eventually(() => expect(rung).toContain('after'));
      expect(rung).toEqual(['after']);
    });
  });
}

export function describeLeases(present: () => RedisServer): void {
  const SHARDS = [1, 2, 3].map((shard): LeaseName => `shard:${shard}`);
  const YOUNG = { kind: 'refused', reason: 'young' };

  function valueOf<T>(answer: LeaseAnswer<T>): T {
    if (answer.kind !== 'done') throw new Error(`not done: ${answer.kind} ${String(answer.reason)}`);
    return answer.value;
  }
  const tick = async ({ membership }: MemberNode): Promise<ClusterView> =>
    valueOf(await membership.tick(false));
  const members = (...names: readonly string[]) => Promise.all(names.map((name) => present().member(name)));
  const holders = () => Promise.all(SHARDS.map((lease) => present().holderOf(lease)));

  /** Two nodes of a cluster that has been there for long; the first holds the shards. */
  async function settled(): Promise<readonly [MemberNode, MemberNode]> {
    const [a, b] = await members('a', 'b');
    await present().grown(a!, b!);
    expect(valueOf(await a!.membership.acquire(SHARDS))).toEqual(SHARDS);
    return [a!, b!];
  }

  describe('leases', () => {
    test('show every node that ticks to the others, as it says it is', async () => {
      const [a, b] = await members('a', 'b');
      valueOf(await b!.membership.tick(true));
      const { nodes } = await tick(a!);
      const seen = nodes.map(({ nodeId, incarnation, draining }) => [nodeId, incarnation, draining]);
      expect(seen.toSorted()).toEqual([
        ['a', a!.incarnation, false],
        ['b', b!.incarnation, true],
      ]);
    });

    test('go to one of those who ask, and are renewed by its ticks', async () => {
      const [a, b] = await settled();
      expect(valueOf(await b.membership.acquire(SHARDS))).toEqual([]);
      expect([...a.membership.held()]).toEqual(SHARDS);
      expect((await tick(a)).lost).toEqual([]);
      expect(valueOf(await a.membership.acquire(SHARDS))).toEqual(SHARDS);
      expect(await holders()).toEqual(SHARDS.map(() => a.incarnation));
    });

    test('are given to nobody while the boot is young, but the owners have theirs back', async () => {
      const [a, b] = await members('a', 'b');
      expect(await a!.membership.acquire(SHARDS)).toEqual(YOUNG);
      expect((await tick(a!)).boot.young).toBe(true);
      await tick(b!);
      expect(await b!.membership.acquire(SHARDS)).toEqual(YOUNG);
      expect(await b!.membership.overwrite(SHARDS)).toEqual(YOUNG);
      expect(valueOf(await a!.membership.reassert(SHARDS.slice(0, 2)))).toEqual(SHARDS.slice(0, 2));
      // Somebody else's is left alone, whatever b believes.
      expect(valueOf(await b!.membership.reassert(SHARDS.slice(1)))).toEqual(SHARDS.slice(2));
      await present().grown(a!, b!);
      expect(valueOf(await b!.membership.acquire(SHARDS))).toEqual(SHARDS.slice(2));
    });

    test('are gone after a FLUSHALL, and a young boot begins', async () => {
      const [a, b] = await settled();
      const before = (await tick(a)).boot;
      await present().flushAll();
      expect(await b.membership.acquire(SHARDS)).toEqual(YOUNG);
      const after = (await tick(b)).boot;
      expect([after.young, after.id === before.id]).toEqual([true, false]);
      const view = await tick(a);
      expect(view.boot.id).toBe(after.id);
      expect(view.lost).toEqual(SHARDS.map((lease) => ({ lease, holder: null })));
      expect(a.membership.held().size).toBe(0);
      expect(valueOf(await a.membership.reassert(SHARDS))).toEqual(SHARDS);
    });

    test('have run out when nobody ticked for a lease time, and a young boot begins', async () => {
      const [a, b] = await settled();
      const before = (await tick(a)).boot;
      await present().allRunOut();
      expect(await b.membership.acquire(SHARDS)).toEqual(YOUNG);
      const after = (await tick(b)).boot;
      expect([after.young, after.id === before.id]).toEqual([true, false]);
      expect(valueOf(await a.membership.reassert(SHARDS))).toEqual(SHARDS);
    });

    test('are released by whose they are, and nobody else’s are', async () => {
      const [a, b] = await settled();
      expect(valueOf(await b.membership.overwrite(['shard:2']))).toEqual(['shard:2']);
      await a.membership.release(['shard:1', 'shard:2']);
      expect([...a.membership.held()]).toEqual(['shard:3']);
      expect(await holders()).toEqual([null, b.incarnation, a.incarnation]);
      expect((await tick(b)).lost).toEqual([]);
    });

    test('that are acquired and released at once are released', async () => {
      const [a] = await settled();
      await a.membership.release(SHARDS);
      await Promise.all([a.membership.acquire(['shard:1']), a.membership.release(['shard:1'])]);
      expect(a.membership.held().size).toBe(0);
      expect(await present().holderOf('shard:1')).toBeNull();
    });

    test('of a dead node are freed, but for what somebody has taken since; if it lives, it learns what it lost', async () => {
      const [a, b] = await settled();
      valueOf(await b.membership.overwrite(['shard:2']));
      const freed = valueOf(await b.membership.forget(a.incarnation));
      expect(freed.toSorted()).toEqual(['shard:1', 'shard:3']);
      expect((await tick(b)).nodes.map(({ nodeId }) => nodeId)).toEqual(['b']);
      expect(valueOf(await b.membership.acquire(SHARDS))).toEqual(SHARDS);
      expect((await tick(a)).lost).toEqual(SHARDS.map((lease) => ({ lease, holder: b.incarnation })));
      expect((await tick(b)).nodes).toHaveLength(2);
      expect(valueOf(await b.membership.forget(a.incarnation))).toEqual([]);
    });

    test('of a node that forgets itself are free at once', async () => {
      const [a, b] = await settled();
      expect(valueOf(await a.membership.forget(a.incarnation))).toHaveLength(3);
      expect(a.membership.held().size).toBe(0);
      expect((await tick(b)).nodes.map(({ nodeId }) => nodeId)).toEqual(['b']);
      expect(valueOf(await b.membership.acquire(SHARDS))).toEqual(SHARDS);
    });
  });
}
