import { assign, fromPromise, setup } from 'xstate';
import { ensureError } from '../domain/errors.ts';

/** Why a node ended. A closed list. */
export const STOP_REASONS = ['drained', 'drain-timeout', 'failed'] as const;
export type NodeStopReason = (typeof STOP_REASONS)[number];

/** What each step of a node's life does. A step that rejects while the node starts ends it; later ones are logged by whoever does them. */
export interface NodeSteps {
  /** Waits for PostgreSQL, checks that this node may work on this database. */
  openLedger(): Promise<void>;
  /** Takes part in the cluster from now on: shards, ingest roles, retries. Does not wait for servers that are away. */
  join(): Promise<void>;
  /** Stops intake, finishes what is in memory and gives every role away. */
  leave(): Promise<void>;
  /** Brings the cached balances up to date. */
  flush(): Promise<void>;
  /** Lets go of everything. Bounded in time, never rejects. */
  close(): Promise<void>;
}

export type NodeEvent =
  /** Every dependency that work needs is there, or one is not. */
  | { readonly type: 'health.changed'; readonly healthy: boolean }
  | { readonly type: 'drain' }
  /** This node must not work with these servers. */
  | { readonly type: 'refused'; readonly error: Error };

interface NodeContext {
  readonly steps: NodeSteps;
  readonly drainTimeoutMs: number;
  readonly reason: NodeStopReason;
  readonly error: Error | null;
  /** As last told, in whatever state that was. */
  readonly healthy: boolean;
}

interface NodeInput {
  readonly steps: NodeSteps;
  readonly drainTimeoutMs: number;
}

const step = (name: keyof NodeSteps) =>
  fromPromise<undefined, NodeSteps>(async ({ input }) => {
    await input[name]();
  });

const REFUSED = {
  target: 'closing',
  actions: {
    type: 'noteFailure',
    params: ({ event }: { event: { error: Error } }) => ({ error: event.error }),
  },
} as const;

/**
 * The life of a node.
 *
 * ```
 * node
 * ├─ starting   openingLedger ─> joining                            ─ rejected ─> closing (failed)
 * ├─ serving    ready <─ health ─> degraded
 * ├─ draining   leaving ─> flushing            ─ drainTimeoutMs ─> closing (drain-timeout)
 * ├─ closing
 * └─ stopped
 * ```
 * `refused` goes to closing from wherever the node is.
 */
export const nodeMachine = setup({
  types: {
    context: {} as NodeContext,
    events: {} as NodeEvent,
    input: {} as NodeInput,
    output: {} as NodeStopReason,
  },
  actors: {
    openLedger: step('openLedger'),
    join: step('join'),
    leave: step('leave'),
    flush: step('flush'),
    close: step('close'),
  },
  guards: {
    isHealthy: ({ context }) => context.healthy,
    isUnhealthy: ({ context }) => !context.healthy,
  },
  actions: {
    noteHealth: assign((_, params: { readonly healthy: boolean }) => ({ healthy: params.healthy })),
    noteReason: assign((_, params: { readonly reason: NodeStopReason }) => ({ reason: params.reason })),
    noteFailure: assign((_, params: { readonly error: unknown }) => ({
      reason: 'failed' as const,
      error: ensureError(params.error),
    })),
  },
  delays: { drainTimeout: ({ context }) => context.drainTimeoutMs },
}).createMachine({
  id: 'node',
  context: ({ input }) => ({ ...input, reason: 'drained', error: null, healthy: false }),
  initial: 'starting',
  output: ({ context }) => context.reason,
  on: {
    'health.changed': {
      actions: { type: 'noteHealth', params: ({ event }) => ({ healthy: event.healthy }) },
    },
  },
  states: {
    starting: {
      initial: 'openingLedger',
      on: {
        drain: 'closing',
        refused: REFUSED,
      },
      states: {
        openingLedger: {
          invoke: {
            src: 'openLedger',
            input: ({ context }) => context.steps,
            onDone: 'joining',
            onError: {
              target: '#node.closing',
              actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
        joining: {
          invoke: {
            src: 'join',
            input: ({ context }) => context.steps,
            onDone: '#node.serving',
            onError: {
              target: '#node.closing',
              actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
      },
    },
    serving: {
      initial: 'ready',
      on: {
        drain: 'draining',
        refused: REFUSED,
      },
      states: {
        ready: { always: { guard: 'isUnhealthy', target: 'degraded' } },
        degraded: { always: { guard: 'isHealthy', target: 'ready' } },
      },
    },
    draining: {
      initial: 'leaving',
      on: {
        refused: REFUSED,
      },
      after: {
        drainTimeout: {
          target: 'closing',
          actions: { type: 'noteReason', params: { reason: 'drain-timeout' } },
        },
      },
      states: {
        leaving: {
          invoke: {
            src: 'leave',
            input: ({ context }) => context.steps,
            onDone: 'flushing',
            onError: {
              target: '#node.closing',
              actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
        flushing: {
          invoke: {
            src: 'flush',
            input: ({ context }) => context.steps,
            onDone: '#node.closing',
            onError: {
              target: '#node.closing',
              actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
      },
    },
    closing: {
      invoke: {
        src: 'close',
        input: ({ context }) => context.steps,
        onDone: 'stopped',
        onError: {
          target: 'stopped',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    stopped: { type: 'final' },
  },
});
