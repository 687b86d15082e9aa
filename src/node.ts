import { createActor, toPromise, waitFor } from 'xstate';
import type { Actor } from 'xstate';
import type { Config } from './config.ts';
import type { LogLevel } from './contracts/log-levels.ts';
import type { HttpServer, NodeStatus, Readiness } from './infra/http/http-server.ts';
import type { OtelTracing } from './infra/tracing/otel-tracing.ts';
import { SystemClock, systemRandom } from './infra/system-clock.ts';
import { assertLimits } from './limits.ts';
import { nodeMachine } from './machines/node-machine.ts';
import type { NodeEvent, NodeStopReason } from './machines/node-machine.ts';
import type { Logger } from './ports/runtime.ts';
import { loadCache, loadEvents, loadMetrics, loadTracing, loadWebhooks } from './node/features.ts';
import { startAdmin } from './node/admin.ts';
import { newIdentity } from './node/identity.ts';
import { liveFigures } from './node/live-figures.ts';
import { NodeRuntime } from './node/node-runtime.ts';
import { Observation } from './node/observation.ts';

export type { NodeStopReason } from './machines/node-machine.ts';

export interface StartOptions {
  readonly logger: Logger;
  /** Aborted: the node drains, also while it starts; `startNode` rejects then. */
  readonly signal?: AbortSignal;
  /** An operator wants more or fewer lines in the log; without it such an order changes nothing. */
  readonly onLogLevel?: (level: LogLevel) => void;
  readonly onStopped?: (reason: NodeStopReason) => void;
}

export interface RunningNode {
  readonly nodeId: string;
  /** UUID of this run. */
  readonly incarnation: string;
  /** Base URL of `/livez`, `/readyz`, `/healthz`, `/metrics` and `/accounts/<id>/balance`. */
  readonly address: string;
  status(): NodeStatus;
  /** Stops intake, finishes what is in memory, writes the cache, closes; `drainTimeoutMs` at most. Resolves with `stopped`. */
  drain(): Promise<NodeStopReason>;
  /** Resolves when everything is closed. */
  readonly stopped: Promise<NodeStopReason>;
}

/** As the old processor's documentation has it. */
const REDIS_POOL_SIZE_DEFAULT = 8;

type NodeActor = Actor<typeof nodeMachine>;

/**
 * Starts a node: ledger, cluster, HTTP. Resolves when it has its place in the cluster; while RabbitMQ or Redis are away it works
 * degraded. Rejects, with everything closed, when it cannot start: `ClusterRefusal`, a taken port, no PostgreSQL.
 */
export async function startNode(config: Config, options: StartOptions): Promise<RunningNode> {
  assertLimits();
  const identity = newIdentity(config.nodeId);
  const logger = options.logger.child({ incarnation: identity.incarnation });
  const clock = new SystemClock();
  const metrics = await loadMetrics(
    config.features,
    liveFigures(
      () => runtime,
      () => observation.looker.look(),
    ),
  );
  const tracing = await loadTracing(config.tracing, { ...identity, logger });
  const observation = new Observation({
    metrics,
    runtime: () => runtime,
    isReady: () => status().serving,
    clock,
    logger,
  });
  const runtime: NodeRuntime = new NodeRuntime({
    config,
    identity,
    adminAddress: () => http.told,
    clock,
    random: systemRandom,
    logger,
    metrics: observation.figures,
    tracing,
    openCache: await loadCache(config.features),
    openEvents: await loadEvents(config.features),
    openWebhooks: await loadWebhooks(config.features),
    onDrain: () => tell(actor, { type: 'drain' }),
    onLogLevel: (level) => options.onLogLevel?.(level),
    onHealth: (healthy) => tell(actor, { type: 'health.changed', healthy }),
    onRefused: (error) => tell(actor, { type: 'refused', error }),
  });
  if (config.redisPoolSize !== REDIS_POOL_SIZE_DEFAULT) {
    logger.info(
      { redis_pool_size: config.redisPoolSize },
      'REDIS_POOL_SIZE is not used: connections multiplex',
    );
  }
  const input = { steps: runtime, drainTimeoutMs: config.drainTimeoutMs };
  const actor: NodeActor = createActor(nodeMachine, { input });
  const status = (): NodeStatus => statusOf(actor, config.nodeId, runtime);
  const http = await startAdmin({
    ...{ config, identity, runtime, observation, metrics, status, clock, logger },
    random: systemRandom,
  });
  observation.start();
  const stopped = run(actor, { http, tracing }, logger, options);
  void stopped.finally(() => observation.stop());
  const drain = (): void => tell(actor, { type: 'drain' });
  if (options.signal?.aborted === true) drain();
  options.signal?.addEventListener('abort', drain);
  await untilServing(actor, stopped);
  logger.info({ address: http.address, dependencies: runtime.dependencies() }, 'node started');
  return {
    nodeId: config.nodeId,
    incarnation: identity.incarnation,
    address: http.address,
    status,
    drain: () => {
      drain();
      return stopped;
    },
    stopped,
  };
}

/** A node that has stopped has nothing more to be told. */
function tell(actor: NodeActor, event: NodeEvent): void {
  if (actor.getSnapshot().status === 'active') actor.send(event);
}

async function run(
  actor: NodeActor,
  { http, tracing }: { readonly http: HttpServer; readonly tracing: OtelTracing | null },
  logger: Logger,
  { onStopped }: StartOptions,
): Promise<NodeStopReason> {
  // Before the start, so that a throw inside the chart ends the node and not the process.
  const ended = toPromise(actor).catch((error: unknown): NodeStopReason => {
    logger.error({ err: error }, 'the life cycle of the node broke');
    return 'failed';
  });
  const past = { serving: false };
  actor.subscribe((snapshot) => (past.serving ||= snapshot.matches('serving')));
  actor.start();
  const reason = await ended;
  await http.close();
  await tracing?.close();
  const { error } = actor.getSnapshot().context;
  if (error === null) logger.info({ reason }, 'node stopped');
  else if (past.serving) logger.error({ reason, err: error }, 'node stopped');
  // `startNode` rejects with the rest of it.
  else logger.error({ reason, why: error.message }, 'node stopped');
  onStopped?.(reason);
  return reason;
}

/** Resolves when the node serves; rejects with what kept it from starting, once everything is closed. */
async function untilServing(actor: NodeActor, stopped: Promise<NodeStopReason>): Promise<void> {
  const past = await waitFor(actor, (snapshot) => !snapshot.matches('starting'), { timeout: Infinity });
  if (past.matches('serving')) return;
  const reason = await stopped;
  throw actor.getSnapshot().context.error ?? new Error(`the node stopped before it served: ${reason}`);
}

function statusOf(actor: NodeActor, node: string, runtime: NodeRuntime): NodeStatus {
  const status = readinessOf(actor);
  const paused = runtime.parts?.supervision.watch.pause ?? null;
  return { status, serving: status === 'ready', node, dependencies: runtime.dependencies(), paused };
}

function readinessOf(actor: NodeActor): Readiness {
  const snapshot = actor.getSnapshot();
  if (snapshot.matches('starting')) return 'starting';
  if (snapshot.matches({ serving: 'ready' })) return 'ready';
  if (snapshot.matches({ serving: 'degraded' })) return 'degraded';
  return snapshot.matches('stopped') ? 'stopped' : 'draining';
}
