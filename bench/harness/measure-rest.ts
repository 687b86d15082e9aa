import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import { ClusterRun, type Bench } from './cluster-run.ts';
import { warmUp } from './warm-node.ts';

const WARM_UP_TRANSACTIONS = 40_000;

/** What one node costs that has worked and has nothing to do: its ticks, its peers, its seals. */
export async function measureRest(bench: Bench, seconds: number): Promise<Figures> {
  return ClusterRun.use(bench, async (run) => {
    await run.startNodes(1);
    const warmedUp = await warmUp(run, Math.min(WARM_UP_TRANSACTIONS, 1_000 * seconds));
    bench.onStep('at rest');
    const window = await run.openWindow();
    await sleep(seconds * 1_000, undefined, { signal: bench.signal });
    const figures = await window.close(null);
    await run.stop();
    await run.audit(warmedUp);
    return figures;
  });
}
