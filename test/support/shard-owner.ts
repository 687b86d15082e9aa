import { randomUUID } from 'node:crypto';
import type { ClusterDirectory, ShardOwner } from '../../src/ports/cluster.ts';

/** An incarnation of this node. */
export function claimant(nodeId: string): ShardOwner {
  const incarnation = randomUUID();
  return { nodeId, incarnation, inbox: `inbox.${nodeId}.${incarnation}` };
}

/** Takes these shards from whoever has them; gives the new epoch of each that was not taken by somebody else meanwhile. */
export async function takeOver(
  directory: Pick<ClusterDirectory, 'read' | 'takeOverSeen'>,
  shards: readonly number[],
): Promise<ReadonlyMap<number, bigint>> {
  const rows = await directory.read();
  return directory.takeOverSeen(new Map(shards.map((shard) => [shard, rows[shard]?.epoch ?? -1n])));
}
