import { randomUUID } from 'node:crypto';
import type { ShardOwner } from '../../src/ports/cluster.ts';

/** An incarnation of this node. */
export function claimant(nodeId: string): ShardOwner {
  const incarnation = randomUUID();
  return { nodeId, incarnation, inbox: `inbox.${nodeId}.${incarnation}` };
}
