/**
 * Somebody holds rows of transactions that are being decided (a report, a maintenance job, a session that was left open).
 * Without this: one such row stops its node's commits, or the whole queue behind it.
 */
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { underLoad } from './support/load.ts';
import { progress } from './support/measures.ts';
import { useCluster } from './support/use-cluster.ts';

const HELD = 5;

// Enough tries for as long as the rows are held, however slow the machine is.
const cluster = useCluster({ env: { RETRY_ATTEMPTS: '100', RETRY_DELAY_MS: '100' } });

it('rows that are locked wait, everything else goes on, and they are decided when the lock is gone', async () => {
  const scene = await cluster();
  const kept = await underLoad(scene, async () => {
    const somebody = await scene.pool.connect();
    try {
      await somebody.query('begin');
      const held = await eventually(
        async () => {
          const { rows } = await somebody.query<{ id: string }>(
            `select id from public.transactions where status = 'PENDING' limit $1 for update skip locked`,
            [HELD],
          );
          expect(rows).toHaveLength(HELD);
          return rows.map(({ id }) => id);
        },
        { timeoutMs: 60_000, pollMs: 5 },
      );
      await progress(scene, 1_000);
      const { rows } = await scene.pool.query<{ status: string }>(
        'select status from public.transactions where id = any ($1::uuid[])',
        [held],
      );
      expect(rows.map(({ status }) => status)).toEqual(held.map(() => 'PENDING'));
    } finally {
      await somebody.query('rollback');
      somebody.release();
    }
  });
  expect(kept.waited).toBeGreaterThanOrEqual(HELD);
});
