/** Without this: an operator closes an account with money in it, lifts a quarantine by freezing, or takes what is not there. */
import { describe, expect, it } from 'vitest';
import type { OperatorAction } from '../../../src/contracts/command.ts';
import type { AccountState } from '../../../src/domain/account.ts';
import { judgeOrder, orderTypeOf } from '../../../src/domain/judge-order.ts';
import { BALANCE_LIMIT_CENTS } from '../../../src/domain/money.ts';

const account = (fields: Partial<AccountState> = {}): AccountState => ({
  accountId: 'a',
  balanceCents: 500n,
  seq: 3n,
  status: 'active',
  overdraftCents: 0n,
  ...fields,
});

/** The status after, and what else changed; or the refusal. */
function outcome(state: AccountState, action: OperatorAction): string {
  const judgement = judgeOrder(state, action);
  if (judgement.kind === 'refused') return `refused: ${judgement.detail}`;
  const { status, balanceCents, overdraftCents, amountCents } = judgement;
  expect(balanceCents).toBe(state.balanceCents + amountCents);
  return `${status} ${balanceCents} overdraft ${overdraftCents}`;
}

const adjust = (amountCents: bigint): OperatorAction => ({ kind: 'adjust', amountCents });
const overdraft = (overdraftCents: bigint): OperatorAction => ({ kind: 'overdraft', overdraftCents });

describe('accepted', () => {
  it.each([
    [account(), { kind: 'freeze' }, 'frozen 500 overdraft 0'],
    [account({ status: 'frozen' }), { kind: 'unfreeze' }, 'active 500 overdraft 0'],
    [account({ balanceCents: 0n }), { kind: 'close' }, 'closed 0 overdraft 0'],
    [account({ balanceCents: 0n, status: 'frozen' }), { kind: 'close' }, 'closed 0 overdraft 0'],
    [account(), overdraft(700n), 'active 500 overdraft 700'],
    [account({ balanceCents: -300n, overdraftCents: 700n }), overdraft(300n), 'active -300 overdraft 300'],
    [account(), adjust(20n), 'active 520 overdraft 0'],
    [account({ status: 'frozen' }), adjust(-500n), 'frozen 0 overdraft 0'],
    [account({ status: 'closed' }), adjust(-20n), 'closed 480 overdraft 0'],
    [account({ overdraftCents: 100n }), adjust(-600n), 'active -100 overdraft 100'],
    // Inherited from elsewhere: it may always come back.
    [account({ balanceCents: -900n }), adjust(1n), 'active -899 overdraft 0'],
    [account({ status: 'quarantined' }), { kind: 'release' }, 'as-before 500 overdraft 0'],
  ] as const)('%# %o: %o', (state, action, expected) => {
    expect(outcome(state, action)).toBe(expected);
  });
});

describe('refused', () => {
  it.each([
    [account({ status: 'frozen' }), { kind: 'freeze' }, 'this one is frozen'],
    [account({ status: 'closed' }), { kind: 'freeze' }, 'this one is closed'],
    [account(), { kind: 'unfreeze' }, 'not frozen, it is active'],
    [account(), { kind: 'close' }, 'its balance is 5.00'],
    [account({ balanceCents: -1n }), { kind: 'close' }, 'its balance is -0.01'],
    [account({ status: 'closed', balanceCents: 0n }), { kind: 'close' }, 'closed already'],
    [account({ status: 'closed' }), overdraft(1n), 'is closed'],
    [account({ balanceCents: -300n, overdraftCents: 700n }), overdraft(299n), '3.00 of it are in use'],
    [account(), overdraft(-1n), '0 or more'],
    [account(), overdraft(BALANCE_LIMIT_CENTS), 'less than'],
    [account({ overdraftCents: 7n }), overdraft(7n), '0.07 already'],
    [account(), adjust(0n), 'is none'],
    [account(), adjust(-501n), 'at most that can be taken'],
    [account({ overdraftCents: 100n }), adjust(-601n), 'at most that can be taken'],
    [account(), adjust(BALANCE_LIMIT_CENTS - 500n), 'more than an account can hold'],
    [account(), { kind: 'release' }, 'not quarantined, it is active'],
  ] as const)('%# %o: %o', (state, action, expected) => {
    expect(outcome(state, action)).toMatch(/^refused: /);
    expect(outcome(state, action)).toContain(expected);
  });

  it.each([
    { kind: 'freeze' },
    { kind: 'unfreeze' },
    { kind: 'close' },
    overdraft(5n),
    adjust(5n),
  ] as const satisfies readonly OperatorAction[])('of a quarantined account: $kind', (action) => {
    expect(outcome(account({ status: 'quarantined' }), action)).toContain('release it first');
  });
});

describe('the type in the journal', () => {
  it('of an adjustment is that of a transaction of the same direction', () => {
    expect([adjust(1n), adjust(-1n), overdraft(1n)].map(orderTypeOf)).toEqual([
      'DEPOSIT',
      'CHARGE',
      'OVERDRAFT',
    ]);
  });
});
