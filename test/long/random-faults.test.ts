/**
 * One fault after the other, drawn at random, on one cluster and one ledger. Without this: faults that are survived one by
 * one, and not in a row. The seed is printed; `PAYGATE_TEST_SEED` draws the same row of faults again.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { it } from 'vitest';
import { SeededRandom } from '../../src/drive/seeded-random.ts';
import { faultRow } from '../cluster/support/faults.ts';
import { underLoad } from '../cluster/support/load.ts';
import { longestPauseMs } from '../cluster/support/measures.ts';
import { NODES, note, useCluster } from '../cluster/support/use-cluster.ts';

const ROUNDS = 20;

const cluster = useCluster({ links: 'proxied', delivery: 'persistent' });

it(`${ROUNDS} faults in a row`, { timeout: 3_600_000 }, async () => {
  const seed = process.env['PAYGATE_TEST_SEED'] ?? randomBytes(4).toString('hex');
  note(`seed ${seed}`);
  const faults = faultRow(new SeededRandom(seed), { nodes: NODES, mortals: NODES });
  for (let round = 1; round <= ROUNDS; round += 1) {
    const scene = await cluster();
    const fault = faults.next().value;
    note(`${round}. ${fault.what}`);
    let startedAtMs = 0;
    const withTime = async (): Promise<void> => {
      startedAtMs = Date.now();
      await fault.happen(scene, (delayMs) => sleep(delayMs));
    };
    await underLoad(scene, withTime, { cache: 'partial' });
    note(`   longest pause ${await longestPauseMs(scene, startedAtMs)} ms`);
  }
});
