/** How an endpoint has answered lately. */
export interface EndpointHealth {
  readonly failuresInRow: number;
  /** Milliseconds since the epoch; null: it does not fail. */
  readonly failingSinceMs: number | null;
}

export const HEALTHY: EndpointHealth = { failuresInRow: 0, failingSinceMs: null };

/** An endpoint is disabled after at least so many failures in a row, the first of them at least so long ago. */
export interface DisablePolicy {
  readonly failures: number;
  readonly afterMs: number;
}

/** `gone`: the endpoint itself says that nothing is wanted there any more (HTTP 410). */
export type FailureKind = 'failed' | 'gone';

export type EndpointVerdict =
  | { readonly kind: 'kept' }
  /** It is tried with one delivery at a time, and left alone in between. `round`: from 1. */
  | { readonly kind: 'paused'; readonly round: number }
  | { readonly kind: 'disabled'; readonly because: 'failures' | 'gone' };

/** From so many failures in a row an endpoint is tried with one delivery at a time. */
export const PAUSE_AFTER_FAILURES = 5;

/** What a failed delivery says about its endpoint. Both bounds must be passed: many deliveries may fail within a second. */
export function afterFailure(
  before: EndpointHealth,
  kind: FailureKind,
  nowMs: number,
  policy: DisablePolicy,
): { readonly health: EndpointHealth; readonly verdict: EndpointVerdict } {
  const failingSinceMs = before.failingSinceMs ?? nowMs;
  const health = { failuresInRow: before.failuresInRow + 1, failingSinceMs };
  return { health, verdict: verdictOf(health, kind, nowMs - failingSinceMs, policy) };
}

function verdictOf(
  { failuresInRow }: EndpointHealth,
  kind: FailureKind,
  failingMs: number,
  policy: DisablePolicy,
): EndpointVerdict {
  if (kind === 'gone') return { kind: 'disabled', because: 'gone' };
  if (failuresInRow >= policy.failures && failingMs >= policy.afterMs)
    return { kind: 'disabled', because: 'failures' };
  if (failuresInRow < PAUSE_AFTER_FAILURES) return { kind: 'kept' };
  return { kind: 'paused', round: failuresInRow - PAUSE_AFTER_FAILURES + 1 };
}
