import { measureWorker } from '../baseline/measure-worker.ts';
import { DRAIN_FIGURES, QUICK, type BenchCase, type CaseSize, type Variant } from '../bench-case.ts';
import { measureDrain, type DrainSettings } from '../harness/measure-drain.ts';
import { measureCommits } from '../limit/measure-commits.ts';

const NODE = 'node';
const DUPLICATES = '1 % duplicates';
const NO_EVENTS = 'events off';
const COMMIT_LOOP = 'commit loop';
const ROWS_ONLY = 'rows only';
const WORKER = 'straightforward worker';

function variants({ transactions, accounts }: CaseSize): readonly Variant[] {
  const traffic = { accounts };
  const drain = (name: string, more: Partial<DrainSettings> = {}): Variant => ({
    name,
    run: (bench) => measureDrain(bench, { nodes: 1, transactions, traffic, ...more }),
  });
  return [
    drain(NODE),
    drain(DUPLICATES, { traffic: { accounts, duplicatesShare: 0.01 } }),
    drain(NO_EVENTS, { events: 'off' }),
    {
      name: COMMIT_LOOP,
      run: (bench) => measureCommits(bench, { transactions, traffic, function: 'gates' }),
    },
    { name: ROWS_ONLY, run: (bench) => measureCommits(bench, { transactions, traffic, function: 'rows' }) },
    { name: WORKER, run: (bench) => measureWorker(bench, { transactions, traffic }) },
  ];
}

/** Floors and goals are those of two cores for everything. */
export const drainCase: BenchCase = {
  name: 'drain',
  about:
    'A filled queue, drained by one node; beside its limit (the commit function in a bare loop, and rows written without any gate) and ' +
    'its baseline (prefetch 10, one database transaction per message).',
  size: { transactions: 200_000, accounts: 10_000, seconds: 0, ledgerRows: 0, runs: 3, nodes: [1] },
  quick: { ...QUICK, nodes: [1] },
  plan: (size) => ({
    variants: variants(size),
    comparisons: [
      ratio('drain ÷ bare commit loop', NODE, COMMIT_LOOP, { floor: 0.33, goal: 0.5 }),
      ratio('drain ÷ straightforward worker', NODE, WORKER, { floor: 10, goal: 20 }),
      ratio('drain with 1 % duplicates ÷ without', DUPLICATES, NODE, { floor: 0.9, goal: 0.95 }),
      { title: 'events off ÷ on', figure: 'txPerSecond', of: NO_EVENTS, against: NODE },
      { title: 'commit loop ÷ rows only', figure: 'txPerSecond', of: COMMIT_LOOP, against: ROWS_ONLY },
    ],
    aims: [
      {
        title: 'drain, 10,000 accounts, events on',
        variant: NODE,
        figure: 'txPerSecond',
        floor: 10_000,
        goal: 20_000,
      },
      {
        title: 'peak resident memory of a node while draining',
        variant: NODE,
        figure: 'peakResidentMb',
        floor: 200,
        goal: 150,
      },
    ],
    shown: DRAIN_FIGURES,
  }),
};

function ratio(
  title: string,
  of: string,
  against: string,
  target: { readonly floor: number; readonly goal: number },
) {
  return { title, figure: 'txPerSecond', of, against, target } as const;
}
