import { QUICK, type BenchCase, type Variant } from '../bench-case.ts';
import { measureDrain } from '../harness/measure-drain.ts';
import { measurePaced } from '../harness/measure-paced.ts';
import { measureRest } from '../harness/measure-rest.ts';
import { rateName } from './rates.ts';

const RATES = [1_000, 5_000] as const;

/** What a node costs, and what a transaction costs in which program. Nobody looks on. */
export const memoryCase: BenchCase = {
  name: 'memory',
  about:
    'Memory and CPU of one node at rest, under a steady stream and while draining; CPU of a transaction by program.',
  size: { transactions: 200_000, accounts: 10_000, seconds: 30, ledgerRows: 0, runs: 3, nodes: [1] },
  quick: { ...QUICK, nodes: [1] },
  plan: ({ transactions, accounts, seconds }) => {
    const paced = RATES.map((ratePerSecond): Variant => ({
      name: rateName(ratePerSecond),
      run: (bench) => measurePaced(bench, { ratePerSecond, seconds, accounts }),
    }));
    return {
      variants: [
        { name: 'at rest', run: (bench) => measureRest(bench, seconds) },
        ...paced,
        {
          name: 'draining',
          run: (bench) => measureDrain(bench, { nodes: 1, transactions, traffic: { accounts } }),
        },
      ],
      comparisons: [],
      aims: [
        {
          title: 'CPU of the node at 1,000 tx/s',
          variant: rateName(1_000),
          figure: 'nodeCpuPercent',
          floor: 25,
          goal: 15,
        },
        {
          title: 'CPU of the node at 5,000 tx/s',
          variant: rateName(5_000),
          figure: 'nodeCpuPercent',
          floor: 75,
          goal: 50,
        },
      ],
      shown: [
        'txPerSecond',
        'peakResidentMb',
        'nodeCpuPercent',
        'nodeCpuUs',
        'postgresCpuUs',
        'rabbitmqCpuUs',
        'redisCpuUs',
        'totalCpuUs',
      ],
    };
  },
};
