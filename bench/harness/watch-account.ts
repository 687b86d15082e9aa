import { shardOf } from '../../src/domain/shard.ts';
import { readEventStream } from '../../src/infra/inspection/read-event-stream.ts';
import { readShardOwner } from '../../src/infra/postgres/cluster-view.ts';
import { addressesOfNode } from '../../src/infra/redis/node-address.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ClusterRun } from './cluster-run.ts';

export interface AccountWatch {
  /** Stops looking; resolves with the number of messages that came. Rejects with what went wrong meanwhile. */
  close(): Promise<number>;
}

/** Looks at an account over its owner's inspector, as `paygate inspect` does. Resolves once the owner has said yes. */
export async function watchAccount(run: ClusterRun, accountId: string): Promise<AccountWatch> {
  const owner = await readShardOwner(run.place.pool, shardOf(accountId, LIMITS.shardCount));
  const [address] = owner === null ? [] : await addressesOfNode(run.place.urls.redisUrl, owner.incarnation);
  if (address === undefined) throw new Error(`nobody owns account ${accountId}`);
  const leave = new AbortController();
  const response = await fetch(new URL(`/inspect/${accountId}/events`, address), {
    signal: leave.signal,
    headers: { accept: 'text/event-stream', 'x-paygate-operator': 'bench' },
  });
  if (!response.ok || response.body === null) throw new Error(`${address} answered ${response.status}`);
  const reading = count(response.body, leave.signal);
  return {
    close: () => {
      leave.abort();
      return reading;
    },
  };
}

async function count(body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number> {
  let messages = 0;
  try {
    for await (const event of readEventStream(body)) if (event.data !== '') messages += 1;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (!signal.aborted) throw new Error('the inspector closed the stream');
  return messages;
}
