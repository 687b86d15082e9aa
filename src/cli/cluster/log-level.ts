import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Config } from '../../config.ts';
import type { LogLevel } from '../../contracts/log-levels.ts';
import { logOperatorAction } from '../../infra/postgres/cluster-view.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { placeOrder } from '../place-order.ts';
import { findNode } from './drain-node.ts';
import type { ClusterOverview, NodeStanding } from '../../infra/overview/overview.ts';

export interface LogLevelRequest {
  /** Name of a node, the beginning of its incarnation, or `all`. */
  readonly node: string;
  readonly level: LogLevel;
  readonly operator: string;
  readonly why: string | null;
}

/** How long a node has to answer. */
const WAIT_SECONDS = 5;

/**
 * Tells the nodes; gives those that took it. The level holds until the node ends. Throws `CommandError` at the first that cannot
 * be reached, and where there is nobody.
 */
export async function changeLogLevel(
  config: Config,
  pool: pg.Pool,
  overview: ClusterOverview,
  request: LogLevelRequest,
): Promise<readonly NodeStanding[]> {
  const { level, operator, why } = request;
  const nodes = nodesMeant(overview, request.node);
  for (const { nodeId, incarnation, inbox } of nodes) {
    await placeOrder(config, {
      orderId: randomUUID(),
      order: { kind: 'log-level', level },
      inboxOf: () => Promise.resolve(inbox),
      waitSeconds: WAIT_SECONDS,
      unasked: `node ${nodeId} cannot be reached: its inbox is gone`,
      again: 'To tell it again does no harm.',
    });
    const subject = `${nodeId}:${incarnation}`;
    await logOperatorAction(pool, { operator, action: `log-level ${level}`, subject, why });
  }
  return nodes;
}

function nodesMeant(overview: ClusterOverview, name: string): readonly NodeStanding[] {
  if (name !== 'all') return [findNode(overview, name)];
  const present = overview.nodes.filter(({ state }) => state !== 'absent');
  if (present.length === 0) throw new CommandError('no node is running', EXIT.finding);
  return present;
}
