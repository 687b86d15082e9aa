import { fileURLToPath } from 'node:url';
import { drive } from '../../src/drive/drive.ts';
import type { Figures } from '../figures.ts';
import { benchTraffic, type BenchTrafficOptions } from '../harness/bench-traffic.ts';
import { ClusterRun, type Bench } from '../harness/cluster-run.ts';
import { until } from '../harness/until.ts';

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const ARGS = ['--import', fileOf('../../test/support/typescript-loader.mjs'), fileOf('worker.ts')];

/** It needs no more to show its pace. */
const TRANSACTIONS_MAX = 20_000;

const BALANCES = `
  create schema bench;
  create table bench.balances (account_id uuid primary key, balance_cents bigint not null) with (fillfactor = 70);
  insert into bench.balances select id, 0 from public.accounts;`;

/** The baseline: the same backlog, or the first 20,000 of it, drained by the straightforward worker. */
export async function measureWorker(
  bench: Bench,
  settings: { readonly transactions: number; readonly traffic: BenchTrafficOptions },
): Promise<Figures> {
  return ClusterRun.use(bench, async (run) => {
    const transactions = Math.min(settings.transactions, TRANSACTIONS_MAX);
    const { signal } = bench;
    bench.onStep(`making a backlog of ${transactions}`);
    const size = { transactions, ratePerSecond: 0, backlogMax: null, signal };
    await drive(await run.place.goApi(), benchTraffic(settings.traffic), size);
    signal.throwIfAborted();
    await run.place.pool.query(BALANCES);
    await run.place.settleDatabase();
    await run.startProgram('worker', ARGS);
    bench.onStep('draining');
    const window = await run.openWindow();
    const startedMs = performance.now();
    await until(async () => (await run.place.stillToDo()) === 'nothing', {
      what: 'the worker is through',
      signal,
      pollMs: 25,
      timeoutMs: 1_800_000,
    });
    const seconds = (performance.now() - startedMs) / 1_000;
    const costs = await window.close(transactions);
    await run.stop();
    return { txPerSecond: transactions / seconds, seconds, ...costs };
  });
}
