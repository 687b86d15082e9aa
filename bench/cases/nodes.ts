import { DRAIN_FIGURES, QUICK, type BenchCase } from '../bench-case.ts';
import { measureDrain } from '../harness/measure-drain.ts';

const variantName = (nodes: number): string => (nodes === 1 ? '1 node' : `${nodes} nodes`);

export const nodesCase: BenchCase = {
  name: 'nodes',
  about: 'What sharing the work costs: a backlog drained by one node and by several, on the same cores.',
  size: { transactions: 80_000, accounts: 10_000, seconds: 0, ledgerRows: 0, runs: 5, nodes: [1, 3] },
  quick: QUICK,
  plan: ({ nodes, transactions, accounts }) => {
    const [first = 1, ...others] = nodes;
    return {
      variants: nodes.map((count) => ({
        name: variantName(count),
        run: (bench) => measureDrain(bench, { nodes: count, transactions, traffic: { accounts } }),
      })),
      comparisons: others.map((count) => ({
        title: `${variantName(count)} ÷ ${variantName(first)}`,
        figure: 'txPerSecond' as const,
        of: variantName(count),
        against: variantName(first),
        ...(first === 1 && count === 3 ? { target: { floor: 0.85, goal: 0.85 } } : {}),
      })),
      aims: [],
      shown: DRAIN_FIGURES,
    };
  },
};
