import assert from 'node:assert/strict';
import { shardOf } from '../../../src/domain/shard.ts';
import { eventually } from '../../support/eventually.ts';
import type { ClusterScene } from './cluster-scene.ts';

/** What is measured while a fault goes on. Figures are printed, not tested: a busy machine would break the tests. */

const PATIENT = { timeoutMs: 90_000, pollMs: 50 };

export async function decisionCount(scene: ClusterScene): Promise<number> {
  const { rows } = await scene.pool.query<{ count: number }>(
    'select count(*)::int as count from processor.journal',
  );
  return rows[0]?.count ?? 0;
}

/** Resolves when so many more transactions are decided. */
export async function progress(scene: ClusterScene, decisions: number): Promise<void> {
  const before = await eventually(() => decisionCount(scene), PATIENT);
  await eventually(async () => {
    const now = await decisionCount(scene);
    assert(now >= before + decisions, `${now - before} decisions of ${decisions}`);
  }, PATIENT);
}

/** Resolves when this node owns nothing any more and every shard has an owner. */
export async function untilOthersOwnAllOf(scene: ClusterScene, nodeId: string): Promise<void> {
  await eventually(
    async () => {
      const owners = [...(await scene.shardsByOwner()).keys()];
      assert(!owners.includes(nodeId), `${nodeId} owns shards`);
      assert(!owners.includes(''), 'shards without an owner');
    },
    { ...PATIENT, pollMs: 20 },
  );
}

/** Index = shard. */
export async function epochs(scene: ClusterScene): Promise<readonly string[]> {
  const { rows } = await scene.pool.query<{ epoch: string }>(
    'select epoch from processor.shards order by shard',
  );
  return rows.map(({ epoch }) => epoch);
}

export interface Takeover {
  /** Milliseconds from the call of `watchTakeover` to the first decision of a new owner. */
  readonly firstMs: number;
  /** To the moment from which every account of the node had been decided by a new owner. */
  readonly allMs: number;
  readonly accounts: number;
}

const FIRST_UNDER_NEW_EPOCH = `
  select (extract(epoch from min(first)) * 1000)::float8 as first,
         (extract(epoch from max(first)) * 1000)::float8 as last, count(*)::int as accounts
    from (select min(decided_at) as first
            from processor.journal j
            join unnest($1::uuid[], $2::bigint[]) as old (account_id, epoch) using (account_id)
           where j.epoch > old.epoch group by account_id) decided`;

/** To be called right before a fault takes this node's shards away; resolves, when asked, once others decide for all of its accounts. */
export async function watchTakeover(scene: ClusterScene, nodeId: string): Promise<() => Promise<Takeover>> {
  const shards = new Set((await scene.shardsByOwner()).get(nodeId) ?? []);
  const epochByShard = await epochs(scene);
  const accounts = scene.traffic.accounts.map(({ id }) => id).filter((id) => shards.has(shardOf(id, 256)));
  const epochByAccount = accounts.map((id) => epochByShard[shardOf(id, 256)]);
  const startedAtMs = Date.now();
  return () =>
    eventually(async () => {
      const { rows } = await scene.pool.query<{ first: number; last: number; accounts: number }>(
        FIRST_UNDER_NEW_EPOCH,
        [accounts, epochByAccount],
      );
      const seen = rows[0] ?? { first: 0, last: 0, accounts: 0 };
      assert.equal(seen.accounts, accounts.length, `accounts of ${nodeId} that others decide for`);
      return {
        firstMs: Math.round(seen.first - startedAtMs),
        allMs: Math.round(seen.last - startedAtMs),
        accounts: accounts.length,
      };
    }, PATIENT);
}

/** Longest time between two decisions, of anybody, since then. Milliseconds. */
export async function longestPauseMs(scene: ClusterScene, sinceMs: number): Promise<number> {
  return longest(scene, sinceMs, '');
}

/** Longest time between two decisions of one account that is driven all the time. Milliseconds. */
export async function longestAccountGapMs(scene: ClusterScene, sinceMs: number): Promise<number> {
  return longest(scene, sinceMs, 'partition by account_id');
}

async function longest(scene: ClusterScene, sinceMs: number, partition: string): Promise<number> {
  const { rows } = await scene.pool.query<{ ms: number | null }>(
    `select (max(extract(epoch from gap)) * 1000)::float8 as ms
       from (select decided_at, decided_at - lag(decided_at) over (${partition} order by decided_at) as gap
               from processor.journal) gaps
      where decided_at > to_timestamp($1::float8 / 1000)`,
    [sinceMs],
  );
  return Math.round(rows[0]?.ms ?? 0);
}
