/**
 * Without these: one failing round, one commit that hangs or one busy peer could end the sealing for good, or a node could go round
 * and round without a pause.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import type { SealHorizon, SealStep, SealStore } from '../../../src/ports/seals.ts';
import { Sealer } from '../../../src/supervisor/sealer.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';
import { turns } from './support.ts';

const INTERVAL_MS = 60_000;
const THROUGH = '2026-11-22T10:40:00.000000Z';

/** Answers what the test has laid out; afterwards everything is sealed. */
class LaidOutSeals implements SealStore {
  readonly horizons: (SealHorizon | Error)[] = [];
  readonly steps: SealStep[] = [];
  rounds = 0;
  tries = 0;

  horizon(): Promise<SealHorizon> {
    this.rounds += 1;
    const next = this.horizons.shift() ?? { through: THROUGH, commit: '7', aheadMs: null };
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  }

  seal(): Promise<SealStep> {
    this.tries += 1;
    return Promise.resolve(this.steps.shift() ?? { kind: 'sealed', rows: 0, more: false });
  }
}

let clock: FakeClock;
let store: LaidOutSeals;
let metrics: CountingMetrics;
let logger: QuietLogger;
let sealer: Sealer;

beforeEach(() => {
  clock = new FakeClock(Date.parse(THROUGH));
  store = new LaidOutSeals();
  metrics = new CountingMetrics();
  logger = new QuietLogger();
  sealer = new Sealer({ store, intervalMs: INTERVAL_MS, clock, metrics, logger });
});

const passed = async (delayMs: number): Promise<void> => {
  clock.advance(delayMs);
  await turns(clock);
};

async function started(): Promise<void> {
  sealer.start();
  await turns(clock);
}

describe('a round', () => {
  it('takes step after step, counts the rows, and comes again after the interval', async () => {
    store.steps.push({ kind: 'sealed', rows: 20, more: true }, { kind: 'sealed', rows: 3, more: false });
    await started();
    expect(store).toMatchObject({ rounds: 1, tries: 2 });
    expect(metrics.count('sealed')).toBe(23);
    expect(sealer.ageSeconds).toBe(0);
    await passed(INTERVAL_MS);
    expect(store).toMatchObject({ rounds: 2, tries: 3 });
  });

  it('does nothing where another node has sealed, and knows since when', async () => {
    store.horizons.push({ through: THROUGH, commit: '7', aheadMs: 20_000 });
    await started();
    expect(store.tries).toBe(0);
    expect(sealer.ageSeconds).toBe(20);
  });

  it('leaves it to a node that is at it', async () => {
    store.steps.push({ kind: 'busy' });
    await started();
    expect(store.tries).toBe(1);
    await passed(20_000);
    expect(sealer.ageSeconds, 'since its start, as it knows no more').toBe(20);
  });

  it('waits for a commit under way, and not for ever', async () => {
    store.steps.push({ kind: 'waiting' }, { kind: 'sealed', rows: 1, more: false });
    await started();
    expect(store.tries).toBe(1);
    await passed(LIMITS.sealRetryMs);
    expect(store.tries).toBe(2);

    await passed(INTERVAL_MS);
    store.tries = 0;
    for (let n = 0; n < 2 * LIMITS.sealRetriesMax; n += 1) store.steps.push({ kind: 'waiting' });
    for (let n = 0; n < 2 * LIMITS.sealRetriesMax; n += 1) await passed(LIMITS.sealRetryMs);
    expect(store.tries).toBeLessThanOrEqual(LIMITS.sealRetriesMax + 1);
  });

  it('that fails is a log line; the next one goes on', async () => {
    store.horizons.push(new Error('the database is away'));
    await started();
    expect(logger.messages('warn')).toEqual(['the journal could not be sealed, later again']);
    await passed(INTERVAL_MS);
    expect(store).toMatchObject({ rounds: 2, tries: 1 });
  });

  it('that fails again and again shows by the age, which an alert is on', async () => {
    for (let n = 0; n < 20; n += 1) store.horizons.push(new Error('no rights'));
    await started();
    for (let n = 0; n < 15; n += 1) await passed(INTERVAL_MS);
    expect(sealer.ageSeconds).toBe((15 * INTERVAL_MS) / 1_000);
  });

  it('does not come after the stop', async () => {
    await started();
    sealer.stop();
    await passed(10 * INTERVAL_MS);
    expect(store.rounds).toBe(1);
  });
});
