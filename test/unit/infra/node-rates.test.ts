/** Without this: rates and latencies in log, health and console that are not what happened. */
import { expect, it } from 'vitest';
import { LatencyCounts, quantileSeconds } from '../../../src/infra/latency-counts.ts';
import { NodeFigures } from '../../../src/infra/node-figures.ts';
import { NodeRates } from '../../../src/infra/node-rates.ts';
import { RateLog } from '../../../src/infra/rate-log.ts';
import type { LogFields } from '../../../src/ports/runtime.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';

it('a quantile is right to a fifth, from a tenth of a millisecond to a minute, and never too low', () => {
  for (const seconds of [0.0001, 0.001, 0.0123, 0.5, 3, 60]) {
    const counts = new LatencyCounts();
    for (let n = 0; n < 100; n += 1) counts.add(seconds);
    const found = quantileSeconds(counts.copy(), 0.99) ?? NaN;
    expect(found).toBeGreaterThanOrEqual(seconds * 0.999);
    expect(found).toBeLessThan(seconds * 1.2);
  }
});

it('quantiles lie in order; what is out of range is counted at the ends; of nothing there is none', () => {
  const counts = new LatencyCounts();
  for (let n = 1; n <= 100; n += 1) counts.add(n / 1_000);
  counts.add(0);
  counts.add(-1);
  counts.add(1e9);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantileSeconds(counts.copy(), q) ?? NaN);
  expect(p50).toBeGreaterThan(0.045);
  expect(p95).toBeGreaterThan(p50!);
  expect(p99).toBeGreaterThanOrEqual(p95!);
  expect(counts.copy().reduce((sum, count) => sum + count, 0)).toBe(103);
  expect(quantileSeconds(new LatencyCounts().copy(), 0.5)).toBeNull();
});

function scene() {
  const clock = new FakeClock();
  const next = new CountingMetrics();
  const figures = new NodeFigures(next);
  const rates = new NodeRates(() => figures.totals(), clock);
  rates.start();
  return { clock, next, figures, rates };
}

it('rates are those of the window, and everything is handed on', () => {
  const { clock, next, figures, rates } = scene();
  figures.decided('DEPOSIT', 'APPROVED', 1_000);
  clock.advance(20_000);
  figures.received('transactions_queue', 30);
  figures.decided('DEPOSIT', 'APPROVED', 20);
  figures.decided('PURCHASE', 'REJECTED', 10);
  figures.deferred('ROW_MISSING');
  figures.commit(25, 0.01);
  figures.commit(5, 0.01);
  figures.settled(0.01);
  clock.advance(10_000);
  const seen = rates.over(10_000);
  expect(seen).toMatchObject({
    received: 30,
    approved: 20,
    rejected: 10,
    deferred: 1,
    commandsPerCommit: 15,
  });
  expect(seen.decidedPerSecond).toBeCloseTo(3, 0);
  expect(seen.latencySeconds?.p99).toBeGreaterThanOrEqual(0.01);
  expect(rates.over(60_000).approved).toBe(1_020);
  expect(next.count('decided DEPOSIT APPROVED')).toBe(1_020);
  expect(next.count('settled')).toBe(1);
});

it('what happened more than a minute ago is forgotten', () => {
  const { clock, figures, rates } = scene();
  figures.deferred('ROW_MISSING');
  clock.advance(90_000);
  expect(rates.over(600_000)).toMatchObject({ deferred: 0, latencySeconds: null, commandsPerCommit: null });
});

it('the log has a line of rates every ten seconds while there is traffic, and none without', () => {
  const lines: LogFields[] = [];
  const logger = Object.assign(new QuietLogger(), { info: (fields: LogFields) => void lines.push(fields) });
  const { clock, figures, rates } = scene();
  const log = new RateLog({ rates, clock, logger, inFlight: () => 0, backlog: () => 7 });
  log.start();
  clock.advance(30_000);
  expect(lines).toEqual([]);
  figures.received('transactions_queue', 50);
  figures.decided('DEPOSIT', 'APPROVED', 50);
  clock.advance(10_000);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ received: 50, approved: 50, per_second: 5, queue_depth: 7 });
  clock.advance(60_000);
  expect(lines).toHaveLength(1);
  log.stop();
});
