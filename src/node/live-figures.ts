import type { LiveFigures } from '../infra/metrics.ts';
import type { NodeRuntime } from './node-runtime.ts';

/** What the metrics ask of the node when they are read; 0 or null before it has its parts. */
export function liveFigures(runtime: () => NodeRuntime, look: LiveFigures['look']): LiveFigures {
  const parts = (): NodeRuntime['parts'] => runtime().parts;
  return {
    activeAccounts: () => parts()?.supervision.region.activeCount ?? 0,
    inFlight: () => parts()?.supervision.inFlight.count ?? 0,
    cachePending: () => parts()?.supervision.writer.pendingCount ?? 0,
    eventsWaiting: () => parts()?.supervision.events?.waitingCount ?? 0,
    forwarding: () => parts()?.supervision.forwarder.heldCount ?? 0,
    rulesVersion: () => parts()?.supervision.rules.inForce()?.version ?? 0,
    sweeping: () => parts()?.sweeper.onRoad ?? 0,
    sweepOldestSeconds: () => (parts()?.sweeper.oldestAgeMs() ?? 0) / 1_000,
    shards: () => parts()?.tick.shardKeeper.counts() ?? null,
    seals: () => parts()?.sealer ?? null,
    look,
  };
}
