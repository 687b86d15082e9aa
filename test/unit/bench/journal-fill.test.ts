/** Without these the large ledger of the benchmark could be one that no node would have written. */
import { expect, test } from 'vitest';
import { cycleRows, CYCLE_LENGTH, fillStatements } from '../../../bench/harness/journal-fill.ts';

test('a cycle has the shares of the traffic, never goes below zero and leaves something', () => {
  const rows = cycleRows();
  const share = (type: string): number => rows.filter((row) => row.type === type).length / CYCLE_LENGTH;
  expect(['DEPOSIT', 'PURCHASE', 'CHARGE', 'REFUND'].map(share)).toEqual([0.55, 0.35, 0.05, 0.05]);
  expect(Math.min(...rows.map(({ sumCents }) => sumCents))).toBeGreaterThanOrEqual(0);
  expect(rows.at(-1)?.sumCents).toBe(rows.reduce((sum, { cents }) => sum + cents, 0));
});

test('a refund gives back a purchase of the same cycle, whole', () => {
  const rows = cycleRows();
  for (const { place, refundsBack, cents } of rows.filter(({ type }) => type === 'REFUND')) {
    const original = rows[place - 1 - (refundsBack ?? 0)];
    expect(original?.type).toBe('PURCHASE');
    expect(original?.cents).toBe(-cents);
  }
  expect(rows.filter(({ type }) => type !== 'REFUND').every(({ refundsBack }) => refundsBack === null)).toBe(
    true,
  );
});

test('balances are written with the last rows, once', () => {
  const writes = (from: number, to: number) =>
    fillStatements({ from, to, last: 40, until: new Date(0) }).filter(({ text }) =>
      text.includes('insert into processor.accounts'),
    ).length;
  expect([writes(1, 20), writes(21, 40)]).toEqual([0, 1]);
});
