import { drive } from '../../src/drive/drive.ts';
import type { Traffic } from '../../src/drive/traffic.ts';
import { benchTraffic } from './bench-traffic.ts';
import type { ClusterRun } from './cluster-run.ts';
import { until } from './until.ts';

/** Code that has run this often is nearly as fast as it gets: of a fresh process the first 20,000 cost two to four times as much CPU. */
const WARM_UP_PER_NODE_MAX = 20_000;
const SETTLED_TIMEOUT_MS = 1_800_000;
const POLL_MS = 100;

/** Sends nodes work of other accounts, to each as much, and waits until it is done; resolves with the number of transactions. */
export async function warmUp(run: ClusterRun, transactions: number, nodes = 1): Promise<number> {
  const count = nodes * Math.min(WARM_UP_PER_NODE_MAX, Math.ceil(transactions / 4));
  run.bench.onStep('warming up');
  await publish(run, benchTraffic({ accounts: Math.ceil(count / 10), run: 'warm-up' }), count);
  await untilNothingIsLeft(run);
  return count;
}

/**
 * Drives so many transactions of the traffic itself, so that its accounts are active as those of a node are that has been at work; the
 * stream goes on from there.
 */
export async function wakeAccounts(run: ClusterRun, traffic: Traffic, transactions: number): Promise<void> {
  run.bench.onStep('waking accounts');
  await publish(run, traffic, transactions);
  await untilNothingIsLeft(run);
}

/** As fast as database and broker take them. `open`: the accounts are there already. */
export async function publish(
  run: ClusterRun,
  traffic: Traffic,
  transactions: number,
  accounts: 'new' | 'open' = 'new',
): Promise<void> {
  const { signal } = run.bench;
  const api = await run.place.goApi(accounts);
  await drive(api, traffic, { transactions, ratePerSecond: 0, backlogMax: null, signal });
  signal.throwIfAborted();
}

/** Everything is decided, cached, told and acknowledged. */
export async function untilNothingIsLeft(run: ClusterRun): Promise<void> {
  await until(async () => (await run.place.stillToDo()) === 'nothing', {
    what: 'everything is decided and told',
    signal: run.bench.signal,
    pollMs: POLL_MS,
    timeoutMs: SETTLED_TIMEOUT_MS,
  });
}
