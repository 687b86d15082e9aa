/** Without it the demonstration could show figures that its nodes never measured. */
import { describe, expect, it } from 'vitest';
import { buckets, parseExposition, quantile, total } from '../../../src/cli/demo/exposition.ts';

const TEXT = `# HELP paygate_transactions_processed_total decided
# TYPE paygate_transactions_processed_total counter
paygate_transactions_processed_total{type="DEPOSIT",outcome="APPROVED"} 30
paygate_transactions_processed_total{type="PURCHASE",outcome="APPROVED"} 12
paygate_transactions_processed_total{type="PURCHASE",outcome="REJECTED"} 5
paygate_odd_label{text="a \\"quoted\\" } brace"} 1
process_resident_memory_bytes 1.5e+08
wait_seconds_bucket{le="0.1"} 10
wait_seconds_bucket{le="0.2"} 30
wait_seconds_bucket{le="+Inf"} 40
`;

describe('exposition', () => {
  const samples = parseExposition(TEXT);

  it('adds up the samples whose labels match', () => {
    expect(total(samples, 'paygate_transactions_processed_total')).toBe(47);
    expect(total(samples, 'paygate_transactions_processed_total', { outcome: 'APPROVED' })).toBe(42);
    expect(
      total(samples, 'paygate_transactions_processed_total', { type: 'PURCHASE', outcome: 'REJECTED' }),
    ).toBe(5);
    expect(total(samples, 'process_resident_memory_bytes')).toBe(150_000_000);
    expect(total(samples, 'paygate_odd_label')).toBe(1);
    expect(total(samples, 'paygate_unknown')).toBe(0);
  });

  it('takes a quantile of what was seen between two readings', () => {
    const after = buckets(samples, 'wait_seconds');
    const nothing = new Map<number, number>();
    expect(quantile(nothing, after, 0.25)).toBeCloseTo(0.1);
    expect(quantile(nothing, after, 0.5)).toBeCloseTo(0.15);
    // Beyond the last finite bound nothing finer is known than that bound.
    expect(quantile(nothing, after, 0.99)).toBeCloseTo(0.2);
    const before = new Map([
      [0.1, 10],
      [0.2, 10],
      [Infinity, 10],
    ]);
    expect(quantile(before, after, 0.5)).toBeCloseTo(0.175);
    expect(quantile(after, after, 0.5)).toBeNull();
    expect(quantile(nothing, nothing, 0.5)).toBeNull();
  });
});
