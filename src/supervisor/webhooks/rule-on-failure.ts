import { WEBHOOK_TEST_TYPE } from '../../contracts/webhooks.ts';
import { retryDelayMs } from '../../domain/retry-policy.ts';
import { afterFailure } from '../../domain/webhooks/endpoint-health.ts';
import type { DisablePolicy, EndpointHealth } from '../../domain/webhooks/endpoint-health.ts';
import type { FailedOutcome } from '../../domain/webhooks/outcome.ts';
import { LIMITS } from '../../limits.ts';
import type { Random } from '../../ports/runtime.ts';
import type { FailureRuling, WebhookClaim } from '../../ports/webhooks.ts';

export interface WebhookPolicy {
  /** Tries of one delivery, in all. */
  readonly attemptsMax: number;
  /** Before the second one; it doubles. */
  readonly retryDelayMs: number;
  readonly disable: DisablePolicy;
}

export interface FailureCase {
  readonly claim: Pick<WebhookClaim, 'type' | 'attempt'>;
  readonly failure: FailedOutcome;
  readonly health: EndpointHealth;
  readonly nowMs: number;
}

/**
 * What becomes of a delivery that failed, and of its endpoint. A disabled endpoint keeps the delivery, whatever its tries: it
 * goes on when somebody enables it. A test is tried once, and says nothing about its endpoint.
 */
export function ruleOnFailure(
  { claim, failure, health, nowMs }: FailureCase,
  policy: WebhookPolicy,
  random: Random,
): FailureRuling {
  if (claim.type === WEBHOOK_TEST_TYPE)
    return { health, verdict: { kind: 'kept' }, pauseMs: null, retryMs: null };
  const kind = failure.code === 'ENDPOINT_GONE' ? 'gone' : 'failed';
  const after = afterFailure(health, kind, nowMs, policy.disable);
  const { verdict } = after;
  const askedMs = failure.retryAfterMs ?? 0;
  const pauseMs =
    verdict.kind === 'paused'
      ? Math.max(askedMs, retryDelayMs(verdict.round, policy.retryDelayMs, random, LIMITS.webhookPauseMsMax))
      : null;
  const isSpent = claim.attempt >= policy.attemptsMax && verdict.kind !== 'disabled';
  const retryMs = isSpent
    ? null
    : Math.max(askedMs, retryDelayMs(claim.attempt, policy.retryDelayMs, random, LIMITS.webhookRetryMsMax));
  return { ...after, pauseMs, retryMs };
}
