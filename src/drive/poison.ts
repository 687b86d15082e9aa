import type { InboundQueue } from '../contracts/queues.ts';
import type { Operation } from './operation.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What other producers get wrong. None of these can be decided; each ends as a dead letter with its own reason. */
const MAKERS: readonly ((random: SeededRandom) => {
  readonly queue: InboundQueue;
  readonly text: string;
})[] = [
  () => ({ queue: 'transactions_queue', text: 'amount=100&account=7' }),
  () => ({ queue: 'transactions_queue', text: '[]' }),
  (random) => ({ queue: 'transactions_queue', text: payment(random, { amount_cents: -100 }) }),
  (random) => ({ queue: 'transactions_queue', text: payment(random, { transaction_type: 'TRANSFER' }) }),
  // In every field right, but nobody has this account.
  (random) => ({ queue: 'transactions_queue', text: payment(random, {}) }),
  () => ({ queue: 'balance_calculation_queue', text: '{"account_id":"me"}' }),
];

/** A message that cannot be decided. */
export function poison(random: SeededRandom): Extract<Operation, { kind: 'poison' }> {
  const maker = MAKERS[random.below(MAKERS.length)];
  if (maker === undefined) throw new Error('there is no poison');
  return { kind: 'poison', ...maker(random) };
}

function payment(random: SeededRandom, mistake: object): string {
  return JSON.stringify({
    transaction_id: random.uuid(),
    account_id: random.uuid(),
    card_id: null,
    amount_cents: 100,
    transaction_type: 'deposit',
    idempotency_key: random.uuid(),
    timestamp: '2026-01-01T00:00:00Z',
    ...mistake,
  });
}
