/**
 * Without these: under load every turn sends a query of its own; or ids wait for company where there is little to do.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { LoadPace } from '../../../src/infra/postgres/load-pace.ts';
import { LIMITS } from '../../../src/limits.ts';
import { eventually } from '../../support/eventually.ts';

/** What makes the next one wait as long as anything may. */
const LARGE_COUNT = 1 + (LIMITS.loaderGatherMsMax / LIMITS.loaderGatherGrowthMs) ** 2;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function paced() {
  const pace = new LoadPace();
  let dispatched = 0;
  return { pace, schedule: () => pace.schedule(() => (dispatched += 1)), dispatched: () => dispatched };
}

it('small queries follow each other turn by turn', async () => {
  const { pace, schedule, dispatched } = paced();
  pace.began(1);
  schedule();
  await turn();
  expect(dispatched()).toBe(1);
});

it('after a large one the next waits for company, not for long', async () => {
  const { pace, schedule, dispatched } = paced();
  pace.began(LARGE_COUNT);
  const beganAtMs = performance.now();
  schedule();
  await eventually(() => expect(dispatched()).toBe(1));
  expect(performance.now() - beganAtMs).toBeGreaterThanOrEqual(LIMITS.loaderGatherMsMax - 2);
});

it('where the large one was long ago nothing waits', async () => {
  const { pace, schedule, dispatched } = paced();
  pace.began(LARGE_COUNT);
  await delay(LIMITS.loaderGatherMsMax + 1);
  schedule();
  await turn();
  expect(dispatched()).toBe(1);
});
