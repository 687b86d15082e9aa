import { createActor, fromTransition } from 'xstate';
import type { AnyActor } from 'xstate';

/**
 * The root below which the actors of a node's accounts live: they share one XState system, which would take 2 of the 4.6 kB of an
 * account if each had its own. It does nothing: what becomes of an account is seen by whoever gave it an event (`AccountActor`).
 */
export function startAccountsRoot(): AnyActor {
  return createActor(
    fromTransition((state: null) => state, null),
    { id: 'accounts' },
  ).start();
}
