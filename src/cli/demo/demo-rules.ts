import type { Config } from '../../config.ts';
import { ruleSetOf } from '../../contracts/rule-set.ts';
import { applyRules } from '../../infra/postgres/rule-store.ts';
import { withPool } from '../with-pool.ts';

/** Rules that point at a few of the invented payments and refuse none, so that the stream ends as it is meant to. */
const RULES = {
  rules: [
    { name: 'large-payment', type: 'transaction-limit', action: 'flag', maxCents: 19_500 },
    {
      name: 'same-amount',
      type: 'repeated-amount',
      action: 'flag',
      per: 'account',
      windowSeconds: 60,
      times: 2,
    },
    {
      name: 'card-velocity',
      type: 'velocity',
      action: 'shadow',
      per: 'card',
      windowSeconds: 5,
      maxCount: 5,
    },
  ],
};

/** Has the nodes flag what these rules match. */
export async function applyDemoRules(config: Config): Promise<void> {
  const parsed = ruleSetOf(RULES);
  if (!parsed.ok)
    throw new Error(`the rules of the demonstration are wrong: ${JSON.stringify(parsed.issues)}`);
  const order = { document: parsed.document, operator: 'demo', why: 'so that flags can be seen' };
  await withPool(config, (pool) => applyRules(pool, order));
}
