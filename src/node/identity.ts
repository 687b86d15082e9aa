import { randomUUID } from 'node:crypto';

/** Who a node is. A node that is started again under its old name is another incarnation, and owns nothing of the old one. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** UUID of this run. */
  readonly incarnation: string;
  /** Queue for commands that other nodes send here. */
  readonly inbox: string;
}

export function newIdentity(nodeId: string): NodeIdentity {
  const incarnation = randomUUID();
  return { nodeId, incarnation, inbox: `inbox.${nodeId}.${incarnation}` };
}
