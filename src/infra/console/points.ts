import { LATENCY_BUCKETS_MS } from '../../contracts/console.ts';
import type { ClusterPoint, NodeSample } from '../../contracts/console.ts';
import { histogramQuantile } from '../histogram-quantile.ts';

/** Adds up what all nodes did, second by second; oldest first. A node without a sample for a second adds nothing to it. */
export function clusterPoints(samplesOfNodes: Iterable<readonly NodeSample[]>): readonly ClusterPoint[] {
  const bySecond = new Map<number, NodeSample[]>();
  for (const samples of samplesOfNodes) {
    for (const sample of samples) {
      const group = bySecond.get(sample.second);
      if (group === undefined) bySecond.set(sample.second, [sample]);
      else group.push(sample);
    }
  }
  return [...bySecond].sort(([a], [b]) => a - b).map(([second, samples]) => pointOf(second, samples));
}

function pointOf(second: number, samples: readonly NodeSample[]): ClusterPoint {
  const sum = (read: (sample: NodeSample) => number): number =>
    Math.round(samples.reduce((total, sample) => total + read(sample), 0) * 10) / 10;
  const buckets = Array.from({ length: LATENCY_BUCKETS_MS.length + 1 }, (_, index) =>
    sum(({ latency }) => latency[index] ?? 0),
  );
  const commits = sum((sample) => sample.commits);
  return {
    second,
    received: sum((sample) => sample.received),
    approved: sum((sample) => sample.approved),
    rejected: sum((sample) => sample.rejected),
    retried: sum((sample) => sample.retried),
    p50Ms: quantileMs(buckets, 0.5),
    p95Ms: quantileMs(buckets, 0.95),
    p99Ms: quantileMs(buckets, 0.99),
    mailboxAgeMs: Math.max(...samples.map(({ mailboxAgeMs }) => mailboxAgeMs)),
    commitSize: commits === 0 ? null : Math.round((sum(({ committed }) => committed) / commits) * 10) / 10,
  };
}

/** In hundredths of a millisecond; null: nothing was counted. */
export function quantileMs(buckets: readonly number[], quantile: number): number | null {
  const ms = histogramQuantile(LATENCY_BUCKETS_MS, buckets, quantile);
  return ms === null ? null : Math.round(ms * 100) / 100;
}
