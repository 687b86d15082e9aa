import { DRAIN_FIGURES, QUICK, type BenchCase, type Variant } from '../bench-case.ts';
import { measureDrain } from '../harness/measure-drain.ts';
import { CYCLE_LENGTH } from '../harness/journal-fill.ts';
import { decidedJournal, openAccounts, type PreparedLedger } from '../harness/prepared-ledger.ts';

const LEDGER_ACCOUNTS = 10_000;
const EMPTY = 'empty ledger';
const LARGE = 'large ledger';

const accountsName = (accounts: number): string => `${accounts.toLocaleString('en-US')} accounts`;

/** What becomes of it when there are more accounts, and when years have passed. More nodes are a case of their own. */
export const growthCase: BenchCase = {
  name: 'growth',
  about:
    'A backlog over a thousandth, a tenth and all of the accounts, which have decided nothing yet; and over 10,000 accounts with an empty ' +
    'ledger and one of many rows.',
  size: {
    transactions: 100_000,
    accounts: 1_000_000,
    seconds: 0,
    ledgerRows: 2_000_000,
    runs: 3,
    nodes: [1],
  },
  quick: { ...QUICK, accounts: 20_000, nodes: [1] },
  plan: ({ transactions, accounts, ledgerRows }) => {
    const drain = (name: string, over: number, ledger: PreparedLedger): Variant => ({
      name,
      run: (bench) => measureDrain(bench, { nodes: 1, transactions, traffic: { accounts: over }, ledger }),
    });
    const counts = [Math.ceil(accounts / 1_000), Math.ceil(accounts / 10), accounts];
    const owners = Math.min(LEDGER_ACCOUNTS, Math.floor(ledgerRows / CYCLE_LENGTH));
    const least = accountsName(Math.ceil(accounts / 1_000));
    return {
      variants: [
        ...counts.map((count) => drain(accountsName(count), count, openAccounts(count))),
        drain(EMPTY, owners, openAccounts(owners)),
        drain(LARGE, owners, decidedJournal(owners, ledgerRows)),
      ],
      comparisons: [
        {
          title: `${accountsName(accounts)} ÷ ${least}`,
          figure: 'txPerSecond',
          of: accountsName(accounts),
          against: least,
          target: { floor: 0.5, goal: 0.8 },
        },
        {
          title: `${LARGE} (${ledgerRows.toLocaleString('en-US')} rows) ÷ ${EMPTY}`,
          figure: 'txPerSecond',
          of: LARGE,
          against: EMPTY,
          target: { floor: 0.7, goal: 0.9 },
        },
      ],
      aims: [],
      shown: DRAIN_FIGURES,
    };
  },
};
