import type { Traffic } from '../../src/drive/traffic.ts';
import { DRAIN_FIGURES, QUICK, type BenchCase, type Comparison, type Variant } from '../bench-case.ts';
import type { ClusterRun } from '../harness/cluster-run.ts';
import { measureDrain } from '../harness/measure-drain.ts';
import { watchAccount } from '../harness/watch-account.ts';

const WATCHERS = ['without console', 'nobody looks', 'one account watched'] as const;
type Watcher = (typeof WATCHERS)[number];

const variantName = (watcher: Watcher, nodes: number): string =>
  nodes === 1 ? watcher : `${watcher}, ${nodes} nodes`;

/** The busiest of them all: every tenth transaction is its. */
async function watchBusiest(run: ClusterRun, { accounts }: Traffic): Promise<() => Promise<void>> {
  const [busiest] = accounts;
  if (busiest === undefined) throw new Error('there is no account to watch');
  const watch = await watchAccount(run, busiest.id);
  return async () => {
    const messages = await watch.close();
    if (messages === 0) throw new Error('nothing was seen of the account that was watched');
  };
}

function variantOf(watcher: Watcher, nodes: number, transactions: number, accounts: number): Variant {
  return {
    name: variantName(watcher, nodes),
    run: (bench) =>
      measureDrain(bench, {
        nodes,
        transactions,
        traffic: { accounts, skew: 1 },
        ...(watcher === 'without console' ? { env: { FEATURES: 'cache,metrics,events,rules' } } : {}),
        ...(watcher === 'one account watched' ? { watch: watchBusiest } : {}),
      }),
  };
}

function comparisonsOf(nodes: number): readonly Comparison[] {
  const compare = (of: Watcher, against: Watcher, least: number): Comparison => ({
    title: `${variantName(of, nodes)} ÷ ${against}`,
    figure: 'txPerSecond',
    of: variantName(of, nodes),
    against: variantName(against, nodes),
    target: { floor: least, goal: least },
  });
  return [
    compare('nobody looks', 'without console', 0.95),
    compare('one account watched', 'without console', 0.9),
  ];
}

export const watchingCase: BenchCase = {
  name: 'watching',
  about:
    'What looking costs: no console loaded, a console that nobody looks at, the inspector on the busiest account (Zipf 1.0).',
  size: { transactions: 40_000, accounts: 10_000, seconds: 0, ledgerRows: 0, runs: 10, nodes: [1] },
  quick: { ...QUICK, nodes: [1] },
  plan: ({ nodes, transactions, accounts }) => ({
    variants: nodes.flatMap((count) =>
      WATCHERS.map((watcher) => variantOf(watcher, count, transactions, accounts)),
    ),
    comparisons: nodes.flatMap(comparisonsOf),
    aims: [],
    shown: DRAIN_FIGURES,
  }),
};
