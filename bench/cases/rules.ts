import { readFileSync } from 'node:fs';
import { parseRuleSet, type RuleSetDocument } from '../../src/contracts/rule-set.ts';
import { DRAIN_FIGURES, QUICK, type BenchCase } from '../bench-case.ts';
import { measureDrain } from '../harness/measure-drain.ts';

const NO_RULES = 'no rules';
const EXAMPLE = 'example rules';

/** The eight rules of `docs/rules.example.json`. */
function exampleRules(): RuleSetDocument {
  const parsed = parseRuleSet(
    readFileSync(new URL('../../docs/rules.example.json', import.meta.url), 'utf8'),
  );
  if (!parsed.ok) throw new Error('the example is no rule set');
  return parsed.document;
}

export const rulesCase: BenchCase = {
  name: 'rules',
  about: 'What rules cost: none in force, and the eight of the example.',
  size: { transactions: 80_000, accounts: 10_000, seconds: 0, ledgerRows: 0, runs: 3, nodes: [1] },
  quick: { ...QUICK, nodes: [1] },
  plan: ({ transactions, accounts }) => {
    const settings = { nodes: 1, transactions, traffic: { accounts } };
    return {
      variants: [
        { name: NO_RULES, run: (bench) => measureDrain(bench, settings) },
        { name: EXAMPLE, run: (bench) => measureDrain(bench, { ...settings, rules: exampleRules() }) },
      ],
      comparisons: [
        { title: 'example rules ÷ no rules', figure: 'txPerSecond', of: EXAMPLE, against: NO_RULES },
      ],
      aims: [],
      shown: DRAIN_FIGURES,
    };
  },
};
