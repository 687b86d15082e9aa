import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Config } from '../../config.ts';
import { logOperatorAction, readDirectoryView } from '../../infra/postgres/cluster-view.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { placeOrder } from '../place-order.ts';
import { progress } from '../progress.ts';
import { shortIncarnation } from './describe-overview.ts';
import type { ClusterOverview, NodeStanding } from '../../infra/overview/overview.ts';

export interface DrainRequest {
  readonly operator: string;
  readonly why: string | null;
  /** Aborted: the watching ends, the drain goes on. */
  readonly signal: AbortSignal;
  readonly quiet: boolean;
}

const LOOK_EVERY_MS = 250;
/** A node whose inbox is gone for this long is not there. */
const WAIT_SECONDS = 5;

/** The node of this name, or of this run (the first characters of its incarnation). Throws `CommandError` unless there is exactly one. */
export function findNode({ nodes }: ClusterOverview, name: string): NodeStanding {
  const isRun = ({ incarnation }: NodeStanding): boolean => name.length >= 8 && incarnation.startsWith(name);
  const named = nodes.filter((node) => node.nodeId === name || isRun(node));
  const present = named.filter(({ state }) => state !== 'absent');
  const [found, ...others] = present.length === 0 ? named : present;
  if (found === undefined) {
    const known = [...new Set(nodes.map(({ nodeId }) => nodeId))];
    throw new CommandError(
      `there is no node ${name}; ${known.length === 0 ? 'none is running' : `there are ${known.join(', ')}`}`,
      EXIT.finding,
    );
  }
  if (others.length > 0)
    throw new CommandError(
      `${name} is the name of several nodes: say which run, ${present.map(({ incarnation }) => shortIncarnation(incarnation)).join(' or ')}`,
    );
  return found;
}

/** Tells the node to drain; rejects with `CommandError` when it does not answer. */
export async function orderDrain(
  config: Config,
  pool: pg.Pool,
  node: NodeStanding,
  { operator, why }: DrainRequest,
): Promise<void> {
  await placeOrder(config, {
    orderId: randomUUID(),
    order: { kind: 'drain' },
    inboxOf: () => Promise.resolve(node.inbox),
    waitSeconds: WAIT_SECONDS,
    unasked: `node ${node.nodeId} cannot be reached: its inbox is gone. If it is dead, the others take its shards by themselves`,
    again: 'To tell it again does no harm.',
  });
  await logOperatorAction(pool, {
    operator,
    action: 'drain',
    subject: `${node.nodeId}:${node.incarnation}`,
    why,
  });
}

/** Shows how the node's shards go. Returns how many it still has: 0 unless the signal ended the watching. */
export async function watchDrain(
  pool: pg.Pool,
  { incarnation, nodeId, shards: before }: NodeStanding,
  { signal, quiet }: DrainRequest,
): Promise<number> {
  const bar = progress(`${nodeId} gives its shards away`, { quiet });
  try {
    for (;;) {
      const { shards } = await readDirectoryView(pool);
      const left = shards.filter(({ owner }) => owner?.incarnation === incarnation).length;
      const total = Math.max(before, left);
      bar.update(total - left, total);
      if (left === 0 || signal.aborted) return left;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    bar.end();
  }
}
