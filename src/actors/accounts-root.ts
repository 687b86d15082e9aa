import { createActor, fromTransition } from 'xstate';
import type { AnyActor } from 'xstate';

/**
 * The root below which the actors of a node's accounts live: they share one XState system, which would take 2 of the 4.6 kB of an
 * account if each had its own. It does nothing: what becomes of an account is seen by whoever gave it an event (`AccountActor`). An actor without
 * a parent and without an observer would end the process with its crash; one with a parent tells the parent, and this one takes no notice.
 */
export function startAccountsRoot(): AnyActor {
  return createActor(
    fromTransition((state: null) => state, null),
    { id: 'accounts' },
  ).start();
}
