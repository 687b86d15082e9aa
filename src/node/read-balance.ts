import { shardOf } from '../domain/shard.ts';
import type { BalanceAnswer } from '../infra/http/balance-route.ts';
import { LIMITS } from '../limits.ts';
import type { NodeIdentity } from './identity.ts';
import type { NodeRuntime } from './node-runtime.ts';

/**
 * The balance of an account as its owner has committed it. Read from the ledger, not from the actor: between a commit and its answer
 * the actor still has the one before. Rejects when the ledger does not answer.
 */
export async function readBalance(
  runtime: NodeRuntime,
  { incarnation }: NodeIdentity,
  accountId: string,
): Promise<BalanceAnswer> {
  const shard = shardOf(accountId, LIMITS.shardCount);
  const { supervision, tick } = runtime.parts ?? {};
  const owner = supervision?.watch.rows[shard]?.owner ?? null;
  const isOurs = supervision?.shards.epochOf(shard) != null;
  if (!isOurs && owner !== null && owner.incarnation !== incarnation) {
    const { nodeId } = owner;
    const address = tick?.addressOf(owner.incarnation) ?? null;
    if (address !== null) return { kind: 'elsewhere', nodeId, ...address, shard };
    return { kind: 'owner-not-found', nodeId, redis: runtime.dependencies().redis, shard };
  }
  if (!isOurs) return { kind: 'unowned', shard };
  const state = await runtime.ledger.reader.account(accountId);
  return state === null ? { kind: 'account-unknown' } : { kind: 'known', state, shard };
}
