import { Chance } from './chance.ts';
import type { Plan } from './plan.ts';
import { faultsOf, locksOf } from './plan-faults.ts';
import { handOffsInTrouble } from './plan-hand-offs.ts';
import { Messages } from './plan-messages.ts';
import { ordersOf } from './plan-orders.ts';
import { Times } from './plan-times.ts';

/** Each part draws from a stream of its own, so that a change to one leaves the others as they were. */
export function planOf(seed: number, startMs: number): Plan {
  const chance = new Chance(seed);
  const accounts = Array.from({ length: chance.whole(2, 10) }, () => chance.uuid());
  const cards = new Map(accounts.slice(0, 4).map((account) => [chance.uuid(), account]));
  const times = new Times(chance.fork());
  const messages = new Messages(chance.fork(), accounts, cards, startMs);
  const work = Array.from({ length: chance.whole(40, 160) }, () => messages.next(times.ofWork()));
  const faults = faultsOf(chance.fork(), times, accounts);
  const orders = ordersOf(chance.fork(), times, accounts);
  const activeAccountsMax = chance.pick([2, 100]);
  const handOffs = handOffsInTrouble(chance.fork(), times, { cards, startMs });
  const locks = locksOf(chance.fork(), times, accounts);
  const steps = [...work.flat(), ...orders, ...faults, ...handOffs.steps, ...locks];
  steps.sort((a, b) => a.atMs - b.atMs);
  return { seed, accounts: [...accounts, ...handOffs.accounts], cards, activeAccountsMax, steps };
}
