/** Without this: an endpoint that is disabled by a moment's outage, or one that is away and whose events are given up. */
import { expect, it } from 'vitest';
import { HEALTHY } from '../../../src/domain/webhooks/endpoint-health.ts';
import type { EndpointHealth } from '../../../src/domain/webhooks/endpoint-health.ts';
import type { FailedOutcome } from '../../../src/domain/webhooks/outcome.ts';
import { loadConfig } from '../../../src/config.ts';
import { LIMITS } from '../../../src/limits.ts';
import { ruleOnFailure } from '../../../src/supervisor/webhooks/rule-on-failure.ts';
import type { WebhookPolicy } from '../../../src/supervisor/webhooks/rule-on-failure.ts';

const REFUSED: FailedOutcome = {
  kind: 'failed',
  code: 'ENDPOINT_REFUSED',
  status: 500,
  detail: 'HTTP 500',
  retryAfterMs: null,
};
const config = loadConfig({});
const POLICY: WebhookPolicy = {
  attemptsMax: config.webhookAttempts,
  retryDelayMs: config.webhookRetryDelayMs,
  disable: { failures: config.webhookDisableFailures, afterMs: config.webhookDisableAfterMs },
};
const LEAST = { next: () => 0 };
const MOST = { next: () => 0.999 };
const HOUR_MS = 3_600_000;

function rule(
  attempt: number,
  health: EndpointHealth,
  nowMs: number,
  failure = REFUSED,
  type = 'balance.updated',
) {
  return ruleOnFailure({ claim: { type, attempt }, failure, health, nowMs }, POLICY, MOST);
}

it('many failures within a second pause an endpoint, and do not disable it', () => {
  let health: EndpointHealth = HEALTHY;
  for (let n = 1; n <= 1_000; n += 1) {
    const ruling = rule(1, health, 1_000);
    expect(ruling.verdict.kind).toBe(n < 5 ? 'kept' : 'paused');
    expect(ruling.pauseMs === null).toBe(n < 5);
    expect(ruling.pauseMs ?? 0).toBeLessThanOrEqual(LIMITS.webhookPauseMsMax);
    health = ruling.health;
  }
});

it('disabled after enough failures over enough time; what fails then waits, whatever its tries', () => {
  const failing = { failuresInRow: 11, failingSinceMs: 0 };
  expect(rule(3, failing, 2 * HOUR_MS - 1).verdict.kind).toBe('paused');
  expect(rule(3, { ...failing, failuresInRow: 10 }, 3 * HOUR_MS).verdict.kind).toBe('paused');
  const last = rule(20, failing, 2 * HOUR_MS);
  expect(last.verdict).toEqual({ kind: 'disabled', because: 'failures' });
  expect(last.retryMs).not.toBeNull();
});

it.each([
  ['the shortest waits', LEAST],
  ['the longest waits', MOST],
])('an endpoint that is away is disabled before a lonely delivery is given up, with %s', (_, random) => {
  let health: EndpointHealth = HEALTHY;
  let nowMs = 0;
  for (let attempt = 1; attempt <= POLICY.attemptsMax; attempt += 1) {
    const claim = { type: 'balance.updated', attempt };
    const ruling = ruleOnFailure({ claim, failure: REFUSED, health, nowMs }, POLICY, random);
    if (ruling.verdict.kind === 'disabled') return;
    expect(ruling.retryMs).not.toBeNull();
    nowMs += Math.max(ruling.retryMs ?? 0, ruling.pauseMs ?? 0);
    health = ruling.health;
  }
  throw new Error('it was given up');
});

it('spent tries are the end; what the endpoint asks for is heeded; gone is gone', () => {
  expect(rule(20, HEALTHY, 0).retryMs).toBeNull();
  expect(rule(1, HEALTHY, 0, { ...REFUSED, retryAfterMs: HOUR_MS }).retryMs).toBe(HOUR_MS);
  expect(rule(1, HEALTHY, 0, { ...REFUSED, code: 'ENDPOINT_GONE' }).verdict).toEqual({
    kind: 'disabled',
    because: 'gone',
  });
});

it('a test is tried once, and says nothing about its endpoint', () => {
  const health = { failuresInRow: 3, failingSinceMs: 1 };
  const ruling = rule(1, health, 10 * HOUR_MS, { ...REFUSED, code: 'ENDPOINT_GONE' }, 'webhook.test');
  expect(ruling).toEqual({ health, verdict: { kind: 'kept' }, pauseMs: null, retryMs: null });
});
