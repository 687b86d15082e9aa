import { DRAIN_FIGURES, QUICK, type BenchCase, type Variant } from '../bench-case.ts';
import type { BenchTrafficOptions } from '../harness/bench-traffic.ts';
import { measureDrain } from '../harness/measure-drain.ts';

/** How unevenly the work may be spread. */
export const hotCase: BenchCase = {
  name: 'hot',
  about: 'Everything on one account, and Zipf 1.0 over all of them, beside all accounts alike.',
  size: { transactions: 80_000, accounts: 10_000, seconds: 0, ledgerRows: 0, runs: 3, nodes: [1] },
  quick: { ...QUICK, nodes: [1] },
  plan: ({ transactions, accounts }) => {
    const variant = (name: string, traffic: BenchTrafficOptions): Variant => ({
      name,
      run: (bench) => measureDrain(bench, { nodes: 1, transactions, traffic }),
    });
    const against = 'uniform';
    return {
      variants: [
        variant(against, { accounts }),
        variant('one account', { accounts: 1 }),
        variant('Zipf 1.0', { accounts, skew: 1 }),
      ],
      comparisons: [
        {
          title: 'one hot account ÷ uniform',
          figure: 'txPerSecond',
          of: 'one account',
          against,
          target: { floor: 0.5, goal: 1 },
        },
        { title: 'Zipf 1.0 ÷ uniform', figure: 'txPerSecond', of: 'Zipf 1.0', against },
      ],
      aims: [],
      shown: DRAIN_FIGURES,
    };
  },
};
