import { assign, createActor, fromPromise, setup, type ActorOptions, type SnapshotFrom } from 'xstate';
import { ensureError } from '../domain/errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConnectionChart, ConnectionEffects, LinkState } from '../ports/connection.ts';

/**
 * The life of one connection, in generations: whatever breaks, all of it is torn down and built again.
 *
 * ```
 * connection
 * ├─ connecting   open(generation)            ─ rejected, lost ─> backingOff
 * ├─ up           flowing | blocked           ─ lost ─> backingOff
 * ├─ backingOff   after backoffMs(failures)   ─> connecting, next generation
 * └─ closed       for good
 * ```
 * C1. A report names its generation; one about another generation changes nothing.
 * C2. Every generation is torn down exactly once, when it is left.
 * C3. Failures are forgotten only after the connection was up for `LIMITS.connectionStableMs`: one that
 *     comes up and breaks at once is not tried in a hot loop.
 */

type ConnectionEvent =
  | { readonly type: 'LOST'; readonly generation: number; readonly reason: Error }
  | { readonly type: 'BLOCKED'; readonly generation: number }
  | { readonly type: 'UNBLOCKED'; readonly generation: number }
  | { readonly type: 'CLOSE' };

interface ConnectionContext {
  readonly effects: ConnectionEffects;
  readonly generation: number;
  /** Since the connection was last stable. */
  readonly failures: number;
}

interface Opening {
  readonly effects: ConnectionEffects;
  readonly generation: number;
}

export const connectionMachine = setup({
  types: {
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    input: {} as ConnectionEffects,
  },
  actors: {
    open: fromPromise<undefined, Opening>(async ({ input, signal }) => {
      await input.effects.open(input.generation, signal);
    }),
  },
  guards: {
    ofThisGeneration: ({ context, event }) =>
      'generation' in event && event.generation === context.generation,
  },
  actions: {
    beginGeneration: assign({ generation: ({ context }) => context.generation + 1 }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgetFailures: assign({ failures: 0 }),
    tellUp: ({ context }) => context.effects.cameUp(context.generation),
    tellFailed: ({ context }, params: { readonly reason: unknown }) =>
      context.effects.failed(context.generation, context.failures, ensureError(params.reason)),
    tearDown: ({ context }) => context.effects.tearDown(context.generation),
  },
  delays: {
    backoff: ({ context }) => context.effects.backoffMs(context.failures),
    stable: LIMITS.connectionStableMs,
  },
}).createMachine({
  id: 'connection',
  context: ({ input }) => ({ effects: input, generation: 0, failures: 0 }),
  initial: 'connecting',
  on: { CLOSE: '.closed' },
  states: {
    connecting: {
      entry: 'beginGeneration',
      invoke: {
        src: 'open',
        input: ({ context }) => ({ effects: context.effects, generation: context.generation }),
        onDone: 'up',
        onError: {
          target: 'backingOff',
          actions: ['countFailure', { type: 'tellFailed', params: ({ event }) => ({ reason: event.error }) }],
        },
      },
      on: {
        LOST: {
          guard: 'ofThisGeneration',
          target: 'backingOff',
          actions: [
            'countFailure',
            { type: 'tellFailed', params: ({ event }) => ({ reason: event.reason }) },
          ],
        },
      },
    },
    up: {
      entry: 'tellUp',
      initial: 'flowing',
      after: { stable: { actions: 'forgetFailures' } },
      on: {
        LOST: {
          guard: 'ofThisGeneration',
          target: 'backingOff',
          actions: [
            'countFailure',
            { type: 'tellFailed', params: ({ event }) => ({ reason: event.reason }) },
          ],
        },
      },
      states: {
        flowing: { on: { BLOCKED: { guard: 'ofThisGeneration', target: 'blocked' } } },
        blocked: { on: { UNBLOCKED: { guard: 'ofThisGeneration', target: 'flowing' } } },
      },
    },
    backingOff: {
      entry: 'tearDown',
      after: { backoff: 'connecting' },
      on: { CLOSE: 'closedAfterTearDown' },
    },
    closed: { type: 'final', entry: 'tearDown' },
    closedAfterTearDown: { type: 'final' },
  },
});

function linkStateOf(snapshot: SnapshotFrom<typeof connectionMachine>): LinkState {
  if (snapshot.matches('connecting')) return 'connecting';
  if (snapshot.matches({ up: 'flowing' })) return 'up';
  if (snapshot.matches({ up: 'blocked' })) return 'blocked';
  return 'down';
}

/** Runs the chart as a root actor. `options.clock` drives its waits in tests. */
export function startConnection(
  effects: ConnectionEffects,
  options: Pick<ActorOptions<typeof connectionMachine>, 'clock'> = {},
): ConnectionChart {
  const actor = createActor(connectionMachine, { ...options, input: effects });
  // Without an observer a throw inside the chart would end the process.
  actor.subscribe({
    error: (thrown) => {
      const { generation, failures } = actor.getSnapshot().context;
      effects.failed(generation, failures, ensureError(thrown));
    },
  });
  actor.start();
  const tell = (event: ConnectionEvent): void => {
    // What is reported after the end (our own closing of channels) is no news.
    if (actor.getSnapshot().status === 'active') actor.send(event);
  };
  return {
    state: () => linkStateOf(actor.getSnapshot()),
    lost: (generation, reason) => tell({ type: 'LOST', generation, reason }),
    blocked: (generation) => tell({ type: 'BLOCKED', generation }),
    unblocked: (generation) => tell({ type: 'UNBLOCKED', generation }),
    close: () => tell({ type: 'CLOSE' }),
  };
}
