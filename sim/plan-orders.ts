import type { OperatorAction } from '../src/contracts/command.ts';
import type { Chance } from './chance.ts';
import type { PlannedOrder } from './plan.ts';
import type { Times } from './plan-times.ts';

const ORDERS_MAX = 6;

/** What operators want, in the middle of everything. Half of the runs have none. */
export function ordersOf(chance: Chance, times: Times, accounts: readonly string[]): readonly PlannedOrder[] {
  const count = chance.happens(0.5) ? 0 : chance.whole(1, ORDERS_MAX);
  return Array.from({ length: count }, () => ({
    atMs: times.ofWork(),
    kind: 'order',
    orderId: chance.uuid(),
    accountId: chance.pick(accounts),
    action: actionOf(chance),
  }));
}

function actionOf(chance: Chance): OperatorAction {
  switch (chance.whole(0, 7)) {
    case 0:
    case 1:
      return { kind: 'freeze' };
    case 2:
      return { kind: 'unfreeze' };
    case 3:
      return { kind: 'close' };
    case 4:
      return { kind: 'release' };
    case 5:
      return { kind: 'overdraft', overdraftCents: BigInt(chance.whole(0, 500)) };
    default:
      return { kind: 'adjust', amountCents: BigInt(chance.whole(1, 400)) * (chance.happens(0.4) ? -1n : 1n) };
  }
}
