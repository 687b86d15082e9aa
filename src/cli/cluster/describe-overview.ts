import { describePause } from '../describe-pause.ts';
import { bold, count, paint, table } from '../output.ts';
import type { ClusterOverview, Misfit, NodeState } from '../../infra/overview/overview.ts';

const COLOUR = {
  working: 'green',
  draining: 'yellow',
  absent: 'red',
  unknown: 'gray',
} as const satisfies Record<NodeState, string>;

/** Enough to tell two runs of a node apart. */
export const shortIncarnation = (incarnation: string): string => incarnation.slice(0, 8);

/** The overview in words. */
export function describeOverview(overview: ClusterOverview): string {
  return [
    bold(`Cluster ${overview.clusterId}`),
    ...describePause(overview.intakePause),
    ...redisLines(overview),
    '',
    nodeTable(overview),
    '',
    ...shardLines(overview),
    ...ingestLines(overview),
    ...overview.misfits.map((misfit) => misfitLine(overview, misfit)),
  ].join('\n');
}

function redisLines({ redis }: ClusterOverview): readonly string[] {
  switch (redis.kind) {
    case 'answers':
      return [];
    case 'away':
      return [
        paint(
          'red',
          `Redis does not answer (${redis.detail}): nodes are shown as the ledger names them, without leases.`,
        ),
      ];
    case 'another-cluster':
      return [
        paint(
          'red',
          `This Redis serves another cluster (${redis.clusterId}): check REDIS_URL. Its leases are not shown.`,
        ),
      ];
  }
}

function nodeTable({ nodes }: ClusterOverview): string {
  if (nodes.length === 0) return 'No node is running.';
  const rows = nodes.map(({ nodeId, incarnation, state, startedAt, shards, ingest }) => [
    nodeId,
    shortIncarnation(incarnation),
    paint(COLOUR[state], state),
    startedAt,
    shards,
    ingest.length === 0 ? null : ingest.join(', '),
  ]);
  return table(['node', 'run', 'state', 'started', 'shards', 'reads'], rows);
}

function shardLines({ shardCount, unowned, epochs }: ClusterOverview): readonly string[] {
  const range =
    epochs.lowest === epochs.highest
      ? count(epochs.lowest)
      : `${count(epochs.lowest)} to ${count(epochs.highest)}`;
  const owned = `  shards   ${count(shardCount - unowned.shards.length)} of ${count(shardCount)} owned, epochs ${range}`;
  if (unowned.shards.length === 0) return [owned];
  const since = unowned.since === null ? 'some never had one' : `since ${unowned.since} at the longest`;
  return [owned, paint('yellow', `           ${count(unowned.shards.length)} without owner, ${since}`)];
}

function ingestLines({ ingest }: ClusterOverview): readonly string[] {
  const unread = Object.entries(ingest).flatMap(([queue, holder]) => (holder === null ? [queue] : []));
  return unread.length === 0 ? [] : [paint('yellow', `  ingest   nobody may read ${unread.join(', ')}`)];
}

function misfitLine({ nodes }: ClusterOverview, { lease, directory, shards }: Misfit): string {
  const name = (incarnation: string | null): string => {
    if (incarnation === null) return 'nobody';
    const nodeId = nodes.find((node) => node.incarnation === incarnation)?.nodeId ?? 'a node that is gone';
    return `${nodeId} (${shortIncarnation(incarnation)})`;
  };
  return paint(
    'yellow',
    `  leases   ${count(shards.length)} do not fit: Redis says ${name(lease)}, the directory ${name(directory)}`,
  );
}
